//! Keys that open what was asked for, and no more.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Server, json_of, plan, problem, settings, task};

async fn mint(server: &Server, ask: Value) -> keys::Verified {
    let answer = server
        .send_json("POST", "/api/keys", &server.admin, &ask)
        .await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let minted = json_of(&answer);
    let jwks = json_of(&server.get("/.well-known/jwks.json", "").await);
    let set = keys::KeySet::from_jwks(&jwks).unwrap();
    let set = set.for_audiences(vec!["edge.example".to_owned()]);
    let token = minted["token"].as_str().unwrap();
    assert!(token.len() <= keys::MINTED_LEN_MAX);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let begins = ask["not_before"].as_u64().unwrap_or(now);
    set.verify(token, begins).unwrap()
}

/// A server with an asset whose version has the tracks `v360` and `a1`.
async fn with_tracks() -> (Server, String, String) {
    let server = Server::start(settings()).await;
    let (asset, _) = server.upload("video").await;
    let lease = server.lease().await;
    let tasks = [task("rest", &["v360", "a1"])];
    server
        .store_plan(&lease, &plan(&["v360", "a1"], &tasks))
        .await;
    let version = lease["version"].as_str().unwrap().to_owned();
    (server, asset, version)
}

#[tokio::test]
async fn a_key_for_a_track_of_a_version_is_for_whom_and_when_it_was_asked_for() {
    let (server, asset, version) = with_tracks().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let key = mint(
        &server,
        json!({"opens": "play", "asset": asset, "version": version, "tracks": ["a1"],
               "subject": "jo", "audience": ["edge.example"], "not_before": now + 600,
               "ttl_secs": 60}),
    )
    .await;
    assert!(key.opens(&format!("/v/{asset}/master.m3u8")));
    assert!(key.opens(&format!("/v/{asset}/{version}/a1/0.m4s")));
    assert!(!key.opens(&format!("/v/{asset}/{version}/v360/0.m4s")));
    assert!(!key.opens(&format!("/v/{asset}/other/a1/0.m4s")));
    let claims = key.claims();
    assert_eq!(
        (claims.sub.as_deref(), claims.nbf),
        (Some("jo"), Some(now + 600))
    );
    assert!(
        (now + 660..now + 670).contains(&claims.exp),
        "{}",
        claims.exp - now
    );
}

#[tokio::test]
async fn what_is_not_there_or_makes_no_sense_is_refused_in_words() {
    let (server, asset, version) = with_tracks().await;
    let play = |more: Value| {
        let mut ask = json!({"opens": "play", "asset": asset});
        ask.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ask
    };
    let long: Vec<String> = (0..4).map(|n| format!("{n}{}", "x".repeat(100))).collect();
    for (bad, says) in [
        (play(json!({"version": "none"})), "no version none"),
        (play(json!({"tracks": ["v999"]})), "no track v999"),
        (
            play(json!({"version": version, "tracks": ["a2"]})),
            "no track a2",
        ),
        (play(json!({"subject": ""})), "subject"),
        (play(json!({"subject": "eyJhbGciOiJ.eyJ.x"})), "subject"),
        (play(json!({"subject": "x".repeat(250)})), "would have"),
        (play(json!({"audience": long})), "would have"),
        (play(json!({"audience": vec!["x"; 9]})), "audiences"),
        (play(json!({"not_before": u64::MAX})), "30 days"),
        (play(json!({"ttl_secs": 0})), "ttl_secs"),
        (json!({"opens": "upload", "uses": 0}), "uses"),
        (json!({"opens": "upload", "max_bytes": 0}), "max_bytes"),
        (
            json!({"opens": "upload", "media_type": "Video"}),
            "media type",
        ),
        (json!({"opens": "everything"}), "not as expected"),
    ] {
        let answer = server
            .send_json("POST", "/api/keys", &server.admin, &bad)
            .await;
        assert!(answer.status().is_client_error(), "{bad}");
        let detail = json_of(&answer)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(says), "{detail}");
    }
}

#[tokio::test]
async fn a_key_that_plays_parts_plays_them_at_the_origin_too() {
    let (server, asset, version) = with_tracks().await;
    let ask = json!({"opens": "play", "asset": asset, "tracks": ["a1"]});
    let answer = server
        .send_json("POST", "/api/keys", &server.admin, &ask)
        .await;
    let key = json_of(&answer)["token"].as_str().unwrap().to_owned();
    for (path, expected) in [("a1", "not-found"), ("v360", "key-scope")] {
        let path = format!("/v/{asset}/{version}/{path}/0.m4s");
        assert_eq!(problem(&server.get(&path, &key).await), expected);
    }
}
