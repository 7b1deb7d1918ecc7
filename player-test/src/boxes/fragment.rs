//! Media segments: one or more fragments, each a `moof` and its `mdat`.

use super::{
    Box, BoxError, Fields, FourCc, boxes, find,
    init::{Defaults, Init},
};

/// `sample_is_non_sync_sample` (ISO/IEC 14496-12 §8.8.3.1).
const NON_SYNC: u32 = 0x1_0000;

/// What a segment holds of one track, in units of its timescale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) track: u32,
    /// Decode time of the first sample.
    pub(crate) start: u64,
    /// Decode time after the last sample.
    pub(crate) end: u64,
    /// The longest sample.
    pub(crate) sample_max: u32,
    /// The first sample can be decoded by itself.
    pub(crate) begins_with_sync: bool,
}

/// Reads a segment: each fragment is whole, begins where the one before ended, and has
/// the bytes of all its samples.
pub(crate) fn read_segment(bytes: &[u8], init: &Init) -> Result<Vec<Run>, BoxError> {
    let top = boxes(bytes)?;
    let mut runs: Vec<Run> = Vec::new();
    find(&top, b"mdat")?;
    for (at, moof) in top.iter().enumerate().filter(|(_, b)| b.kind.0 == *b"moof") {
        let mdat = find(&top[at..], b"mdat")?;
        let mut needed = 0_u64;
        for traf in boxes(moof.body)?
            .into_iter()
            .filter(|b| b.kind.0 == *b"traf")
        {
            let (run, len) = read_track(traf, init)?;
            needed = needed.checked_add(len).ok_or(BoxError::TooLarge)?;
            append(&mut runs, run)?;
        }
        let has = mdat.body.len() as u64;
        if needed > has {
            return Err(BoxError::SamplesOverrun { needed, has });
        }
    }
    if runs.is_empty() {
        return Err(BoxError::Missing(FourCc(*b"moof")));
    }
    Ok(runs)
}

fn append(runs: &mut Vec<Run>, run: Run) -> Result<(), BoxError> {
    let Some(before) = runs.iter_mut().find(|known| known.track == run.track) else {
        runs.push(run);
        return Ok(());
    };
    if before.end != run.start {
        let (track, found, expected) = (run.track, run.start, before.end);
        return Err(BoxError::Gap {
            track,
            found,
            expected,
        });
    }
    before.end = run.end;
    before.sample_max = before.sample_max.max(run.sample_max);
    Ok(())
}

/// A `traf`, and how many bytes its samples have.
fn read_track(traf: Box<'_>, init: &Init) -> Result<(Run, u64), BoxError> {
    let parts = boxes(traf.body)?;
    let (track, defaults) = read_header(find(&parts, b"tfhd")?, init)?;
    let mut tfdt = Fields::of(find(&parts, b"tfdt")?);
    let (version, _) = tfdt.version()?;
    let start = tfdt.time(version)?;
    let mut sum = Sum::default();
    for trun in parts.iter().filter(|b| b.kind.0 == *b"trun") {
        sum.add(*trun, defaults)?;
    }
    let first_flags = sum.first_flags.ok_or(BoxError::Missing(FourCc(*b"trun")))?;
    let end = start.checked_add(sum.duration).ok_or(BoxError::TooLarge)?;
    let begins_with_sync = first_flags & NON_SYNC == 0;
    Ok((
        Run {
            track,
            start,
            end,
            sample_max: sum.sample_max,
            begins_with_sync,
        },
        sum.len,
    ))
}

fn read_header(tfhd: Box<'_>, init: &Init) -> Result<(u32, Defaults), BoxError> {
    let mut fields = Fields::of(tfhd);
    let (_, flags) = fields.version()?;
    let id = fields.u32()?;
    let of_init = init.track(id)?.defaults;
    if flags & 0x1 != 0 {
        fields.u64()?; // base_data_offset
    }
    fields.u32_if(flags & 0x2 != 0)?; // sample_description_index
    let duration = fields.u32_if(flags & 0x8 != 0)?.unwrap_or(of_init.duration);
    let size = fields.u32_if(flags & 0x10 != 0)?.unwrap_or(of_init.size);
    let flags = fields.u32_if(flags & 0x20 != 0)?.unwrap_or(of_init.flags);
    Ok((
        id,
        Defaults {
            duration,
            size,
            flags,
        },
    ))
}

#[derive(Default)]
struct Sum {
    duration: u64,
    len: u64,
    sample_max: u32,
    first_flags: Option<u32>,
}

