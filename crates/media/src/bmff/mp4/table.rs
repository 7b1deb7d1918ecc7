//! The sample table: where and when each sample is (§8.6, §8.7).

use super::fields;
use crate::bmff::{
    BoxError, FourCc,
    boxes::{Fields, only},
};

/// Most samples of one track. Chosen: 18 hours at 120 frames/s.
pub const SAMPLES_MAX: u32 = 8_000_000;
/// Places in a file beyond this are refused, so that sizes can be added without a care.
const OFFSET_MAX: u64 = 1 << 62;

/// The samples of one track, about as compact as the file has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    count: u32,
    sizes: Sizes,
    durations: Vec<Run<u32>>,
    /// Empty: all 0.
    compositions: Vec<Run<i32>>,
    /// Where each chunk starts.
    chunks: Vec<u64>,
    chunk_runs: Vec<ChunkRun>,
    /// Numbers of samples from 0, ascending; `None`: all of them.
    sync: Option<Vec<u32>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Sizes {
    Same(u32),
    Each(Vec<u32>),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Same(0)
    }
}

/// So many samples of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run<T> {
    count: u32,
    value: T,
}

/// From this chunk on, up to the next run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ChunkRun {
    first: usize,
    samples: u32,
    entry: u32,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its number, from 0, in decode order.
    pub number: u32,
    /// Where its bytes start in the file.
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// In the track's timescale, from 0.
    pub decode_time: u64,
    /// Until the next sample's decode time.
    pub duration: u32,
    /// In the track's timescale, before edits.
    pub presentation_time: i64,
    /// The file says that decoding can start here. Not to be trusted.
    pub sync: bool,
    /// Which of the track's entries it needs, from 0.
    pub entry: u32,
}

impl Placed {
    /// Behind its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + u64::from(self.size)
    }
}

impl Table {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Without samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All samples, in decode order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            table: self,
            number: 0,
            duration: Cursor::default(),
            composition: Cursor::default(),
            sync: 0,
            decode_time: 0,
            chunk: 0,
            chunk_run: 0,
            in_chunk: 0,
            offset: 0,
        }
    }

    /// Reads the boxes of an `stbl`, whose `stsd` has so many entries.
    pub(super) fn read(stbl: &[u8], entries: usize) -> Result<Self, BoxError> {
        let (count, sizes) = sizes(stbl)?;
        if count > SAMPLES_MAX {
            return Err(BoxError::Unsupported("number of samples".into()));
        }
        let table = Self {
            count,
            sizes,
            durations: runs(only(stbl, b"stts")?, b"stts", count, Ok)?,
            compositions: match fields::first(stbl, b"ctts") {
                Some(ctts) => runs(ctts, b"ctts", count, |word| Ok(word as i32))?,
                None => Vec::new(),
            },
            chunks: chunks(stbl)?,
            chunk_runs: chunk_runs(only(stbl, b"stsc")?, entries)?,
            sync: fields::first(stbl, b"stss").map(sync).transpose()?,
        };
        if table
            .durations
            .iter()
            .any(|run| run.value > i32::MAX as u32)
        {
            return Err(wrong(b"stts", "time goes backwards"));
        }
        if table.in_chunks() < u64::from(count) {
            return Err(wrong(b"stsc", "more samples than chunks hold"));
        }
        Ok(table)
    }

    /// How many samples the chunks hold.
    fn in_chunks(&self) -> u64 {
        let ends = self.chunk_runs.iter().skip(1).map(|run| run.first);
        let ends = ends.chain([self.chunks.len()]);
        let held = self.chunk_runs.iter().zip(ends).map(|(run, end)| {
            let chunks = end.min(self.chunks.len()).saturating_sub(run.first) as u64;
            chunks * u64::from(run.samples)
        });
        held.fold(0, u64::saturating_add)
    }
}

fn wrong(inside: &[u8; 4], what: &'static str) -> BoxError {
    BoxError::Invalid {
        inside: FourCc(*inside),
        what,
    }
}

