//! The purges in force, by selector.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    Purge, Selector,
    marks::{Judgement, Marks},
    prefixes::Prefixes,
    tags::{Tag, Tags},
};

/// Most selectors that are remembered. Chosen: a day of one purge each ten seconds.
const SELECTORS_MAX: usize = 8192;
/// Most text of them, bytes. Chosen: 512 for each.
const TEXT_MAX: usize = 4 << 20;

/// See the module. Bounded: the oldest purges are folded into a horizon, as if they had been
/// for all there is.
pub(crate) struct Set {
    urls: HashMap<Arc<str>, Marks>,
    prefixes: Prefixes,
    tags: HashMap<Tag, Marks>,
    /// The newest purge by any tag.
    tagged: Marks,
    /// By when they were purged last; the second number tells those of one purge apart.
    order: BTreeMap<(u64, u32), Selector>,
    places: HashMap<Selector, (u64, u32)>,
    text_len: usize,
    horizon: Marks,
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
            prefixes: Prefixes::default(),
            tags: HashMap::new(),
            tagged: Marks::default(),
            order: BTreeMap::new(),
            places: HashMap::new(),
            text_len: 0,
            horizon: Marks::default(),
            limit,
        }
    }

    /// Adds a purge, newer than all before it.
    pub(super) fn add(&mut self, selectors: &[Selector], offset: u64, soft: Option<Instant>) {
        for (n, selector) in (0..).zip(selectors) {
            let marks = match selector {
                Selector::Url(url) => self.urls.entry(url.clone()).or_default(),
                Selector::Prefix(text) => self.prefixes.entry(text),
                Selector::Tag(name) => {
                    self.tagged.note(offset, soft);
                    self.tags.entry(Tag::of(name)).or_default()
                }
            };
            marks.note(offset, soft);
            self.place(selector, (offset, n));
        }
        self.fold();
    }

    fn place(&mut self, selector: &Selector, place: (u64, u32)) {
        match self.places.insert(selector.clone(), place) {
            Some(before) => drop(self.order.remove(&before)),
            None => self.text_len += selector.text().len(),
        }
        self.order.insert(place, selector.clone());
    }

    /// Forgets the oldest until the rest fits. Which objects they took is not known then: so
    /// all that are older.
    fn fold(&mut self) {
        while self.order.len() > self.limit || self.text_len > TEXT_MAX {
            let Some((_, selector)) = self.order.pop_first() else {
                return;
            };
            self.places.remove(&selector);
            self.text_len -= selector.text().len();
            let marks = match &selector {
                Selector::Url(url) => self.urls.remove(url),
                Selector::Prefix(text) => self.prefixes.remove(text),
                Selector::Tag(name) => self.tags.remove(&Tag::of(name)),
            };
            self.horizon.join(&marks.unwrap_or_default());
        }
    }

    /// What holds for all that is older.
    pub(super) fn horizon(&self) -> Marks {
        self.horizon
    }

    /// Takes over what was folded before.
    pub(super) fn set_horizon(&mut self, horizon: Marks) {
        self.horizon = horizon;
    }

    /// Selectors, oldest first, each with its latest purge of either kind.
    pub(super) fn selectors(&self) -> impl Iterator<Item = (&Selector, Marks)> {
        let selectors = self.order.values();
        selectors.filter_map(|selector| Some((selector, *self.marks(selector)?)))
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
        let mut judged = self.horizon.judge(offset);
        let mut found = |marks: &Marks| judged = judged.worse(marks.judge(offset));
        self.urls.get(subject.key).into_iter().for_each(&mut found);
        self.prefixes.for_each_of(subject.key, &mut found);
        match subject.tags {
            None | Some(Tags::TooMany) => found(&self.tagged),
            Some(Tags::These(tags)) => {
                let marks = tags.iter().filter_map(|tag| self.tags.get(tag));
                marks.for_each(found);
            }
        }
        judged
    }
}
