//! The purges in force, by selector.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    Purge, Selector,
    tags::{Tag, Tags},
};

/// Most selectors that are remembered. Chosen: a day of one purge each ten seconds.
const SELECTORS_MAX: usize = 8192;
/// Most text of them, bytes. Chosen: 512 for each.
const TEXT_MAX: usize = 4 << 20;

/// When something was purged last, by offset; 0 is never.
#[derive(Debug, Clone, Copy)]
struct Marks {
    hard: u64,
    soft: u64,
    soft_at: Option<Instant>,
}

/// What a purge makes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    Alive,
    /// Stale since then.
    Stale(Instant),
    Dead,
}

/// See the module. Bounded: the oldest purges are folded into a horizon, and all that is
/// older than that is stale.
pub(crate) struct Set {
    urls: HashMap<Arc<str>, Marks>,
    prefixes: BTreeMap<Arc<str>, Marks>,
    tags: HashMap<Tag, Marks>,
    /// The newest purge by any tag.
    tagged: Option<Marks>,
    /// By when they were purged last; the second number tells those of one purge apart.
    order: BTreeMap<(u64, u32), Selector>,
    places: HashMap<Selector, (u64, u32)>,
    text_len: usize,
    horizon: Option<(u64, Instant)>,
    /// Of what is remembered.
    limit: usize,
}

/// What is looked up.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The cache key.
    pub(crate) key: &'a str,
    /// None of an answer whose head has not come: a purge by any tag may be meant for it.
    pub(crate) tags: Option<&'a Tags>,
}

impl Set {
    pub(super) fn new() -> Self {
        Self::of(SELECTORS_MAX)
    }

    /// This purge alone.
    pub(crate) fn just(purge: &Purge) -> Self {
        let mut set = Self::of(usize::MAX);
        set.add(&purge.selectors, 1, None);
        set
    }

    /// Whether a purge by these selectors is about it.
    pub(crate) fn takes(&self, subject: Subject<'_>) -> bool {
        self.judge(subject, 0) == Judgement::Dead
    }

    fn of(limit: usize) -> Self {
        Self {
            urls: HashMap::new(),
            prefixes: BTreeMap::new(),
            tags: HashMap::new(),
            tagged: None,
            order: BTreeMap::new(),
            places: HashMap::new(),
            text_len: 0,
            horizon: None,
            limit,
        }
    }

    /// Adds a purge, newer than all before it.
    pub(super) fn add(&mut self, selectors: &[Selector], offset: u64, soft: Option<Instant>) {
        for (n, selector) in (0..).zip(selectors) {
            let marks = match selector {
                Selector::Url(url) => self.urls.entry(url.clone()).or_insert(Marks::NEVER),
                Selector::Prefix(text) => self.prefixes.entry(text.clone()).or_insert(Marks::NEVER),
                Selector::Tag(name) => {
                    let tagged = self.tagged.get_or_insert(Marks::NEVER);
                    tagged.note(offset, soft);
                    self.tags.entry(Tag::of(name)).or_insert(Marks::NEVER)
                }
            };
            marks.note(offset, soft);
            self.place(selector, (offset, n));
        }
        self.fold(soft.unwrap_or_else(Instant::now));
    }

    fn place(&mut self, selector: &Selector, place: (u64, u32)) {
        match self.places.insert(selector.clone(), place) {
            Some(before) => drop(self.order.remove(&before)),
            None => self.text_len += selector.text().len(),
        }
        self.order.insert(place, selector.clone());
    }

    /// Forgets the oldest until the rest fits.
    fn fold(&mut self, now: Instant) {
        while self.order.len() > self.limit || self.text_len > TEXT_MAX {
            let Some(((offset, _), selector)) = self.order.pop_first() else {
                return;
            };
            self.places.remove(&selector);
            self.text_len -= selector.text().len();
            match &selector {
                Selector::Url(url) => drop(self.urls.remove(url)),
                Selector::Prefix(text) => drop(self.prefixes.remove(text)),
                Selector::Tag(name) => drop(self.tags.remove(&Tag::of(name))),
            }
            self.horizon = Some((offset, now));
        }
    }

    /// What is older than this is stale.
    pub(super) fn horizon(&self) -> u64 {
        self.horizon.map_or(0, |(offset, _)| offset)
    }

