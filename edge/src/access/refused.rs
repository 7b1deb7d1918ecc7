//! Tokens that were refused for good: a player that asks again and again with one costs no
//! signature each time.

use std::{
    hash::{BuildHasher, RandomState},
    sync::RwLock,
};

use keys::{KeyError, TOKEN_LEN_MAX};

use super::Refusal;

/// How many are remembered, one for each place: a later one takes a place over. Chosen: about
/// 50 KiB.
const PLACES: usize = 1024;

/// See the module.
pub(super) struct Refused {
    places: Box<[RwLock<Option<Known>>]>,
    /// Two, with secrets of their own: nobody finds a token that is taken for another.
    hashers: [RandomState; 2],
}

#[derive(Clone, Copy)]
struct Known {
    hash: u64,
    /// Of the public keys that refused it.
    generation: u64,
    refusal: Refusal,
}

impl Refused {
    pub(super) fn new() -> Self {
        Self {
            places: (0..PLACES).map(|_| RwLock::new(None)).collect(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Why these public keys refuse a token, if they did before.
    pub(super) fn get(&self, token: &str, generation: u64) -> Option<Refusal> {
        let (place, hash) = self.place(token)?;
        let known = (*place.read().expect("no holder panics"))?;
        let is_it = known.hash == hash && known.generation == generation;
        is_it.then_some(known.refusal)
    }

    /// Remembers what time does not mend.
    pub(super) fn keep(&self, token: &str, generation: u64, refusal: Refusal) {
        if matches!(refusal, Refusal::Invalid(KeyError::NotYetValid)) {
            return;
        }
        if let Some((place, hash)) = self.place(token) {
            *place.write().expect("no holder panics") = Some(Known {
                hash,
                generation,
                refusal,
            });
        }
    }

    /// None for what is refused unread.
    fn place(&self, token: &str) -> Option<(&RwLock<Option<Known>>, u64)> {
        if token.len() > TOKEN_LEN_MAX {
            return None;
        }
        let [one, two] = &self.hashers;
        let place = self.places.get(one.hash_one(token) as usize % PLACES)?;
        Some((place, two.hash_one(token)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_by_its_token_and_public_keys_and_takes_no_more_memory() {
        let refused = Refused::new();
        for n in 0..10_000 {
            refused.keep(&format!("token {n}"), 1, Refusal::Expired);
        }
        assert_eq!(refused.get("token 9999", 1), Some(Refusal::Expired));
        assert_eq!(refused.get("token 9999", 2), None);
        assert_eq!(refused.get("token 10000", 1), None);
        let found = (0..10_000).filter(|n| refused.get(&format!("token {n}"), 1).is_some());
        assert!(found.count() <= PLACES);
    }

    #[test]
    fn what_may_become_good_is_not_remembered() {
        let refused = Refused::new();
        refused.keep("early", 1, Refusal::Invalid(KeyError::NotYetValid));
        assert_eq!(refused.get("early", 1), None);
        let long = "x".repeat(TOKEN_LEN_MAX + 1);
        refused.keep(&long, 1, Refusal::Invalid(KeyError::TooLong));
        assert_eq!(refused.get(&long, 1), None);
    }
}
