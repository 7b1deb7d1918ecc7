//! Language tags, and what languages call themselves.

/// ISO 639-1, 639-2/T and 639-2/B codes, and the language's own name for itself. Files
/// carry three letters; RFC 5646 §2.2.1 wants two where there are two.
const LANGUAGES: [(&str, &str, &str, &str); 30] = [
    ("ar", "ara", "ara", "العربية"),
    ("bg", "bul", "bul", "Български"),
    ("cs", "ces", "cze", "Čeština"),
    ("da", "dan", "dan", "Dansk"),
    ("de", "deu", "ger", "Deutsch"),
    ("el", "ell", "gre", "Ελληνικά"),
    ("en", "eng", "eng", "English"),
    ("es", "spa", "spa", "Español"),
    ("fa", "fas", "per", "فارسی"),
    ("fi", "fin", "fin", "Suomi"),
    ("fr", "fra", "fre", "Français"),
    ("he", "heb", "heb", "עברית"),
    ("hi", "hin", "hin", "हिन्दी"),
    ("hr", "hrv", "hrv", "Hrvatski"),
    ("hu", "hun", "hun", "Magyar"),
    ("id", "ind", "ind", "Bahasa Indonesia"),
    ("it", "ita", "ita", "Italiano"),
    ("ja", "jpn", "jpn", "日本語"),
    ("ko", "kor", "kor", "한국어"),
    ("nl", "nld", "dut", "Nederlands"),
    ("no", "nor", "nor", "Norsk"),
    ("pl", "pol", "pol", "Polski"),
    ("pt", "por", "por", "Português"),
    ("ro", "ron", "rum", "Română"),
    ("ru", "rus", "rus", "Русский"),
    ("sv", "swe", "swe", "Svenska"),
    ("th", "tha", "tha", "ไทย"),
    ("tr", "tur", "tur", "Türkçe"),
    ("uk", "ukr", "ukr", "Українська"),
    ("zh", "zho", "chi", "中文"),
];

/// The tag in its shortest form; `None` when it says nothing (`und`), or is none
/// (RFC 5646 §2.1: subtags of 1 to 8 letters and digits, the first of 2 to 8 letters).
#[must_use]
pub fn tag(text: &str) -> Option<String> {
    let subtag =
        |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
    let (primary, rest) = text.split_at(text.find('-').unwrap_or(text.len()));
    let primary = primary.to_ascii_lowercase();
    let letters = primary.len() >= 2 && primary.bytes().all(|b| b.is_ascii_alphabetic());
    if !letters || text.len() > TAG_LEN_MAX || !text.split('-').all(subtag) || primary == "und" {
        return None;
    }
    let known = LANGUAGES.iter().find(|l| l.1 == primary || l.2 == primary);
    Some(known.map_or(primary.as_str(), |l| l.0).to_owned() + rest)
}

/// RFC 5646 §4.4.1: 35 characters hold every tag without extensions.
const TAG_LEN_MAX: usize = 35;

/// The language's own name for itself, with what the tag says besides; the tag where
/// it is not known.
pub(crate) fn name(tag: &str) -> String {
    let (primary, rest) = tag
        .split_once('-')
        .map_or((tag, None), |(p, r)| (p, Some(r)));
    match (LANGUAGES.iter().find(|l| l.0 == primary), rest) {
        (Some(language), None) => language.3.to_owned(),
        (Some(language), Some(rest)) => format!("{} ({rest})", language.3),
        (None, _) => tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_shortest_that_rfc_5646_allows() {
        for (text, short) in [
            ("eng", "en"),
            ("ger", "de"),
            ("EN", "en"),
            ("pt-BR", "pt-BR"),
            ("haw", "haw"),
        ] {
            assert_eq!(tag(text).as_deref(), Some(short), "{text}");
        }
    }

    #[test]
    fn what_is_no_language_is_left_out() {
        let long = "en-".to_owned() + &"abcdefgh-".repeat(4) + "x";
        for text in [
            "",
            "und",
            "e",
            "en-",
            "-en",
            "e\"n",
            "en\nX",
            "e1",
            "englishes",
            &long,
        ] {
            assert_eq!(tag(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_are_in_the_language_itself() {
        for (tag, shown) in [
            ("de", "Deutsch"),
            ("pt-BR", "Português (BR)"),
            ("haw", "haw"),
            ("zh", "中文"),
        ] {
            assert_eq!(name(tag), shown);
        }
    }

    #[test]
    fn the_table_of_languages_is_sorted_and_in_lower_case() {
        assert!(LANGUAGES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(
            LANGUAGES
                .iter()
                .all(|l| l.1.bytes().all(|b| b.is_ascii_lowercase()))
        );
    }
}
