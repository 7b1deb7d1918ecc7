//! What a key opens, and when.

use keys::Scope;

use crate::*;

#[test]
fn a_key_opens_its_asset_and_nothing_else() {
    let key = verify(&minted()).unwrap();
    for path in ["/v/ab/master.m3u8", "/v/ab/x1/v720/0.m4s", "/v/ab/"] {
        assert!(key.opens(path), "{path}");
    }
    for path in [
        "/v/abc/master.m3u8",
        "/v/a/b",
        "/v/ab",
        "/v/AB/x",
        "/x/v/ab/y",
        "/api/jobs",
        "",
    ] {
        assert!(!key.opens(path), "{path}");
    }
}

#[test]
fn a_path_that_another_reader_could_resolve_elsewhere_is_opened_by_no_key() {
    let play = verify(&minted()).unwrap();
    let admin = verify(&mint(&signing(), &keys::admin(NOW, NOW + 9, "j".into()))).unwrap();
    for end in [
        "../cd/x",
        "x/..",
        "%2e%2e/cd/x",
        "%2E./cd/x",
        ".%2e/cd",
        "..%2fcd/x",
        "./x",
        "x/.",
        "/x",
        "x//y",
        "..\\cd",
        "x\\y",
        "x\0",
        "x\n",
        "x y",
        "%00",
        "%252e%252e/cd",
        "x?y",
        "x#y",
        "é",
    ] {
        let path = format!("/v/ab/{end}");
        assert!(!play.opens(&path) && !admin.opens(&path), "{path:?}");
    }
}

#[test]
fn a_key_opens_nothing_outside_its_time() {
    let at = |claims: &Claims| verify(&mint(&signing(), claims)).map(|key| key.seconds_left(NOW));
    assert_eq!(
        at(&Claims {
            exp: NOW + 1,
            ..claims()
        })
        .unwrap(),
        1
    );
    assert_eq!(
        at(&Claims {
            exp: NOW,
            ..claims()
        })
        .unwrap_err(),
        KeyError::Expired
    );
    assert_eq!(
        at(&Claims { exp: 0, ..claims() }).unwrap_err(),
        KeyError::Expired
    );
    let early = NOW + keys::LEEWAY_SECS;
    assert!(
        at(&Claims {
            iat: early,
            ..claims()
        })
        .is_ok()
    );
    assert_eq!(
        at(&Claims {
            iat: early + 1,
            ..claims()
        })
        .unwrap_err(),
        KeyError::NotYetValid
    );
    assert_eq!(
        at(&Claims {
            nbf: Some(early + 1),
            ..claims()
        })
        .unwrap_err(),
        KeyError::NotYetValid
    );
    assert_eq!(
        at(&Claims {
            nbf: Some(u64::MAX),
            ..claims()
        })
        .unwrap_err(),
        KeyError::NotYetValid
    );
}

#[test]
fn every_kind_of_key_fits_a_url_and_opens_what_it_is_for() {
    let (id, jti) = ("x".repeat(40), "j".repeat(22));
    let max = NOW + keys::LIFE_SECS_MAX;
    for (claims, path) in [
        (play(&id, NOW, max, jti.clone()), format!("/v/{id}/a")),
        (
            keys::worker(&id, u32::MAX, NOW, max, jti.clone()),
            format!("/api/jobs/{id}/plan"),
        ),
        (
            keys::upload(u64::MAX, NOW, max, jti.clone()),
            "/api/uploads".to_owned(),
        ),
        (
            keys::admin(NOW, max, jti.clone()),
            "/api/anything".to_owned(),
        ),
    ] {
        let token = mint(&signing(), &claims);
        assert!(
            token.len() <= keys::MINTED_LEN_MAX,
            "{} bytes: {claims:?}",
            token.len()
        );
        let key = verify(&token).unwrap();
        assert_eq!((key.claims(), key.opens(&path)), (&claims, true));
        assert_eq!((key.jti(), key.expires()), (jti.as_str(), max));
    }
}

#[test]
fn an_id_with_pattern_signs_in_it_opens_only_itself() {
    let token = mint(&signing(), &play("a.*", NOW, NOW + 9, "j".into()));
    let key = verify(&token).unwrap();
    assert!(!key.opens("/v/ab/x") && key.opens("/v/a.*/x"));
}

#[test]
fn a_worker_key_tells_job_and_attempt() {
    let claims = keys::worker("j-1", 3, NOW, NOW + 9, "t".into());
    let key = verify(&mint(&signing(), &claims)).unwrap();
    assert_eq!(
        key.claims().weir,
        Scope::Worker {
            job: "j-1".into(),
            attempt: 3
        }
    );
    assert!(key.opens("/api/jobs/j-1/plan") && !key.opens("/api/jobs/j-2/plan"));
}

#[test]
fn a_path_is_parted_at_its_key() {
    assert_eq!(keys::split("/k/t.o.k/v/x"), Some(("t.o.k", "/v/x")));
    for none in ["/v/x", "/k/t", "k/t/v", "/K/t/v", ""] {
        assert_eq!(keys::split(none), None, "{none}");
    }
}
