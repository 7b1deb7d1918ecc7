//! What the origin has. An answer names its state (`X-Soak`), and the state has all its bytes.

use std::{fmt, ops::Range, time::Duration};

/// Objects.
pub(crate) const COUNT: u64 = 600;
/// How long one that changes by itself stays the same.
pub(crate) const LIVES: Duration = Duration::from_secs(45);
/// By how much the origin may lie about a length, bytes.
pub(crate) const LIE: u64 = 7;
/// Languages that clients ask for; 0 is none.
pub(crate) const LANGUAGES: [&str; 4] = ["", "en", "de", "fr"];

/// Why an object changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// By itself, every [`LIVES`].
    InTime,
    /// And is purged then.
    ByPurge,
    /// By a client's POST, which an HTTP cache must notice (RFC 9111 §4.4).
    ByPost,
}

/// To whom an answer may be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    All,
    /// `private`.
    Private,
    /// `Set-Cookie`.
    Cookie,
}

/// Where it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Site {
    /// Any web site.
    Plain,
    /// Weir's own origin: only for who has a key.
    Keyed,
}

impl Site {
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Plain => "plain.soak",
            Self::Keyed => "keyed.soak",
        }
    }

    pub(crate) fn path(self, id: u64) -> String {
        match self {
            Self::Plain => format!("/o/{id}"),
            Self::Keyed => format!("/v/{ASSET}/1/{id}"),
        }
    }

    /// The reverse.
    pub(crate) fn of_path(path: &str) -> Option<(Self, u64)> {
        let (site, id) = match path.strip_prefix("/o/") {
            Some(id) => (Self::Plain, id),
            None => {
                let rest = path.strip_prefix("/v/")?.strip_prefix(ASSET)?;
                (Self::Keyed, rest.strip_prefix("/1/")?)
            }
        };
        Some((site, id.parse().ok().filter(|&id| id < COUNT)?))
    }
}

/// The one asset of the keyed site.
pub(crate) const ASSET: &str = "soak";

/// One state of one object, for one language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Object {
    pub(crate) id: u64,
    pub(crate) generation: u64,
    pub(crate) language: u64,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.id, self.generation, self.language)
    }
}

impl Object {
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let mut numbers = name.split('-').map(|text| text.parse().ok());
        let object = Self {
            id: numbers.next()??,
            generation: numbers.next()??,
            language: numbers.next()??,
        };
        numbers.next().is_none().then_some(object)
    }

    /// Its validator: strong, or weak, or none.
    pub(crate) fn etag(self) -> Option<String> {
        match self.id {
            id if id % 11 == 5 => None,
            id if id % 7 == 3 => Some(format!("W/\"{self}\"")),
            _ => Some(format!("\"{self}\"")),
        }
    }

    /// Some have 10 KB at most, some 150, one in ten up to 5 MB, a few 16.
    pub(crate) fn len(self) -> u64 {
        let spread = self.id * 7919 % 100;
        let base = match spread {
            0..50 => 100 + spread * 197,
            50..90 => 20_000 + spread * 1_500,
            90..98 => 1_000_000 + (spread - 90) * 550_000,
            _ => 9_000_000 + (spread - 98) * 7_000_000,
        };
        base + (self.generation + self.language) % 13
    }

    pub(crate) fn bytes(self, range: Range<u64>) -> Vec<u8> {
        let aligned = range.start & !7;
        let words = (range.end - aligned).div_ceil(8);
        let mut bytes = Vec::with_capacity(words as usize * 8);
        for number in 0..words {
            bytes.extend_from_slice(&self.word(aligned / 8 + number).to_le_bytes());
        }
        bytes.truncate((range.end - aligned) as usize);
        bytes.drain(..(range.start - aligned) as usize);
        bytes
    }

    /// Differs between objects, states, languages and neighbours.
    fn word(self, number: u64) -> u64 {
        let name = self.id << 40 ^ self.generation << 8 ^ self.language;
        let mixed =
            (number ^ name.wrapping_mul(0xd6e8_feb8_6659_fd93)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
    }
}

/// What is fixed of each object.
pub(crate) fn changes(id: u64) -> Changes {
    match id % 4 {
        2 => Changes::ByPurge,
        3 => Changes::ByPost,
        _ => Changes::InTime,
    }
}

pub(crate) fn sharing(id: u64, site: Site) -> Sharing {
    match (id % 13, site) {
        (4, Site::Plain) => Sharing::Private,
        (7, Site::Plain) => Sharing::Cookie,
        _ => Sharing::All,
    }
}

/// Whether the origin has it in several languages.
pub(crate) fn varies(id: u64, site: Site) -> bool {
    id.is_multiple_of(5) && site == Site::Plain
}

/// Whether the origin may claim that it is shorter than it is.
pub(crate) fn is_lied_about(id: u64) -> bool {
    id % 16 == 5
}

/// Words in `Surrogate-Key`.
pub(crate) fn tags(id: u64) -> String {
    format!("id{id} eighth{}", id % 8)
}