    /// Takes over what was folded before.
    pub(super) fn set_horizon(&mut self, offset: u64, now: Instant) {
        self.horizon = Some((offset, now)).filter(|_| offset > 0);
    }

    /// Selectors, oldest first, each with the offset of its latest purge of either kind.
    pub(super) fn selectors(&self) -> impl Iterator<Item = (&Selector, Latest)> {
        self.order.values().filter_map(|selector| {
            let marks = self.marks(selector)?;
            let latest = Latest {
                hard: marks.hard,
                soft: marks.soft,
                soft_at: marks.soft_at,
            };
            Some((selector, latest))
        })
    }

    fn marks(&self, selector: &Selector) -> Option<&Marks> {
        match selector {
            Selector::Url(url) => self.urls.get(url),
            Selector::Prefix(text) => self.prefixes.get(text),
            Selector::Tag(name) => self.tags.get(&Tag::of(name)),
        }
    }

    /// What became of an object whose bytes were asked for when `offset` was in force.
    pub(super) fn judge(&self, subject: Subject<'_>, offset: u64) -> Judgement {
        let mut judged = match self.horizon {
            Some((horizon, at)) if offset < horizon => Judgement::Stale(at),
            _ => Judgement::Alive,
        };
        self.for_each(subject, &mut |marks| {
            judged = judged.worse(marks.judge(offset));
        });
        judged
    }

    fn for_each(&self, subject: Subject<'_>, found: &mut impl FnMut(&Marks)) {
        self.urls.get(subject.key).into_iter().for_each(&mut *found);
        self.for_each_prefix(subject.key, found);
        match subject.tags {
            None | Some(Tags::TooMany) => self.tagged.iter().for_each(found),
            Some(Tags::These(tags)) => {
                let marks = tags.iter().filter_map(|tag| self.tags.get(tag));
                marks.for_each(found);
            }
        }
    }

    /// All prefixes of `key` stand before it in order, and a text before it that is none
    /// shows how long one can be: so few are looked at, however many there are.
    fn for_each_prefix(&self, key: &str, found: &mut impl FnMut(&Marks)) {
        let mut upper = Bound::Included(key);
        loop {
            let range = (Bound::Unbounded, upper);
            let Some((text, marks)) = self.prefixes.range::<str, _>(range).next_back() else {
                return;
            };
            let text: &str = text;
            if key.starts_with(text) {
                found(marks);
                upper = Bound::Excluded(text);
            } else {
                upper = Bound::Included(common(key, text));
            }
        }
    }
}

/// The longest text that both begin with.
fn common<'a>(key: &'a str, other: &str) -> &'a str {
    let same = key.bytes().zip(other.bytes()).take_while(|(a, b)| a == b);
    let mut len = same.count();
    while !key.is_char_boundary(len) {
        len -= 1;
    }
    &key[..len]
}

/// The latest purges by one selector, by offset; 0 is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latest {
    pub(super) hard: u64,
    pub(super) soft: u64,
    pub(super) soft_at: Option<Instant>,
}

impl Marks {
    const NEVER: Self = Self {
        hard: 0,
        soft: 0,
        soft_at: None,
    };

    fn note(&mut self, offset: u64, soft: Option<Instant>) {
        match soft {
            Some(at) => (self.soft, self.soft_at) = (offset, Some(at)),
            None => self.hard = offset,
        }
    }

    fn judge(&self, offset: u64) -> Judgement {
        match self.soft_at {
            _ if offset < self.hard => Judgement::Dead,
            Some(at) if offset < self.soft => Judgement::Stale(at),
            _ => Judgement::Alive,
        }
    }
}

