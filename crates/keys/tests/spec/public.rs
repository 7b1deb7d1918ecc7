//! The keys that sign and verify.

use sha2::{Digest, Sha256};

use crate::*;

#[test]
fn public_keys_survive_the_wire() {
    let set = KeySet::new(vec![
        signing().public(),
        SigningKey::from_seed([8; 32]).public(),
    ]);
    let read = KeySet::from_jwks(&set.to_jwks()).unwrap();
    assert_eq!(read.to_jwks(), set.to_jwks());
    assert!(read.verify(&minted(), NOW).is_ok());
    let restarted = SigningKey::from_seed(signing().seed());
    assert_eq!(restarted.kid(), signing().kid());
    assert_eq!(signing().kid().len(), 16);
}

#[test]
fn a_public_key_set_is_read_strictly_and_strange_kinds_are_passed_over() {
    let good = KeySet::new(vec![signing().public()]).to_jwks();
    let changed = |name: &str, value: Value| {
        let mut jwks = good.clone();
        jwks["keys"][0][name] = value;
        KeySet::from_jwks(&jwks)
    };
    for (name, value) in [("kty", "RSA"), ("kty", "oct"), ("crv", "X25519")] {
        let read = changed(name, value.into()).unwrap();
        assert_eq!(read.to_jwks(), json!({ "keys": [] }), "{value}");
    }
    let weak = BASE64.encode([&[1_u8][..], &[0; 31]].concat());
    let weak_kid = &BASE64.encode(Sha256::digest([&[1_u8][..], &[0; 31]].concat()))[..16];
    for (name, value) in [
        ("kid", json!("mine")),
        ("kid", Value::Null),
        ("x", json!("AA")),
        ("d", json!("AA")),
    ] {
        assert_eq!(
            changed(name, value).unwrap_err(),
            KeyError::Malformed,
            "{name}"
        );
    }
    let mut jwks = good.clone();
    jwks["keys"][0]["x"] = weak.into();
    jwks["keys"][0]["kid"] = weak_kid.into();
    assert_eq!(KeySet::from_jwks(&jwks).unwrap_err(), KeyError::Malformed);
    assert_eq!(
        KeySet::from_jwks(&json!([])).unwrap_err(),
        KeyError::Malformed
    );
    let many = json!({ "keys": vec![good["keys"][0].clone(); 33] });
    assert_eq!(KeySet::from_jwks(&many).unwrap_err(), KeyError::Malformed);
}

#[test]
fn a_secret_is_not_printed() {
    let shown = format!("{:?}", signing());
    assert!(
        shown.contains(signing().kid()) && !shown.contains('7'),
        "{shown}"
    );
}
