//! What is read, once however often it is named, and what is found in it.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::{
    cmaf,
    init::{self, Facts},
    lock::Lock,
    report::{Rule, Validation},
    rules,
    segment::{self, Measured},
    source::Source,
};
use crate::{session::What, url::Url};

/// A file or a range of it: offset and length.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Part {
    pub(super) url: Url,
    pub(super) range: Option<(u64, u64)>,
    /// Where it is encrypted as a whole.
    pub(super) lock: Option<Lock>,
}

/// A run of segments, whoever lists it.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// Where it is listed.
    pub(super) place: String,
    pub(super) facts: Option<Arc<Facts>>,
    /// `None`: not read, for it was not asked for or cannot be.
    pub(super) segments: Vec<(Part, Option<Measured>)>,
}

/// One validation.
pub(super) struct Context {
    source: Source,
    pub(super) report: Validation,
    /// How many segments of a track are read.
    sample: Option<usize>,
    inits: HashMap<Part, Option<Arc<Facts>>>,
    segments: HashMap<Part, Option<Measured>>,
    /// What was read last: parts of one file follow each other.
    last: Option<(Url, Bytes)>,
    /// Keys of whole segments; `None` where there is none.
    keys: HashMap<Url, Option<[u8; 16]>>,
    /// The first file of each extension, for the rules of HTTP.
    pub(super) examples: Vec<Url>,
}

