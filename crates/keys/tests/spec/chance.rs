//! What no example thought of.

use proptest::prelude::*;

use crate::*;

proptest! {
    // Chosen: signatures are slow in a build without optimisation.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_is_a_key_and_none_panics(text in "\\PC{0,200}", a in ".{0,40}", b in ".{0,40}") {
        prop_assert!(verify(&text).is_err());
        prop_assert!(verify(&signed(&a, &b)).is_err());
        let shown = keys::redact(&text).into_owned();
        prop_assert!(!shown.contains("eyJ"));
    }

    #[test]
    fn a_minted_key_says_what_was_minted(job in "[a-z0-9-]{1,40}", attempt: u32, sub in ".{0,20}") {
        let claims = Claims { sub: Some(sub), ..keys::worker(&job, attempt, NOW, NOW + 1, "j".into()) };
        let key = verify(&mint(&signing(), &claims)).unwrap();
        prop_assert_eq!(key.claims(), &claims);
    }

    #[test]
    fn one_changed_bit_closes_a_key(at in 0_usize..300, bit in 0_u8..7) {
        let token = minted();
        let mut bytes = token.into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(verify(&changed).is_err(), "{}", changed);
    }
}
