//! What is shown of a key.

use crate::*;

#[test]
fn a_log_shows_which_key_but_never_the_token() {
    let token = minted();
    let name = verify(&token).unwrap().log_name();
    assert_eq!(
        keys::redact(&format!("/k/{token}/v/ab/x")),
        format!("/k/{name}/v/ab/x")
    );
    assert_eq!(keys::redact("/v/ab/x"), "/v/ab/x");
    assert_eq!(keys::redact("/k//v/x"), "/k//v/x");
    let junk = keys::redact("/k/secret/v/x");
    assert!(
        junk.starts_with("/k/") && !junk.contains("secret"),
        "{junk}"
    );
    for place in [
        "/K/{}/x",
        "//k/{}",
        "/watch/ab?k={}&x=1",
        "http://h/k/{}/v",
        "{}",
    ] {
        let shown = keys::redact(&place.replace("{}", &token)).into_owned();
        assert_eq!(shown, place.replace("{}", &name));
    }
}

#[test]
fn an_escaped_token_is_none_the_less_one() {
    let token = minted();
    let name = verify(&token).unwrap().log_name();
    let escaped: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for (path, shown) in [
        (format!("/%6b/{token}/v"), format!("/k/{name}/v")),
        (
            format!("/k/{escaped}/v%2F%zz%"),
            format!("/k/{name}/v%2F%zz%"),
        ),
        (format!("/x?a=%65{}", &token[1..]), format!("/x?a={name}")),
    ] {
        assert_eq!(keys::redact(&path), shown);
    }
}
