//! What `Cache-Control` and `CDN-Cache-Control` say (RFC 9111 §5.2.2, RFC 5861, RFC 9213).

use http::{HeaderMap, HeaderName, header::CACHE_CONTROL};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// Addressed to caches that stand for the origin (RFC 9213 §3.1).
pub(crate) const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
/// Numbers above this are taken for it (RFC 9111 §1.2.2).
pub(super) const SECONDS_MAX: u64 = 1 << 31;

/// Directives of an answer. Those that are not known are ignored (§5.2.3).
#[derive(Debug, Default)]
pub(super) struct Directives {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) private: bool,
    pub(super) public: bool,
    pub(super) must_revalidate: bool,
    /// As strict; of sharing it says nothing (RFC 9111 §3.5).
    pub(super) proxy_revalidate: bool,
    pub(super) must_understand: bool,
    pub(super) max_age: Option<u64>,
    pub(super) s_maxage: Option<u64>,
    pub(super) while_revalidate: u64,
    pub(super) if_error: u64,
}

impl Directives {
    /// `Cache-Control`; `None` if there is no such field, or nothing in it.
    pub(super) fn public(headers: &HeaderMap) -> Option<Self> {
        let mut found = None;
        for field in headers.get_all(CACHE_CONTROL) {
            // What can't be read could have forbidden anything.
            let Ok(text) = field.to_str() else {
                found.get_or_insert_with(Self::default).no_store = true;
                continue;
            };
            for directive in split_unquoted(text) {
                let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
                // An unreadable lifetime is none (RFC 9111 §4.2.1).
                let value = number(value).unwrap_or(0);
                found
                    .get_or_insert_with(Self::default)
                    .take(&name.to_ascii_lowercase(), value);
            }
        }
        found
    }

    /// `CDN-Cache-Control`, a structured field; `None` if there is none that can be read,
    /// or nothing in it (RFC 9213 §2.1).
    pub(super) fn targeted(headers: &HeaderMap) -> Option<Self> {
        let fields = headers.get_all(CDN_CACHE_CONTROL).iter();
        let mut text = Vec::new();
        for field in fields {
            if !text.is_empty() {
                text.push(b',');
            }
            text.extend_from_slice(field.as_bytes());
        }
        let dictionary: Dictionary = Parser::new(&text).parse().ok()?;
        let mut found = None;
        for (name, member) in &dictionary {
            let item = match member {
                ListEntry::Item(item) => Some(&item.bare_item),
                // A ban with arguments is one all the same.
                ListEntry::InnerList(_) => None,
            };
            let value = match item {
                Some(BareItem::Boolean(false)) => continue,
                Some(BareItem::Integer(value)) => u64::try_from(i64::from(*value)).unwrap_or(0),
                // A lifetime that is no number is not said at all.
                _ if takes_seconds(name.as_str()) => continue,
                _ => 0,
            };
            found
                .get_or_insert_with(Self::default)
                .take(name.as_str(), value.min(SECONDS_MAX));
        }
        found
    }

    /// `name` in lower case.
    fn take(&mut self, name: &str, value: u64) {
        // Of several the least counts.
        let least = |before: Option<u64>| Some(before.map_or(value, |had| had.min(value)));
        match name {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "private" => self.private = true,
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "max-age" => self.max_age = least(self.max_age),
            "s-maxage" => self.s_maxage = least(self.s_maxage),
            "stale-while-revalidate" => self.while_revalidate = value,
            "stale-if-error" => self.if_error = value,
            // A misspelt lifetime, `max-age = 5`, is none, rather than unknown.
            name if name.trim_end() == "max-age" => self.max_age = Some(0),
            name if name.trim_end() == "s-maxage" => self.s_maxage = Some(0),
            _ => {}
        }
    }
}

fn takes_seconds(name: &str) -> bool {
    const NAMES: [&str; 4] = [
        "max-age",
        "s-maxage",
        "stale-while-revalidate",
        "stale-if-error",
    ];
    NAMES.contains(&name)
}

/// Splits at commas that do not stand in a quoted string; empty parts are dropped.
pub(crate) fn split_unquoted(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let here = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == ',' && !here
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// A number, or one in quotes (RFC 9111 §5.2 takes both); one too large for 64 bits is the
/// largest.
pub(super) fn number(text: &str) -> Option<u64> {
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let digits = bare.unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX).min(SECONDS_MAX))
}
