//! Which fields of a request choose among the answers to it (RFC 9111 §4.1).

use std::sync::atomic::{AtomicU64, Ordering};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY},
};

use crate::freshness::split_unquoted;

/// Most fields that an answer may vary by; one with more is stored for nobody. Chosen.
pub(crate) const NAMES_MAX: usize = 16;

/// What an answer varies by, and the values that it was chosen for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vary {
    pub(crate) names: Box<[HeaderName]>,
    pub(crate) values: Box<str>,
    /// `Content-Language`, where nothing but `Accept-Language` chooses.
    pub(crate) language: Option<Box<str>>,
    /// Of all variants of one object that were stored since it was last removed: others
    /// must not come back with the next answer.
    pub(crate) group: u64,
}

impl Vary {
    /// `None` if the answer does not vary. `sent` is what went up of the request: what
    /// the origin never saw can't have chosen.
    pub(crate) fn of(answer: &HeaderMap, sent: &HeaderMap) -> Option<Self> {
        let names = names(answer);
        (!names.is_empty()).then(|| Self {
            language: language(&names, answer),
            values: values(&names, sent).into(),
            names,
            group: new_group(),
        })
    }

    /// Whether an answer's own `Vary` names what it is stored by.
    pub(crate) fn is_as_said(stored: Option<&Self>, answer: &HeaderMap) -> bool {
        let by = stored.map_or(&[][..], |stored| &stored.names);
        !answer.contains_key(VARY) && by.is_empty() || *names(answer) == *by
    }

    /// Whether an answer so chosen is one for a request with these fields.
    pub(crate) fn matches(&self, sent: &HeaderMap) -> bool {
        values(&self.names, sent) == *self.values || self.speaks_for(sent)
    }

    /// The answer varies by language alone, and is in the one that the request wants most
    /// (RFC 9110 §12.5.4): who has it would give it.
    fn speaks_for(&self, sent: &HeaderMap) -> bool {
        let Some(language) = &self.language else {
            return false;
        };
        let wanted = most_wanted(sent);
        wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(language))
    }

    /// Names the variant for a request with these fields.
    pub(crate) fn variant(&self, sent: &HeaderMap) -> String {
        format!("{:x}\0{}", self.group, values(&self.names, sent))
    }

    /// Names this variant.
    pub(crate) fn own_variant(&self) -> String {
        format!("{:x}\0{}", self.group, self.values)
    }

    /// Whether it chooses by the same fields.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.names == other.names
    }

    pub(crate) fn is_same_variant(&self, other: &Self) -> bool {
        self.values == other.values
    }

    /// Becomes a variant of the same object.
    pub(crate) fn join(&mut self, other: &Self) {
        self.group = other.group;
    }

    /// What it takes in memory, bytes.
    pub(crate) fn weight(&self) -> usize {
        self.values.len() + self.names.len() * size_of::<HeaderName>()
    }
}

/// Whether no other request can be told to match: by `*`, by what is no field's name, or by
/// too many (RFC 9111 §4.1).
pub(crate) fn is_untold(answer: &HeaderMap) -> bool {
    let is_name = |member: &[u8]| member != b"*" && HeaderName::from_bytes(member).is_ok();
    members(answer).any(|member| !is_name(member)) || names(answer).len() > NAMES_MAX
}

