//! Tokens that nobody minted.

use hmac::{Hmac, KeyInit, Mac};
use keys::TOKEN_LEN_MAX;
use sha2::Sha256;

use crate::*;

#[test]
fn no_algorithm_but_eddsa_is_taken() {
    for alg in [
        "none", "None", "", "HS256", "ES256", "RS256", "eddsa", "Ed25519",
    ] {
        let refused = refusal(&with_header("alg", alg.into()));
        assert_eq!(refused, KeyError::Unsupported("another algorithm"), "{alg}");
    }
    let unsigned = format!("{}.", minted().rsplit_once('.').unwrap().0);
    assert_eq!(refusal(&unsigned), KeyError::Malformed);
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let public = ed25519_dalek::SigningKey::from_bytes(&SEED).verifying_key();
    let jwk = signing().public().to_jwk().to_string();
    let header = json!({ "alg": "HS256", "kid": signing().kid() }).to_string();
    let payload = serde_json::to_string(&claims()).unwrap();
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    for secret in [
        &public.to_bytes()[..],
        BASE64.encode(public).as_bytes(),
        jwk.as_bytes(),
    ] {
        let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        let tag = mac.chain_update(&message).finalize().into_bytes();
        let token = format!("{message}.{}", BASE64.encode(tag));
        assert_eq!(refusal(&token), KeyError::Unsupported("another algorithm"));
    }
}

#[test]
fn only_a_known_kid_is_looked_up() {
    for kid in [
        "",
        "other",
        "../../../dev/null",
        "/etc/passwd",
        "https://example.org/keys/1",
        "file:///proc/self/environ",
        "x\0y",
        "' OR 1=1",
        "*",
    ] {
        assert_eq!(
            refusal(&with_header("kid", kid.into())),
            KeyError::UnknownKey,
            "{kid}"
        );
    }
    assert_eq!(
        refusal(&with_header("kid", Value::Null)),
        KeyError::Malformed
    );
    assert_eq!(
        KeySet::default().verify(&minted(), NOW).unwrap_err(),
        KeyError::UnknownKey
    );
}

#[test]
fn a_header_says_alg_kid_and_typ_and_nothing_else() {
    assert!(verify(&with_header("typ", "JWT".into())).is_ok());
    assert_eq!(
        refusal(&with_header("typ", "at+jwt".into())),
        KeyError::Unsupported("another type of token")
    );
    let jwk = KeySet::new(vec![signing().public()]).to_jwks()["keys"][0].clone();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", "https://example.org/keys".into()),
        ("x5u", "https://example.org/cert".into()),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", false.into()),
        ("zip", "DEF".into()),
    ] {
        assert_eq!(
            refusal(&with_header(name, value)),
            KeyError::Malformed,
            "{name}"
        );
    }
    let array = json!(["EdDSA", signing().kid(), null]).to_string();
    assert_eq!(
        refusal(&signed(&array, &json!(claims()).to_string())),
        KeyError::Malformed
    );
}

#[test]
fn a_key_of_another_signer_is_refused() {
    let other = SigningKey::from_seed([8; 32]);
    assert_eq!(refusal(&mint(&other, &claims())), KeyError::UnknownKey);
    let forged = mint(&other, &claims());
    let named_ours = forged.replacen(
        &BASE64.encode(json!({"alg":"EdDSA","kid":other.kid()}).to_string()),
        &BASE64.encode(header().to_string()),
        1,
    );
    assert_eq!(refusal(&named_ours), KeyError::BadSignature);
}

#[test]
fn claims_changed_after_signing_are_refused() {
    let token = minted();
    let parts: Vec<&str> = token.split('.').collect();
    let wider = Claims {
        cdniuc: "regex:/.*".into(),
        ..claims()
    };
    let payload = BASE64.encode(serde_json::to_vec(&wider).unwrap());
    let forged = format!("{}.{payload}.{}", parts[0], parts[2]);
    assert_eq!(refusal(&forged), KeyError::BadSignature);
}