/// `count` big-endian words of `words` each, all of which must be there: so that memory
/// is taken only for what is.
fn list<'a>(fields: &mut Fields<'a>, words: usize) -> Result<&'a [u8], BoxError> {
    let count = usize::try_from(fields.u32()?).unwrap_or(usize::MAX);
    fields.bytes(count.saturating_mul(4 * words))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let at = at * 4;
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// `stsz` (§8.7.3.2) or `stz2`.
fn sizes(stbl: &[u8]) -> Result<(u32, Sizes), BoxError> {
    if let Some(stz2) = fields::first(stbl, b"stz2") {
        return compact_sizes(stz2);
    }
    let mut fields = Fields::of(b"stsz", only(stbl, b"stsz")?);
    fields.version_flags()?;
    let same = fields.u32()?;
    if same != 0 {
        return Ok((fields.u32()?, Sizes::Same(same)));
    }
    let each = list(&mut fields, 1)?;
    let each: Vec<u32> = each.chunks_exact(4).map(|b| word(b, 0)).collect();
    Ok((each.len() as u32, Sizes::Each(each)))
}

/// Sizes of 4, 8 or 16 bits (§8.7.3.3).
fn compact_sizes(stz2: &[u8]) -> Result<(u32, Sizes), BoxError> {
    let mut fields = Fields::of(b"stz2", stz2);
    fields.version_flags()?;
    let bits = fields.u32()? & 0xff;
    let count = fields.u32()?;
    let len = (u64::from(count) * u64::from(bits)).div_ceil(8);
    let bytes = fields.bytes(usize::try_from(len).unwrap_or(usize::MAX))?;
    let mut each: Vec<u32> = match bits {
        4 => bytes
            .iter()
            .flat_map(|b| [u32::from(b >> 4), u32::from(b & 15)])
            .collect(),
        8 => bytes.iter().map(|b| u32::from(*b)).collect(),
        16 => bytes
            .chunks_exact(2)
            .map(|b| u32::from(u16::from_be_bytes([b[0], b[1]])))
            .collect(),
        _ => return Err(wrong(b"stz2", "field size")),
    };
    each.truncate(count as usize);
    Ok((count, Sizes::Each(each)))
}

/// `stts` or `ctts`: runs that cover all samples.
fn runs<T>(
    body: &[u8],
    kind: &[u8; 4],
    samples: u32,
    value: impl Fn(u32) -> Result<T, BoxError>,
) -> Result<Vec<Run<T>>, BoxError> {
    let mut fields = Fields::of(kind, body);
    fields.version_flags()?;
    let mut covered = 0_u64;
    let mut runs = Vec::new();
    for pair in list(&mut fields, 2)?.chunks_exact(8) {
        let count = word(pair, 0);
        covered += u64::from(count);
        if count > 0 {
            runs.push(Run {
                count,
                value: value(word(pair, 1))?,
            });
        }
    }
    if covered < u64::from(samples) {
        return Err(wrong(kind, "fewer samples than stsz"));
    }
    Ok(runs)
}

/// `stco` or `co64` (§8.7.5).
fn chunks(stbl: &[u8]) -> Result<Vec<u64>, BoxError> {
    if let Some(stco) = fields::first(stbl, b"stco") {
        let mut fields = Fields::of(b"stco", stco);
        fields.version_flags()?;
        let offsets = list(&mut fields, 1)?;
        return Ok(offsets.chunks_exact(4).map(|b| word(b, 0).into()).collect());
    }
    let mut fields = Fields::of(b"co64", only(stbl, b"co64")?);
    fields.version_flags()?;
    let offset = |b: &[u8]| u64::from(word(b, 0)) << 32 | u64::from(word(b, 1));
    let offsets = list(&mut fields, 2)?.chunks_exact(8).map(offset);
    let offsets: Vec<u64> = offsets.collect();
    if offsets.iter().any(|offset| *offset > OFFSET_MAX) {
        return Err(wrong(b"co64", "offset out of reach"));
    }
    Ok(offsets)
}

