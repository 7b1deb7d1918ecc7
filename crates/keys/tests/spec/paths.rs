//! URI containers: which paths a key names, and how.

use sha2::{Digest, Sha256};

use crate::*;

#[test]
fn a_pattern_matches_the_whole_path() {
    assert!(opens("regex:/v/(ab|cd)/.*", "/v/cd/x"));
    assert!(!opens("regex:/v/(ab|cd)/x", "/v/cd/xy"));
    assert!(!opens("regex:/v/ab/x|/v/cd/y", "/v/ab/xy"));
    assert!(!opens("regex:/v/a.\\.mp4", "/v/a-mp4"));
    assert!(opens("regex:/v/a\\-b/.*", "/v/a-b/x"));
    assert!(!opens("regex:", "/v/ab/x"));
}

#[test]
fn a_pattern_is_bounded_and_stands_alone() {
    let long = format!("regex:/{}", "a".repeat(300));
    for pattern in [
        "regex:/v/ab)|(?:.*",
        "regex:(",
        "regex:((a{99}){99}){99}",
        "regex:\\pL{300}",
        &long,
        "/v/ab/.*",
        "uri:/v/ab",
    ] {
        let refused = refusal(&with_claim("cdniuc", pattern.into()));
        assert!(
            matches!(refused, KeyError::Unsupported(_)),
            "{pattern}: {refused}"
        );
    }
}

#[test]
fn a_pattern_says_nothing_of_how_it_is_read() {
    for pattern in [
        "(?i)/v/ab/.*",
        "(?i:/v/AB/.*)",
        "/v/(?x: a b )/.*",
        "/v/(?u:\\w)/.*",
        "/v/(?P<name>a)/x",
        "/v/(?<name>a)/x",
        "/v/(?=a)b",
        "/v/(a)\\1/x",
        "/v/(a)(?",
        "/v/\u{212a}/.*",
        "/v/a b",
        "/v/a\n",
    ] {
        let refused = refusal(&with_claim("cdniuc", format!("regex:{pattern}").into()));
        assert!(
            matches!(refused, KeyError::Unsupported(_)),
            "{pattern}: {refused}"
        );
    }
    assert!(opens("regex:/v/(?:a|b)/\\(?x", "/v/b/(x"));
}

#[test]
fn a_pattern_is_of_ascii() {
    // The Kelvin sign is a k to Unicode, and an Arabic digit a digit.
    assert!(opens("regex:/v/\\w\\d/[[:alpha:]]", "/v/k1/x"));
    for path in ["/v/\u{212a}1/x", "/v/k\u{661}/x", "/v/k1/\u{e9}"] {
        assert!(!opens("regex:/v/\\w\\d/[[:alpha:]]", path), "{path}");
    }
    assert!(!opens("regex:/v/ab/.*x", "/V/AB/x"));
}

#[test]
fn a_regex_bomb_is_refused_or_done_in_linear_time() {
    for bomb in [
        "(((((a{9}){9}){9}){9}){9})",
        "(.{1,99}){99}",
        "a{1000000}",
        "((((((((((((((((((a))))))))))))))))))",
    ] {
        let refused = refusal(&with_claim("cdniuc", format!("regex:/{bomb}").into()));
        assert!(matches!(refused, KeyError::Unsupported(_)), "{bomb}");
    }
    // Exponential where an engine goes back.
    let long = format!("/{}!", "a".repeat(1000));
    for slow in ["/(a+)+", "/(a|a)*", "/(a|aa)+", "/(.*a){9}", "/(a*)*"] {
        assert!(!opens(&format!("regex:{slow}"), &long), "{slow}");
    }
}

#[test]
fn no_pattern_is_held_against_a_path_of_more_than_1024_bytes() {
    let path = |len: usize| format!("/v/{}", "a".repeat(len - 3));
    assert!(opens("regex:/v/a+", &path(1024)));
    assert!(!opens("regex:/v/a+", &path(1025)));
}

#[test]
fn a_hash_opens_one_path() {
    let hash = |path: &str| BASE64.encode(Sha256::digest(path));
    let only = format!("hash:sha-256;{}", hash("/v/ab/x.m4s"));
    assert!(opens(&only, "/v/ab/x.m4s"));
    for path in ["/v/ab/x.m4s/", "/v/ab/y.m4s", "/v/ab/x", "/v/AB/x.m4s"] {
        assert!(!opens(&only, path), "{path}");
    }
    let escaped = format!("hash:sha-256;{}", hash("/v/ab/%2e%2e/x"));
    assert!(!opens(&escaped, "/v/ab/%2e%2e/x"));
}

#[test]
fn a_hash_is_whole_and_sha_256() {
    let good = BASE64.encode(Sha256::digest("/v/ab/x"));
    for (hash, expected) in [
        (format!("sha-256;{}", &good[..42]), KeyError::Malformed),
        (format!("sha-256;{good}="), KeyError::Malformed),
        (format!("sha-256;{good}?x"), KeyError::Malformed),
        ("sha-256;".to_owned(), KeyError::Malformed),
        (
            format!("sha-256-128;{good}"),
            KeyError::Unsupported("another hash than sha-256"),
        ),
        (
            format!("SHA-256;{good}"),
            KeyError::Unsupported("another hash than sha-256"),
        ),
        (good, KeyError::Unsupported("another hash than sha-256")),
    ] {
        let refused = refusal(&with_claim("cdniuc", format!("hash:{hash}").into()));
        assert_eq!(refused, expected, "{hash}");
    }
}