#[test]
fn a_token_has_three_parts_in_canonical_base64url() {
    let token = minted();
    let four = format!("{token}.");
    let padded = format!("{token}==");
    let standard = token.replacen("eyJ", "e+J", 1);
    for bad in ["", ".", "..", "a.b.c", "é.é.é", &four, &padded, &standard] {
        assert_eq!(refusal(bad), KeyError::Malformed, "{bad:?}");
    }
    // 64 bytes leave four bits unused in the last character: 15 other spellings of it.
    let (start, last) = token.split_at(token.len() - 1);
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
        let spelling = format!("{start}{other}");
        assert_eq!(
            verify(&spelling).is_ok(),
            spelling.ends_with(last),
            "{other}"
        );
    }
}

#[test]
fn a_token_that_is_too_long_is_refused_unread() {
    let long = format!("{}.{}", minted(), "A".repeat(TOKEN_LEN_MAX));
    assert_eq!(refusal(&long), KeyError::TooLong);
    assert_eq!(refusal(&"\u{1F511}".repeat(1 << 20)), KeyError::TooLong);
    let padded = with_claim("sub", "x".repeat(TOKEN_LEN_MAX).into());
    assert_eq!(refusal(&padded), KeyError::TooLong);
}

#[test]
fn a_claim_stands_once() {
    let payload = serde_json::to_string(&claims()).unwrap();
    for doubled in [
        r#""exp":9999999999"#,
        r#""\u0065xp":9999999999"#,
        r#""cdniuc":"regex:/.*""#,
    ] {
        let payload = payload.replacen('{', &format!("{{{doubled},"), 1);
        assert_eq!(
            refusal(&signed(&header().to_string(), &payload)),
            KeyError::Malformed
        );
    }
    let header = format!(r#"{{"alg":"none",{}"#, &header().to_string()[1..]);
    assert_eq!(refusal(&signed(&header, &payload)), KeyError::Malformed);
}

#[test]
fn a_claim_of_a_wrong_type_or_missing_is_refused() {
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(-1)),
        ("exp", Value::Null),
        ("jti", json!(7)),
        ("weir", json!("root")),
        ("weir", json!({ "worker": { "job": "j" } })),
    ] {
        assert_eq!(
            refusal(&with_claim(name, value.clone())),
            KeyError::Malformed,
            "{name} {value}"
        );
    }
    assert_eq!(
        refusal(&signed(&header().to_string(), "{}")),
        KeyError::Malformed
    );
}

#[test]
fn a_claim_that_narrows_a_key_is_never_passed_over() {
    for name in ["cdniip", "cdniets", "cdnistt", "cdnistd"] {
        let refused = refusal(&with_claim(name, json!("x")));
        assert_eq!(
            refused,
            KeyError::Unsupported("a claim that narrows it"),
            "{name}"
        );
    }
    for critical in [
        "max_height",
        "exp,max_height",
        "",
        "exp, nbf",
        "EXP",
        "cdniip",
    ] {
        let refused = refusal(&with_claim("cdnicrit", critical.into()));
        assert_eq!(
            refused,
            KeyError::Unsupported("a critical claim"),
            "{critical}"
        );
    }
    assert!(verify(&with_claim("cdnicrit", "exp,cdniuc".into())).is_ok());
    assert!(verify(&with_claim("colour", "blue".into())).is_ok());
    let version = refusal(&with_claim("cdniv", 2.into()));
    assert_eq!(
        version,
        KeyError::Unsupported("another version of the profile")
    );
}

#[test]
fn white_space_and_trailing_text_are_refused_though_signed() {
    let payload = serde_json::to_string(&claims()).unwrap();
    for bad in [
        format!(" {payload}"),
        format!("{payload}x"),
        format!("{payload}{payload}"),
    ] {
        assert_eq!(
            refusal(&signed(&header().to_string(), &bad)),
            KeyError::Malformed
        );
    }
    let split = format!(
        "{}.\n{}",
        BASE64.encode(header().to_string()),
        BASE64.encode(payload)
    );
    let signature = ed25519_dalek::SigningKey::from_bytes(&SEED).sign(split.as_bytes());
    let token = format!("{split}.{}", BASE64.encode(signature.to_bytes()));
    assert_eq!(refusal(&token), KeyError::Malformed);
}
