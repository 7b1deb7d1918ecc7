//! Keys that a site mints with a secret it shares with its edges.

use keys::SharedKey;

use crate::*;

const SECRET: &str = "c2hhcmVkLXNlY3JldC1vZi0zMi1ieXRlcy1vci1tb3Jl";

fn secret(kid: &str, k: &str) -> String {
    json!({ "kty": "oct", "alg": "HS256", "kid": kid, "k": k }).to_string()
}

fn file(jwks: &[String]) -> Result<Vec<SharedKey>, KeyError> {
    SharedKey::from_jwks(&format!("{{\"keys\":[{}]}}", jwks.join(",")))
}

fn shared() -> SharedKey {
    file(&[secret("site-1", SECRET)])
        .expect("the file is good")
        .remove(0)
}

fn set() -> KeySet {
    KeySet::new(vec![signing().public()]).with_shared(vec![shared()])
}

#[test]
fn a_shared_secret_s_key_plays() {
    let token = shared().mint(&claims());
    let key = set().verify(&token, NOW).unwrap();
    assert!(key.opens("/v/ab/x") && !key.opens("/v/cd/x"));
    assert_eq!((key.signer(), key.claims()), ("site-1", &claims()));
    assert!(set().verify(&minted(), NOW).is_ok());
    assert_eq!(refusal(&token), KeyError::UnknownKey);
}

#[test]
fn it_does_nothing_but_play() {
    for claims in [
        keys::admin(NOW, NOW + 9, "j".into()),
        keys::upload(9, NOW, NOW + 9, "j".into()),
        keys::worker("j-1", 1, NOW, NOW + 9, "j".into()),
    ] {
        let refused = set().verify(&shared().mint(&claims), NOW).unwrap_err();
        assert_eq!(refused, KeyError::Unsupported("a key pair's signature"));
    }
}

#[test]
fn the_algorithm_is_that_of_the_name() {
    let payload = BASE64.encode(serde_json::to_vec(&claims()).unwrap());
    for alg in ["EdDSA", "none", "HS512", "hs256"] {
        let header = BASE64.encode(json!({ "alg": alg, "kid": "site-1" }).to_string());
        for signature in ["", &"A".repeat(43), &"A".repeat(86)] {
            let token = format!("{header}.{payload}.{signature}");
            let refused = set().verify(&token, NOW).unwrap_err();
            assert_eq!(refused, KeyError::Unsupported("another algorithm"), "{alg}");
        }
    }
}

#[test]
fn a_wrong_or_cut_tag_is_refused() {
    let token = shared().mint(&claims());
    let (message, tag) = token.rsplit_once('.').unwrap();
    let tag = BASE64.decode(tag).unwrap();
    for len in 0..tag.len() {
        let cut = format!("{message}.{}", BASE64.encode(&tag[..len]));
        assert_eq!(set().verify(&cut, NOW).unwrap_err(), KeyError::BadSignature);
    }
    let other = file(&[secret("site-1", &SECRET.replace("c2h", "d2h"))]).unwrap();
    let forged = other[0].mint(&claims());
    assert_eq!(
        set().verify(&forged, NOW).unwrap_err(),
        KeyError::BadSignature
    );
}

#[test]
fn a_public_key_s_name_is_not_taken_over() {
    let usurper = file(&[secret(signing().kid(), SECRET)]).unwrap();
    let forged = usurper[0].mint(&claims());
    let set = KeySet::new(vec![signing().public()]).with_shared(usurper);
    assert_eq!(
        set.verify(&forged, NOW).unwrap_err(),
        KeyError::Unsupported("another algorithm")
    );
    assert!(set.verify(&minted(), NOW).is_ok());
}

#[test]
fn a_secret_is_neither_published_nor_printed_nor_taken_from_a_published_set() {
    let shown = format!("{} {:?} {:?}", set().to_jwks(), set(), shared());
    assert!(shown.contains("site-1"), "{shown}");
    assert!(!shown.contains(SECRET) && !shown.contains("oct"), "{shown}");
    let published = format!("{{\"keys\":[{}]}}", secret("site-1", SECRET));
    let read = KeySet::from_jwks(&serde_json::from_str(&published).unwrap()).unwrap();
    let refused = read.verify(&shared().mint(&claims()), NOW).unwrap_err();
    assert_eq!(refused, KeyError::UnknownKey);
}

#[test]
fn a_file_of_secrets_is_read_strictly() {
    let good = secret("a", SECRET);
    let changed = |from: &str, to: &str| file(&[good.replace(from, to)]).unwrap_err();
    assert!(file(&[good.clone(), secret("b", SECRET)]).is_ok());
    assert_eq!(
        file(&[good.clone(), good.clone()]).unwrap_err(),
        KeyError::Malformed
    );
    assert_eq!(file(&[]).unwrap_err(), KeyError::Malformed);
    for text in ["", "{}", "[]", SECRET] {
        assert_eq!(
            SharedKey::from_jwks(text).unwrap_err(),
            KeyError::Malformed,
            "{text}"
        );
    }
    for (from, to) in [
        ("oct", "OKP"),
        ("HS256", "HS512"),
        (SECRET, "c2hvcnQ"),
        (SECRET, &"A".repeat(88)),
        ("\"a\"", "\"../a\""),
        ("\"a\"", "\"\""),
    ] {
        let refused = changed(from, to);
        assert!(matches!(refused, KeyError::Unsupported(_)), "{to}");
    }
    assert_eq!(changed(SECRET, "c2h="), KeyError::Malformed);
}