impl Context {
    pub(super) fn new(source: Source, sample: Option<usize>) -> Self {
        Self {
            source,
            report: Validation::default(),
            sample,
            inits: HashMap::new(),
            segments: HashMap::new(),
            last: None,
            keys: HashMap::new(),
            examples: Vec::new(),
        }
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self.source, Source::Http(_))
    }

    pub(super) fn add(&mut self, rule: Rule, place: &str, words: impl Into<String>) {
        self.report.add(rule, place, words);
    }

    /// A document, its text and the URL that its references resolve against; `None`, and
    /// a finding, if it cannot be read.
    pub(super) async fn document(&mut self, url: &Url) -> Option<(Url, String)> {
        self.report.checked.documents += 1;
        let read = self.source.get(What::Playlist, url).await;
        let text = read.and_then(|(base, body)| {
            self.report.checked.bytes += body.len() as u64;
            String::from_utf8(body.to_vec())
                .map(|text| (base, text))
                .map_err(|_| "not UTF-8".to_owned())
        });
        self.example(url);
        self.told(url, text)
    }

    /// Whether there is such a file; nothing is found if not.
    pub(super) async fn exists(&mut self, url: &Url) -> bool {
        self.source.get(What::Playlist, url).await.is_ok()
    }

    /// The bytes of a part; `None`, and a finding, if they cannot be read.
    pub(super) async fn bytes(&mut self, part: &Part) -> Option<Bytes> {
        let known = self.last.as_ref().filter(|(url, _)| *url == part.url);
        let whole = match known {
            Some((_, whole)) => whole.clone(),
            None => {
                let read = self.source.get(What::Segment, &part.url).await;
                self.example(&part.url);
                let (_, whole) = self.told(&part.url, read)?;
                self.report.checked.bytes += whole.len() as u64;
                self.last = Some((part.url.clone(), whole.clone()));
                whole
            }
        };
        let cut = match part.range {
            None => whole,
            Some((at, len)) => {
                let end = at.checked_add(len).filter(|end| *end <= whole.len() as u64);
                let cut = end.map(|end| whole.slice(at as usize..end as usize));
                let words = || format!("no bytes {at} to {at}+{len}: it has {}", whole.len());
                self.told(&part.url, cut.ok_or_else(words))?
            }
        };
        // A segment is encrypted by itself, wherever it lies (RFC 8216 §4.3.2.4).
        match &part.lock {
            None => Some(cut),
            Some(lock) => self.unlocked(part, lock, &cut).await,
        }
    }

    /// Whether the key of a lock can be read.
    pub(super) async fn opens(&mut self, lock: &Lock) -> bool {
        self.key(lock).await.is_some()
    }

    async fn key(&mut self, lock: &Lock) -> Option<[u8; 16]> {
        if let Some(known) = self.keys.get(&lock.url) {
            return *known;
        }
        let read = self.source.get(What::Segment, &lock.url).await;
        let key = read.ok().and_then(|(_, key)| key[..].try_into().ok());
        self.keys.insert(lock.url.clone(), key);
        key
    }

    async fn unlocked(&mut self, part: &Part, lock: &Lock, whole: &[u8]) -> Option<Bytes> {
        let key = self.key(lock).await?;
        let clear = lock.open(&key, whole);
        if clear.is_none() {
            let words = "not padded as it would be if the key had encrypted it";
            self.add(rules::HLS_CRYPT, &Source::show(&part.url), words);
        }
        clear.map(Bytes::from)
    }

    fn told<T>(&mut self, url: &Url, read: Result<T, String>) -> Option<T> {
        let place = Source::show(url);
        let own = format!("{place}: ");
        read.map_err(|words| {
            // Some errors begin with the URL by themselves.
            let words = words.strip_prefix(&own).unwrap_or(&words);
            self.add(rules::FETCH, &place, words);
        })
        .ok()
    }

    fn example(&mut self, url: &Url) {
        let kind = |url: &Url| {
            let uri = url.to_uri();
            let name = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
            name.rsplit_once('.')
                .map(|(_, extension)| extension.to_owned())
        };
        if self.is_http() && !self.examples.iter().any(|known| kind(known) == kind(url)) {
            self.examples.push(url.clone());
        }
    }

    /// The facts of an init segment, judged when it is first read.
    pub(super) async fn init(&mut self, part: &Part) -> Option<Arc<Facts>> {
        if let Some(known) = self.inits.get(part) {
            return known.clone();
        }
        self.report.checked.segments += 1;
        let place = Source::show(&part.url);
        let mut facts = None;
        if let Some(bytes) = self.bytes(part).await {
            match init::read(&bytes) {
                Ok(read) => {
                    cmaf::check_init(&mut self.report, &place, &read);
                    facts = Some(Arc::new(read));
                }
                Err(error) => self.add(rules::CMAF_BOXES, &place, error.to_string()),
            }
        }
        self.inits.insert(part.clone(), facts.clone());
        facts
    }

    /// A segment, judged when it is first read.
    pub(super) async fn segment(&mut self, part: &Part, facts: &Facts) -> Option<Measured> {
        if let Some(known) = self.segments.get(part) {
            return known.clone();
        }
        self.report.checked.segments += 1;
        let place = Source::show(&part.url);
        let mut measured = None;
        if let Some(bytes) = self.bytes(part).await {
            match segment::read(&bytes, facts) {
                Ok(read) => {
                    cmaf::check_segment(&mut self.report, &place, &read, facts);
                    measured = Some(read);
                }
                Err(error) => {
                    let rule = cmaf::rule_of(&error);
                    self.add(rule, &place, error.to_string());
                }
            }
        }
        self.segments.insert(part.clone(), measured.clone());
        measured
    }

    /// Reads the segments of a track, or as many as were asked for, and judges them as
    /// a whole.
    pub(super) async fn track(
        &mut self,
        place: &str,
        init: Option<&Part>,
        parts: Vec<Part>,
    ) -> Track {
        let facts = match init {
            Some(init) => self.init(init).await,
            None => None,
        };
        let mut segments = Vec::with_capacity(parts.len());
        let count = parts.len();
        for (at, part) in parts.into_iter().enumerate() {
            let measured = match &facts {
                Some(facts) if self.wanted(at, count) => self.segment(&part, facts).await,
                _ => None,
            };
            segments.push((part, measured));
        }
        let track = Track {
            place: place.to_owned(),
            facts,
            segments,
        };
        cmaf::check_track(&mut self.report, &track);
        track
    }

    /// Of a sample: the first ones, whose joints can be checked, and the last.
    pub(super) fn wanted(&self, at: usize, count: usize) -> bool {
        self.sample
            .is_none_or(|sample| at + 1 < sample || at + 1 == count)
    }
}

impl Track {
    /// Text has no init segment, and its segments are judged apart.
    pub(super) fn of_text(place: &str) -> Self {
        Self {
            place: place.to_owned(),
            facts: None,
            segments: Vec::new(),
        }
    }

    /// Segments that were read.
    pub(super) fn measured(&self) -> impl Iterator<Item = &Measured> {
        self.segments
            .iter()
            .filter_map(|(_, measured)| measured.as_ref())
    }

    /// All of them, if all were read and there is one.
    pub(super) fn whole(&self) -> Option<Vec<&Measured>> {
        let all: Option<Vec<_>> = self.segments.iter().map(|(_, m)| m.as_ref()).collect();
        all.filter(|all| !all.is_empty())
    }

    /// The longest sample, seconds.
    pub(super) fn frame_secs(&self) -> f64 {
        let longest = self.measured().map(|m| m.longest).max().unwrap_or(0);
        self.facts
            .as_ref()
            .map_or(0.0, |facts| facts.secs(i64::from(longest)))
    }

    /// Frames a second, on the average.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        let facts = self.facts.as_ref()?;
        let (samples, units) = self.measured().fold((0_u64, 0_i64), |(samples, units), m| {
            (samples + u64::from(m.samples), units + m.end - m.start)
        });
        (units > 0).then(|| samples as f64 / facts.secs(units))
    }
}
