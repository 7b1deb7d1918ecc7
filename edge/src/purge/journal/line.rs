//! What stands in a journal, line by line, in JSON.

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use crate::purge::{Purge, Selector, marks::Marks, set::Set};

/// In the first line, so that no other file is taken for one.
const KIND: &str = "weir-purges-1";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct First {
    kind: String,
    pub(super) epoch: u64,
    /// All before it is dead.
    #[serde(default)]
    horizon_hard: u64,
    /// All before it is stale, and was so from that time on, in milliseconds since 1970.
    horizon: u64,
    #[serde(default)]
    horizon_at: u64,
    pub(super) newest: u64,
}

/// Each other line.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) offset: u64,
    soft: bool,
    /// Milliseconds since 1970.
    at: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

impl First {
    pub(super) fn of(epoch: u64, newest: u64, set: &Set) -> Self {
        let horizon = set.horizon();
        Self {
            kind: KIND.to_owned(),
            epoch,
            horizon_hard: horizon.hard,
            horizon: horizon.soft,
            horizon_at: horizon.soft_at.map_or(0, unix_millis),
            newest,
        }
    }

    pub(super) fn read(line: &str) -> io::Result<Self> {
        let first: Self = read(line)?;
        if first.kind == KIND {
            return Ok(first);
        }
        let why = "it is no journal of purges";
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }

    pub(super) fn horizon(&self) -> Marks {
        Marks {
            hard: self.horizon_hard,
            soft: self.horizon,
            soft_at: (self.horizon > 0).then(|| instant(self.horizon_at)),
        }
    }
}

impl Line {
    /// Of a purge that came just now.
    pub(super) fn of(offset: u64, purge: &Purge) -> Self {
        let mut line = Self {
            offset,
            soft: purge.soft,
            at: unix_millis(Instant::now()),
            ..Self::default()
        };
        purge.selectors.iter().for_each(|one| line.add(one));
        line
    }

    /// All that are remembered, by offset: each is of one purge, hence of one kind.
    pub(super) fn all(set: &Set) -> BTreeMap<u64, Self> {
        let mut lines = BTreeMap::new();
        for (selector, marks) in set.selectors() {
            for (offset, soft_at) in [(marks.hard, None), (marks.soft, marks.soft_at)] {
                if offset == 0 {
                    continue;
                }
                let line: &mut Self = lines.entry(offset).or_default();
                line.offset = offset;
                line.soft = soft_at.is_some();
                line.at = unix_millis(soft_at.unwrap_or_else(Instant::now));
                line.add(selector);
            }
        }
        lines
    }

    /// Puts it in force again.
    pub(super) fn add_to(self, set: &mut Set) {
        let soft = self.soft.then(|| instant(self.at));
        let urls = self.urls.into_iter().map(|it| Selector::Url(it.into()));
        let prefixes = self.prefixes.into_iter();
        let prefixes = prefixes.map(|it| Selector::Prefix(it.into()));
        let tags = self.tags.into_iter().map(|it| Selector::Tag(it.into()));
        let selectors: Vec<_> = urls.chain(prefixes).chain(tags).collect();
        set.add(&selectors, self.offset, soft);
    }

    fn add(&mut self, selector: &Selector) {
        let list = match selector {
            Selector::Url(_) => &mut self.urls,
            Selector::Prefix(_) => &mut self.prefixes,
            Selector::Tag(_) => &mut self.tags,
        };
        list.push(selector.text().to_string());
    }
}

pub(super) fn read<T: DeserializeOwned>(line: &str) -> io::Result<T> {
    Ok(serde_json::from_str(line)?)
}

/// With its end.
pub(super) fn write(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    Ok(text)
}

fn unix_millis(at: Instant) -> u64 {
    let wall = SystemTime::now().checked_sub(at.elapsed());
    let since = wall.and_then(|wall| wall.duration_since(UNIX_EPOCH).ok());
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// When that was; now, if it lies ahead or before the machine's start.
fn instant(millis: u64) -> Instant {
    let now = Instant::now();
    let then = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    let ago = then.and_then(|then| SystemTime::now().duration_since(then).ok());
    ago.and_then(|ago| now.checked_sub(ago)).unwrap_or(now)
}
