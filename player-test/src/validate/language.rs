//! Tags of languages (RFC 5646 §2.1), their form only.

/// Whether a tag is well-formed: `de`, `zh-Hant-TW`, `sl-rozaj-biske`, `x-ours`.
pub(super) fn well_formed(tag: &str) -> bool {
    let parts: Vec<&str> = tag.split('-').collect();
    let alike = |part: &&str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if !parts.iter().all(alike) {
        return false;
    }
    if parts[0].eq_ignore_ascii_case("x") || parts[0].eq_ignore_ascii_case("i") {
        return parts.len() > 1;
    }
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
    // After a singleton comes at least one part of two signs or more.
    let alone = parts
        .windows(2)
        .any(|two| two[0].len() == 1 && two[1].len() == 1);
    let ends_alone = parts.last().is_some_and(|part| part.len() == 1);
    (2..=8).contains(&parts[0].len()) && letters(parts[0]) && !ends_alone && !alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_a_tag_is_judged() {
        for good in [
            "en",
            "deu",
            "zh-Hant-TW",
            "de-DE-1996",
            "es-419",
            "x-ours",
            "en-x-a1",
            "und",
        ] {
            assert!(well_formed(good), "{good}");
        }
        for bad in [
            "",
            "e",
            "en_US",
            "english language",
            "en-",
            "x",
            "de-toolongpart",
            "1a",
            "en-a",
        ] {
            assert!(!well_formed(bad), "{bad}");
        }
    }
}