impl Sum {
    fn add(&mut self, trun: Box<'_>, defaults: Defaults) -> Result<(), BoxError> {
        let mut fields = Fields::of(trun);
        let (_, flags) = fields.version()?;
        let count = fields.u32()?;
        fields.u32_if(flags & 0x1 != 0)?; // data_offset
        let first_flags = fields.u32_if(flags & 0x4 != 0)?;
        if flags & 0xf00 == 0 {
            // Nothing is said sample by sample, so no loop that a count could make endless.
            return self.add_alike(count, defaults, first_flags);
        }
        for at in 0..count {
            let duration = fields
                .u32_if(flags & 0x100 != 0)?
                .unwrap_or(defaults.duration);
            let size = fields.u32_if(flags & 0x200 != 0)?.unwrap_or(defaults.size);
            let own = fields.u32_if(flags & 0x400 != 0)?;
            fields.u32_if(flags & 0x800 != 0)?; // composition offset
            let first = first_flags.filter(|_| at == 0);
            self.first_flags
                .get_or_insert(first.or(own).unwrap_or(defaults.flags));
            self.sample_max = self.sample_max.max(duration);
            self.duration += u64::from(duration);
            self.len += u64::from(size);
        }
        Ok(())
    }

    fn add_alike(
        &mut self,
        count: u32,
        each: Defaults,
        first: Option<u32>,
    ) -> Result<(), BoxError> {
        if count == 0 {
            return Ok(());
        }
        let many = |n: u32| u64::from(count) * u64::from(n);
        self.first_flags.get_or_insert(first.unwrap_or(each.flags));
        self.sample_max = self.sample_max.max(each.duration);
        self.duration = self
            .duration
            .checked_add(many(each.duration))
            .ok_or(BoxError::TooLarge)?;
        self.len = self
            .len
            .checked_add(many(each.size))
            .ok_or(BoxError::TooLarge)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::InitTrack;

    fn init() -> Init {
        let defaults = Defaults {
            duration: 10,
            size: 3,
            flags: NON_SYNC,
        };
        Init {
            tracks: vec![InitTrack {
                id: 1,
                handler: FourCc(*b"vide"),
                timescale: 100,
                defaults,
            }],
        }
    }

    fn b(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let len = u32::try_from(body.len() + 8).unwrap();
        [&len.to_be_bytes()[..], kind, &body].concat()
    }

    /// Two samples of 20 and 30 units, 2 and 4 bytes, the first one a sync sample.
    fn fragment(start: u32, data: &[u8]) -> Vec<u8> {
        let tfhd = b(b"tfhd", &[&[0; 4], &1_u32.to_be_bytes()]);
        let tfdt = b(b"tfdt", &[&[0; 4], &start.to_be_bytes()]);
        let samples = [2_u32, 0, 20, 2, 30, 4].map(u32::to_be_bytes).concat();
        let trun = b(b"trun", &[&[0, 0, 3, 4], &samples]);
        let traf = b(b"traf", &[&tfhd, &tfdt, &trun]);
        [b(b"moof", &[&traf]), b(b"mdat", &[data])].concat()
    }

    #[test]
    fn fragments_that_follow_each_other_are_one_run() {
        let segment = [
            b(b"styp", &[b"msdh"]),
            fragment(100, b"abcdef"),
            fragment(150, b"abcdef"),
        ];
        let run = Run {
            track: 1,
            start: 100,
            end: 200,
            sample_max: 30,
            begins_with_sync: true,
        };
        assert_eq!(read_segment(&segment.concat(), &init()).unwrap(), [run]);
    }

    #[test]
    fn a_hole_between_fragments_is_told() {
        let segment = [fragment(100, b"abcdef"), fragment(151, b"abcdef")].concat();
        let gap = BoxError::Gap {
            track: 1,
            found: 151,
            expected: 150,
        };
        assert_eq!(read_segment(&segment, &init()).unwrap_err(), gap);
    }

    #[test]
    fn samples_need_their_bytes_and_a_known_track() {
        let short = read_segment(&fragment(0, b"abcde"), &init()).unwrap_err();
        assert_eq!(short, BoxError::SamplesOverrun { needed: 6, has: 5 });
        let none = read_segment(&fragment(0, b"abcdef"), &Init { tracks: vec![] }).unwrap_err();
        assert_eq!(none, BoxError::UnknownTrack(1));
    }

    #[test]
    fn a_count_of_samples_that_are_all_alike_costs_nothing() {
        let mut sum = Sum::default();
        let body = [&[0; 4][..], &u32::MAX.to_be_bytes()].concat();
        sum.add(
            Box {
                kind: FourCc(*b"trun"),
                at: 0,
                body: &body,
            },
            init().tracks[0].defaults,
        )
        .unwrap();
        assert_eq!(sum.duration, 10 * u64::from(u32::MAX));
        assert_eq!(sum.first_flags, Some(NON_SYNC));
    }

    #[test]
    fn no_cut_of_a_segment_is_a_segment() {
        let segment = fragment(0, b"abcdef");
        for len in 0..segment.len() {
            assert!(read_segment(&segment[..len], &init()).is_err(), "{len}");
        }
    }
}
