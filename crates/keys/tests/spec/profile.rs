//! Issuer, audience, life: what of the profile is about neither path nor form.

use crate::*;

fn of_audience(names: &[&str], aud: Value) -> Result<Verified, KeyError> {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let set = KeySet::new(vec![signing().public()]).for_audiences(names);
    set.verify(&with_claim("aud", aud), NOW)
}

#[test]
fn a_key_for_certain_names_counts_there_alone() {
    for aud in [
        json!("cdn.example"),
        json!(["other.example", "cdn.example"]),
    ] {
        assert!(of_audience(&["cdn.example"], aud.clone()).is_ok());
        for names in [&[][..], &["elsewhere.example"], &["CDN.example"]] {
            let refused = of_audience(names, aud.clone()).unwrap_err();
            assert_eq!(refused, KeyError::Elsewhere, "{names:?}");
        }
    }
    let nobody = of_audience(&["cdn.example"], json!([])).unwrap_err();
    assert_eq!(nobody, KeyError::Elsewhere);
    for bad in [json!(7), json!({ "cdn.example": 1 }), json!([7])] {
        let refused = of_audience(&["cdn.example"], bad).unwrap_err();
        assert_eq!(refused, KeyError::Malformed);
    }
}

#[test]
fn a_key_of_another_issuer_is_refused_though_signed() {
    for issuer in ["", "Weir", "weir ", "https://example.org"] {
        let refused = refusal(&with_claim("iss", issuer.into()));
        assert_eq!(refused, KeyError::Unsupported("another issuer"), "{issuer}");
    }
}

#[test]
fn no_key_lives_longer_than_thirty_days() {
    let living = |iat: u64, exp: u64| {
        let token = mint(&signing(), &play("ab", iat, exp, "j".to_owned()));
        verify(&token).map(|key| key.expires())
    };
    let max = keys::LIFE_SECS_MAX;
    assert_eq!(living(NOW, NOW + max), Ok(NOW + max));
    let over = KeyError::Unsupported("a life of more than 30 days");
    assert_eq!(living(NOW, NOW + max + 1), Err(over));
    assert_eq!(living(0, NOW + 1), Err(over));
    assert_eq!(living(NOW, u64::MAX), Err(over));
    assert_eq!(living(u64::MAX, u64::MAX), Err(KeyError::NotYetValid));
}

#[test]
fn issue_end_and_name_are_required() {
    for name in ["iss", "iat", "exp", "jti", "cdniv", "cdniuc", "weir"] {
        let mut payload = serde_json::to_value(claims()).unwrap();
        payload.as_object_mut().unwrap().remove(name);
        let token = signed(&header().to_string(), &payload.to_string());
        assert_eq!(refusal(&token), KeyError::Malformed, "{name}");
    }
}

#[test]
fn a_key_minted_by_an_earlier_weir_still_opens() {
    // Seed [7; 32], as it was written before audiences and secrets were known.
    let payload = concat!(
        r#"{"iss":"weir","iat":1799999940,"exp":1800003600,"jti":"1s57qxhdksrvbtrf","#,
        r#""cdniv":1,"cdniuc":"regex:/v/dv5cb8mhg2fam08t/.*","weir":"play"}"#
    );
    let header = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, signing().kid());
    let key = verify(&signed(&header, payload)).unwrap();
    assert!(key.opens("/v/dv5cb8mhg2fam08t/master.m3u8"));
    assert_eq!(key.signer(), signing().kid());
    // And what is minted today is written the same way.
    let claims = play(
        "dv5cb8mhg2fam08t",
        NOW - 60,
        NOW + 3600,
        "1s57qxhdksrvbtrf".into(),
    );
    assert_eq!(mint(&signing(), &claims), signed(&header, payload));
}

#[test]
fn a_truncated_key_is_refused_at_every_length() {
    let token = minted();
    for len in 0..token.len() {
        assert!(verify(&token[..len]).is_err(), "{len}");
    }
}