/// `stsc` (§8.7.4).
fn chunk_runs(stsc: &[u8], entries: usize) -> Result<Vec<ChunkRun>, BoxError> {
    let mut fields = Fields::of(b"stsc", stsc);
    fields.version_flags()?;
    let mut runs: Vec<ChunkRun> = Vec::new();
    for triple in list(&mut fields, 3)?.chunks_exact(12) {
        let (chunk, samples, entry) = (word(triple, 0), word(triple, 1), word(triple, 2));
        let first = (chunk as usize).wrapping_sub(1);
        let ascends = runs.last().map_or(first == 0, |run| run.first < first);
        if !ascends || samples == 0 || entry == 0 || entry as usize > entries {
            return Err(wrong(b"stsc", "order of chunks, or a chunk of nothing"));
        }
        runs.push(ChunkRun {
            first,
            samples,
            entry: entry - 1,
        });
    }
    Ok(runs)
}

/// `stss` (§8.6.2).
fn sync(stss: &[u8]) -> Result<Vec<u32>, BoxError> {
    let mut fields = Fields::of(b"stss", stss);
    fields.version_flags()?;
    let numbers = list(&mut fields, 1)?.chunks_exact(4);
    let numbers: Vec<u32> = numbers.map(|b| word(b, 0).wrapping_sub(1)).collect();
    if !numbers.is_sorted() || numbers.last() == Some(&u32::MAX) {
        return Err(wrong(b"stss", "order of samples"));
    }
    Ok(numbers)
}

/// See [`Table::iter`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    table: &'a Table,
    number: u32,
    duration: Cursor,
    composition: Cursor,
    /// Of the next number in `sync`.
    sync: usize,
    decode_time: u64,
    chunk: usize,
    chunk_run: usize,
    in_chunk: u32,
    offset: u64,
}

/// A place in a list of runs.
#[derive(Debug, Clone, Default)]
struct Cursor {
    run: usize,
    used: u32,
}

impl Cursor {
    fn next<T: Copy>(&mut self, runs: &[Run<T>]) -> Option<T> {
        let run = runs.get(self.run)?;
        self.used += 1;
        if self.used == run.count {
            *self = Self {
                run: self.run + 1,
                used: 0,
            };
        }
        Some(run.value)
    }
}

impl Iterator for Iter<'_> {
    type Item = Placed;

    fn next(&mut self) -> Option<Placed> {
        if self.number >= self.table.count {
            return None;
        }
        let run = self.enter_chunk()?;
        let size = match &self.table.sizes {
            Sizes::Same(size) => *size,
            Sizes::Each(sizes) => *sizes.get(self.number as usize)?,
        };
        let duration = self.duration.next(&self.table.durations)?;
        let composition = self.composition.next(&self.table.compositions).unwrap_or(0);
        let placed = Placed {
            number: self.number,
            offset: self.offset,
            size,
            decode_time: self.decode_time,
            duration,
            presentation_time: self.decode_time as i64 + i64::from(composition),
            sync: self.is_sync(),
            entry: run.entry,
        };
        self.number += 1;
        self.decode_time += u64::from(duration);
        self.offset = placed.end();
        self.in_chunk += 1;
        if self.in_chunk == run.samples {
            self.chunk += 1;
            self.in_chunk = 0;
        }
        Some(placed)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.table.count - self.number) as usize;
        (left, Some(left))
    }
}

impl Iter<'_> {
    /// The run of the chunk that the next sample is in; its place is set where it is the
    /// chunk's first.
    fn enter_chunk(&mut self) -> Option<ChunkRun> {
        if self.in_chunk == 0 {
            self.offset = *self.table.chunks.get(self.chunk)?;
            let next = self.table.chunk_runs.get(self.chunk_run + 1);
            if next.is_some_and(|next| next.first == self.chunk) {
                self.chunk_run += 1;
            }
        }
        self.table.chunk_runs.get(self.chunk_run).copied()
    }

    fn is_sync(&mut self) -> bool {
        let Some(numbers) = &self.table.sync else {
            return true;
        };
        let mut found = false;
        while numbers.get(self.sync).is_some_and(|n| *n <= self.number) {
            found |= numbers[self.sync] == self.number;
            self.sync += 1;
        }
        found
    }
}
