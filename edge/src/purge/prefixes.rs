use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use super::marks::Marks;

/// Purges by prefix, in order of their text.
#[derive(Default)]
pub(super) struct Prefixes(BTreeMap<Arc<str>, Marks>);

impl Prefixes {
    pub(super) fn entry(&mut self, text: &Arc<str>) -> &mut Marks {
        self.0.entry(text.clone()).or_default()
    }

    pub(super) fn get(&self, text: &str) -> Option<&Marks> {
        self.0.get(text)
    }

    pub(super) fn remove(&mut self, text: &str) -> Option<Marks> {
        self.0.remove(text)
    }

    /// Calls `found` for each that `key` begins with.
    ///
    /// All prefixes of `key` stand before it in order, and a text before it that is none
    /// shows how long one can be: so few are looked at, however many there are.
    pub(super) fn for_each_of(&self, key: &str, mut found: impl FnMut(&Marks)) {
        let mut upper = Bound::Included(key);
        loop {
            let range = (Bound::Unbounded, upper);
            let Some((text, marks)) = self.0.range::<str, _>(range).next_back() else {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(prefixes: &Prefixes, key: &str) -> Vec<u64> {
        let mut found = Vec::new();
        prefixes.for_each_of(key, |marks| found.push(marks.hard));
        found.sort_unstable();
        found
    }

    #[test]
    fn the_empty_one_is_of_all() {
        let mut prefixes = Prefixes::default();
        prefixes.entry(&"".into()).note(1, None);
        for key in ["", "/", "/x", "a.test/x"] {
            assert_eq!(found(&prefixes, key), [1], "{key}");
        }
    }

    proptest! {
        #[test]
        fn each_that_a_key_begins_with_is_found_and_no_other(
            texts in prop::collection::hash_set("[/abä]{0,5}", 0..20),
            key in "[/abä]{0,8}",
        ) {
            let mut prefixes = Prefixes::default();
            let mut expected = Vec::new();
            for (n, text) in (1..).zip(&texts) {
                prefixes.entry(&text.as_str().into()).note(n, None);
                expected.extend(key.starts_with(text).then_some(n));
            }
            prop_assert_eq!(found(&prefixes, &key), expected);
        }
    }
}
