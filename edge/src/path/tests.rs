use proptest::prelude::*;

use super::{
    spelling::{is_canonical, spelled},
    *,
};

const PLAIN: Reading<'_> = Reading {
    kind: Kind::Plain,
    host: "",
    query: &Query::Keep,
};

fn weir(path: &str, query: &str) -> Result<Target, Refused> {
    Target::parse(path, Some(query), Reading::WEIR)
}

#[test]
fn a_key_prefix_is_no_part_of_the_cache_key() {
    let with = weir("/k/tok.en/v/a/1/v720/0.m4s", "").unwrap();
    let without = weir("/v/a/1/v720/0.m4s", "").unwrap();
    assert_eq!(with.key, without.key);
    assert_eq!(with.token.as_deref(), Some("tok.en"));
    assert_eq!(with.asset(), Some("a"));
    assert_eq!(with.media_path(), "/v/a/1/v720/0.m4s");
}

#[test]
fn two_spellings_of_one_path_are_one_key() {
    let plain = weir("/v/a-b/x~1%2C", "").unwrap();
    assert_eq!(weir("/%76/%61%2db/x%7E1%2c", "").unwrap(), plain);
}

#[test]
fn paths_that_readers_disagree_about_are_refused() {
    for path in [
        "/v/../a",
        "/v/./a",
        "/v/%2e%2E/a",
        "/v/a/..",
        "/v/..;/a",
        "/v/%2e.;x=1/a",
        "/v//a",
        "//v/a",
        "/v/a%2fb",
        "/v/a%2Fb",
        "/v/a%5cb",
        "/v/a\\b",
        "/v/a%00",
        "/v/a%0a",
        "/v/a%7f",
        "/v/a%",
        "/v/a%4",
        "/v/a%zz",
        "/v/ä",
        "v/a",
        "",
    ] {
        assert!(
            matches!(weir(path, ""), Err(Refused::Malformed(_))),
            "{path}"
        );
        let plain = Target::parse(path, None, PLAIN);
        assert!(matches!(plain, Err(Refused::Malformed(_))), "{path}");
    }
}

#[test]
fn the_api_and_keyed_pages_are_not_here() {
    for path in [
        "/api",
        "/api/x",
        "/%61pi/x",
        "/k/t",
        "/k/t/watch/a",
        "/k/t/k/t/v/a",
    ] {
        assert!(matches!(weir(path, ""), Err(Refused::NotHere(_))), "{path}");
    }
}

#[test]
fn on_a_plain_site_no_path_is_special() {
    for path in ["/v/a/x.m4s", "/k/t/v/a", "/api/x"] {
        let target = Target::parse(path, Some("b=2&a=1"), PLAIN).unwrap();
        assert_eq!(target.key.as_str(), format!("{path}?b=2&a=1"));
        assert_eq!((target.zone, target.token), (Zone::Open, None));
    }
}

#[test]
fn an_empty_query_is_none() {
    let open = |query| Target::parse("/x", query, PLAIN).unwrap().key;
    assert_eq!(open(Some("")), open(None));
}

#[test]
fn of_several_sites_the_host_is_part_of_the_key_and_not_of_what_is_asked() {
    let query = Query::Keep;
    let reading = Reading {
        host: "a.example",
        query: &query,
        ..PLAIN
    };
    let target = Target::parse("/x", Some("b=/c"), reading).unwrap();
    assert_eq!(target.key.as_str(), "a.example/x?b=/c");
    assert_eq!(target.key.path_and_query(), "/x?b=/c");
    assert_eq!(target.key.variant("en/v").path_and_query(), "/x?b=/c");
    let media = Reading {
        kind: Kind::Weir,
        ..reading
    };
    let target = Target::parse("/v/a/1/x.m4s", None, media).unwrap();
    assert_eq!(target.media_path(), "/v/a/1/x.m4s");
    assert_eq!(target.asset(), Some("a"));
}

#[test]
fn of_a_query_that_counts_which_the_site_says() {
    let only = Query::Only(Box::new(["a".to_owned(), "c".to_owned()]));
    for (query, key) in [(&Query::Drop, "/x"), (&only, "/x?c=3&a=1&a")] {
        let reading = Reading { query, ..PLAIN };
        let target = Target::parse("/x", Some("c=3&b=2&a=1&a&ab=4"), reading).unwrap();
        assert_eq!(target.key.as_str(), key);
    }
}

proptest! {
    #[test]
    fn the_canonical_path_is_its_own_canonical_path(path in "/[ -~]{0,40}") {
        if let Ok(once) = canonical(&path) {
            prop_assert_eq!(canonical(&once), Ok(once.clone()));
            prop_assert!(once.parse::<http::Uri>().is_ok() || path.parse::<http::Uri>().is_err());
        }
    }

    #[test]
    fn what_needs_no_closer_look_would_come_out_of_it_unchanged(path in "/[ -~]{0,8}|(/[a-z.%]{0,3}){1,4}") {
        if is_canonical(path.as_bytes()) {
            prop_assert_eq!(spelled(&path), Ok(path));
        }
    }

    #[test]
    fn escaping_unreserved_characters_changes_nothing(path in "(/[a-z0-9~_-]{1,8}){1,5}") {
        let escaped: String = path.bytes().map(|byte| match byte {
            b'/' => "/".to_owned(),
            _ => format!("%{byte:02x}"),
        }).collect();
        prop_assert_eq!(canonical(&escaped), Ok(path.into()));
    }
}