impl Judgement {
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dead, _) | (_, Self::Dead) => Self::Dead,
            (Self::Stale(a), Self::Stale(b)) => Self::Stale(a.min(b)),
            (Self::Stale(at), Self::Alive) | (Self::Alive, Self::Stale(at)) => Self::Stale(at),
            (Self::Alive, Self::Alive) => Self::Alive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Selector {
        Selector::Url(text.into())
    }

    fn prefix(text: &str) -> Selector {
        Selector::Prefix(text.into())
    }

    fn tag(name: &str) -> Selector {
        Selector::Tag(name.into())
    }

    /// What becomes of an untagged object under `key`.
    fn judge(set: &Set, key: &str, offset: u64) -> Judgement {
        let none = Tags::These([].into());
        let tags = Some(&none);
        set.judge(Subject { key, tags }, offset)
    }

    #[test]
    fn what_was_asked_for_before_a_purge_is_dead_and_what_came_after_is_not() {
        let mut set = Set::new();
        set.add(&[url("/a")], 3, None);
        set.add(&[url("/b")], 4, None);
        assert_eq!(judge(&set, "/a", 2), Judgement::Dead);
        assert_eq!(judge(&set, "/a", 3), Judgement::Alive);
        assert_eq!(judge(&set, "/a?x", 2), Judgement::Alive);
        assert_eq!(judge(&set, "/b", 3), Judgement::Dead);
    }

    #[test]
    fn a_hard_purge_is_not_softened_by_a_later_soft_one() {
        let mut set = Set::new();
        let at = Instant::now();
        set.add(&[url("/a")], 1, None);
        set.add(&[url("/a")], 2, Some(at));
        assert_eq!(judge(&set, "/a", 0), Judgement::Dead);
        assert_eq!(judge(&set, "/a", 1), Judgement::Stale(at));
        assert_eq!(judge(&set, "/a", 2), Judgement::Alive);
    }

    #[test]
    fn a_prefix_takes_all_that_begins_so_whatever_stands_beside_it() {
        let mut set = Set::new();
        for (n, text) in (1..).zip(["/v/", "/v/a/1/", "/v/a/1/x", "/v/b", "/v/a/2", "/w"]) {
            set.add(&[prefix(text)], n, None);
        }
        for (key, newest) in [
            ("/v/a/1/0.m4s", 2),
            ("/v/a/1/x", 3),
            ("/v/a/1/xy?q", 3),
            ("/v/a/10", 1),
            ("/v/b", 4),
            ("/v/zz", 1),
            ("/w", 6),
        ] {
            assert_eq!(judge(&set, key, newest - 1), Judgement::Dead, "{key}");
            assert_eq!(judge(&set, key, newest), Judgement::Alive, "{key}");
        }
        for key in ["/", "/v", "/u/v/", "/x"] {
            assert_eq!(judge(&set, key, 0), Judgement::Alive, "{key}");
        }
    }

    #[test]
    fn a_tag_takes_what_bears_it_and_what_bears_too_many() {
        let mut set = Set::new();
        set.add(&[tag("a")], 1, None);
        let judge = |tags: Option<&Tags>| set.judge(Subject { key: "/x", tags }, 0);
        let these = |name| Tags::These([Tag::of("b"), Tag::of(name)].into());
        assert_eq!(judge(Some(&these("a"))), Judgement::Dead);
        assert_eq!(judge(Some(&these("A"))), Judgement::Alive);
        assert_eq!(judge(Some(&Tags::TooMany)), Judgement::Dead);
        // The head of a running fetch has not come: its tags could be any.
        assert_eq!(judge(None), Judgement::Dead);
    }

    #[test]
    fn the_oldest_purges_are_folded_into_a_horizon() {
        let mut set = Set::of(2);
        set.add(&[url("/a")], 1, None);
        set.add(&[tag("b")], 2, None);
        assert_eq!(set.horizon(), 0);
        set.add(&[url("/a")], 3, None);
        set.add(&[prefix("/c")], 4, None);
        // Of the three, the tag was purged the longest ago.
        assert_eq!(set.horizon(), 2);
        assert!(matches!(judge(&set, "/x", 1), Judgement::Stale(_)));
        assert_eq!(judge(&set, "/x", 2), Judgement::Alive);
        assert_eq!(judge(&set, "/a", 2), Judgement::Dead);
        assert_eq!(set.selectors().count(), 2);
    }

    #[test]
    fn the_text_of_selectors_is_bounded_too() {
        let mut set = Set::new();
        let long = "x".repeat(TEXT_MAX / 2);
        for n in 1..=3 {
            set.add(&[url(&format!("/{n}{long}"))], n, None);
        }
        assert!(set.text_len <= TEXT_MAX);
        assert_eq!(set.horizon(), 2);
    }
}