/// Unlike any before, also of other processes: objects outlive them on disk.
fn new_group() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Of `Vary`; empty ones are no fault (RFC 9110 §5.6.1.2).
fn members(answer: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let fields = answer.get_all(VARY).iter();
    let members = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    members
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

fn names(answer: &HeaderMap) -> Box<[HeaderName]> {
    let names = members(answer).filter_map(|name| HeaderName::from_bytes(name).ok());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    names.into()
}

fn language(names: &[HeaderName], answer: &HeaderMap) -> Option<Box<str>> {
    let text = answer.get(CONTENT_LANGUAGE)?.to_str().ok()?;
    (names == [ACCEPT_LANGUAGE] && !text.contains(',')).then(|| text.trim().into())
}

/// The one language that is named with the greatest weight.
fn most_wanted(sent: &HeaderMap) -> Option<String> {
    let text = sent
        .get(ACCEPT_LANGUAGE)?
        .to_str()
        .ok()?
        .to_ascii_lowercase();
    let range = |member: &str| {
        let (tag, weight) = member.split_once(';').unwrap_or((member, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
        Some((tag.trim().to_owned(), weight))
    };
    let ranges: Vec<_> = text.split(',').map(range).collect::<Option<_>>()?;
    let greatest = ranges.iter().map(|(_, weight)| *weight).fold(0.0, f32::max);
    let mut first = ranges.into_iter().filter(|(_, weight)| *weight >= greatest);
    let (tag, _) = first.next().filter(|(_, weight)| *weight > 0.0)?;
    (first.next().is_none() && tag != "*").then_some(tag)
}

/// The values, in one spelling: lines joined, space around commas gone (§4.1), and for
/// fields whose meaning is known here, what means the same written alike.
fn values(names: &[HeaderName], sent: &HeaderMap) -> String {
    let mut text = String::new();
    for name in names {
        if sent.contains_key(name) {
            let lines = sent.get_all(name).iter();
            // A byte above 127 stays apart from every other.
            let lines: Vec<_> = lines.map(HeaderValue::as_bytes).collect();
            let joined: String = lines.join(&b","[..]).into_iter().map(char::from).collect();
            let mut members: Vec<_> = split_unquoted(&joined).map(str::to_owned).collect();
            if *name == ACCEPT_ENCODING || *name == ACCEPT_LANGUAGE {
                // RFC 9110 §12.5.3, §12.5.4: case says nothing; weights do, order does not.
                members
                    .iter_mut()
                    .for_each(|member| *member = member.to_ascii_lowercase().replace(' ', ""));
                members.sort_unstable();
            }
            text.push('=');
            text.push_str(&members.join(","));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        fields.iter().map(parse).collect()
    }

    fn chosen(vary: &str, sent: &[(&str, &str)]) -> Vary {
        Vary::of(&fields(&[("vary", vary)]), &fields(sent)).unwrap()
    }

    #[test]
    fn an_answer_is_for_requests_with_the_same_values() {
        let vary = chosen("foo, Bar", &[("foo", "1"), ("bar", "a, b")]);
        for (sent, same) in [
            (vec![("foo", "1"), ("bar", "a, b")], true),
            (vec![("foo", "1"), ("bar", "a,b")], true),
            (vec![("bar", "a ,b"), ("foo", "1"), ("x", "y")], true),
            (vec![("foo", "2"), ("bar", "a, b")], false),
            (vec![("foo", "1"), ("bar", "b, a")], false),
            (vec![("foo", "1"), ("bar", "\"a, b\"")], false),
            (vec![("foo", "1")], false),
            (vec![("foo", ""), ("bar", "a, b")], false),
        ] {
            assert_eq!(vary.matches(&fields(&sent)), same, "{sent:?}");
        }
    }

    #[test]
    fn bytes_above_127_are_told_apart() {
        let sent = |byte| {
            let value = HeaderValue::from_bytes(&[byte]).unwrap();
            HeaderMap::from_iter([(HeaderName::from_static("foo"), value)])
        };
        let vary = Vary::of(&fields(&[("vary", "foo")]), &sent(0xfc)).unwrap();
        assert!(vary.matches(&sent(0xfc)) && !vary.matches(&sent(0xf6)));
    }

    #[test]
    fn an_absent_field_is_not_an_empty_one() {
        let vary = chosen("foo", &[]);
        assert!(vary.matches(&fields(&[])) && !vary.matches(&fields(&[("foo", "")])));
    }

    #[test]
    fn codings_and_languages_are_the_same_in_any_order_and_case() {
        let vary = chosen("Accept-Encoding", &[("accept-encoding", "gzip, BR;q=0.5")]);
        assert!(vary.matches(&fields(&[("accept-encoding", "br; q=0.5,gzip")])));
        assert!(!vary.matches(&fields(&[("accept-encoding", "br, gzip")])));
        let vary = chosen("accept-language", &[("accept-language", "EN, de")]);
        assert!(vary.matches(&fields(&[("accept-language", "de,en")])));
    }

    #[test]
    fn an_answer_in_the_language_that_is_wanted_most_is_the_answer() {
        let answer = fields(&[("vary", "accept-language"), ("content-language", "de")]);
        let vary = Vary::of(&answer, &fields(&[("accept-language", "en, de")])).unwrap();
        for (wanted, matches) in [
            ("fr;q=0.5, DE;q=1.0", true),
            ("de", true),
            ("de-AT, de;q=0.9", false),
            ("fr, de", false),
            ("de;q=0", false),
            ("de;q=x", false),
            ("*", false),
        ] {
            let sent = fields(&[("accept-language", wanted)]);
            assert_eq!(vary.matches(&sent), matches, "{wanted}");
        }
    }

    #[test]
    fn what_does_not_vary_has_no_variants() {
        assert_eq!(Vary::of(&fields(&[("vary", "")]), &fields(&[])), None);
        assert_eq!(Vary::of(&fields(&[]), &fields(&[("foo", "1")])), None);
    }

    #[test]
    fn variants_of_two_times_are_kept_apart() {
        let (old, mut new) = (chosen("foo", &[]), chosen("foo", &[]));
        assert_ne!(old.own_variant(), new.own_variant());
        new.join(&old);
        assert_eq!(old.own_variant(), new.variant(&fields(&[])));
    }
}
