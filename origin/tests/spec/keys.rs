//! Keys: minted for one thing, told to edges, taken back.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Server, json_of, problem, settings};

#[tokio::test]
async fn a_list_is_not_taken_for_the_members_of_a_body() {
    let server = Server::start(settings()).await;
    for (path, body) in [
        ("rotate", json!([])),
        ("revoke", json!([{"jti": "x"}, null])),
    ] {
        let path = format!("/api/keys/{path}");
        let answer = server.send_json("POST", &path, &server.admin, &body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_revocation_of_two_things_at_once_is_refused_and_takes_nothing_back() {
    let server = Server::start(settings()).await;
    let two = json!({"subject": "jo", "signer": "k"});
    let answer = server
        .send_json("POST", "/api/keys/revoke", &server.admin, &two)
        .await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_edges_hear_of_it() {
    let server = Server::start(settings()).await;
    let (asset, key) = server.upload("video").await;
    let master = format!("/v/{asset}/master.m3u8");
    assert_eq!(
        problem(&server.get(&master, &key).await),
        "not-yet-playable"
    );
    let bulletin = json_of(&server.get("/api/keys", &server.join).await);
    let revision = bulletin["revision"].as_u64().unwrap();
    let set = keys::KeySet::from_jwks(&bulletin["jwks"]).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let jti = set.verify(&key, now).unwrap().jti().to_owned();

    let after = format!("/api/keys?after={revision}&wait=30");
    let revoke = json!({ "jti": jti });
    let (news, revoked) = tokio::join!(
        server.get(&after, &server.join),
        server.send_json("POST", "/api/keys/revoke", &server.admin, &revoke),
    );
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    assert_eq!(json_of(&news)["revoked"], json!([jti]));
    let answer = server.get(&master, &key).await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (401, "key-revoked")
    );
}

#[tokio::test]
async fn a_bulletin_without_news_is_204() {
    let server = Server::start(settings()).await;
    let revision = json_of(&server.get("/api/keys", &server.join).await)["revision"].clone();
    let answer = server
        .get(&format!("/api/keys?after={revision}&wait=0"), &server.join)
        .await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn minting_and_revoking_need_the_admin_token() {
    let server = Server::start(settings()).await;
    let (asset, key) = server.upload("video").await;
    let mint = json!({"opens": "play", "asset": asset, "ttl_secs": null});
    for token in [&server.join, &key] {
        let answer = server.send_json("POST", "/api/keys", token, &mint).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let revoke = json!({"jti": "x"});
        let answer = server
            .send_json("POST", "/api/keys/revoke", token, &revoke)
            .await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let answer = server
        .send_json("POST", "/api/keys", &server.admin, &mint)
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let server = Server::start(settings()).await;
    let (asset, key) = server.upload("video").await;
    let server = server.restart(settings()).await;
    let answer = server.get(&format!("/v/{asset}/master.m3u8"), &key).await;
    assert_eq!(problem(&answer), "not-yet-playable");
}

/// A key that plays an asset, minted now.
async fn minted(server: &Server, asset: &str) -> String {
    let mint = json!({"opens": "play", "asset": asset, "ttl_secs": null});
    let answer = server
        .send_json("POST", "/api/keys", &server.admin, &mint)
        .await;
    json_of(&answer)["token"].as_str().unwrap().to_owned()
}

async fn revoke(server: &Server, what: &Value) -> StatusCode {
    let path = "/api/keys/revoke";
    server
        .send_json("POST", path, &server.admin, what)
        .await
        .status()
}

#[tokio::test]
async fn all_keys_of_an_asset_or_a_signer_are_revoked_and_the_next_one_is_good() {
    let server = Server::start(settings()).await;
    let (asset, key) = server.upload("video").await;
    let (other, other_key) = server.upload("video").await;
    let master = |asset: &str| format!("/v/{asset}/master.m3u8");
    assert_eq!(
        revoke(&server, &json!({ "asset": asset })).await,
        StatusCode::NO_CONTENT
    );
    let refused = server.get(&master(&asset), &key).await;
    assert_eq!(problem(&refused), "key-revoked");
    let fresh = minted(&server, &asset).await;
    for (asset, key) in [(&asset, &fresh), (&other, &other_key)] {
        let answer = server.get(&master(asset), key).await;
        assert_eq!(problem(&answer), "not-yet-playable");
    }
    let bulletin = json_of(&server.get("/api/keys", &server.join).await);
    assert_eq!(bulletin["revoked_before"][0]["asset"], asset.as_str());
    let kid = bulletin["jwks"]["keys"][0]["kid"].clone();
    revoke(&server, &json!({ "signer": kid })).await;
    for (asset, key) in [(&asset, &fresh), (&other, &other_key)] {
        let answer = server.get(&master(asset), key).await;
        assert_eq!(problem(&answer), "key-revoked");
    }
    let fresh = minted(&server, &other).await;
    let answer = server.get(&master(&other), &fresh).await;
    assert_eq!(problem(&answer), "not-yet-playable");
}

#[tokio::test]
async fn what_was_issued_since_a_time_is_not_revoked() {
    let server = Server::start(settings()).await;
    let (asset, key) = server.upload("video").await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let before = |secs: u64| json!({ "asset": asset, "issued_before": secs });
    assert_eq!(
        revoke(&server, &before(now - 3600)).await,
        StatusCode::NO_CONTENT
    );
    let master = format!("/v/{asset}/master.m3u8");
    let answer = server.get(&master, &key).await;
    assert_eq!(problem(&answer), "not-yet-playable");
    assert_eq!(
        revoke(&server, &before(now + 3600)).await,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_revocation_whose_keys_have_all_ended_is_told_no_more() {
    let server = Server::start(settings()).await;
    let month_ago = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() - keys::LIFE_SECS_MAX;
    for (subject, before) in [("ended", month_ago - 1), ("living", month_ago + 600)] {
        let what = json!({ "subject": subject, "issued_before": before });
        assert_eq!(revoke(&server, &what).await, StatusCode::NO_CONTENT);
    }
    let bulletin = json_of(&server.get("/api/keys", &server.join).await);
    let told = bulletin["revoked_before"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["subject"], "living");
}

#[tokio::test]
async fn what_is_not_understood_is_not_revoked() {
    let server = Server::start(settings()).await;
    let (_, key) = server.upload("video").await;
    for bad in [
        json!({}),
        json!({ "jti": "" }),
        json!({ "jti": key }),
        json!({ "subject": format!("of {key}") }),
        json!({ "subject": "x".repeat(257) }),
        json!({ "asset": "../x" }),
        json!({ "signer": 7 }),
        json!({ "everything": "x" }),
    ] {
        assert_eq!(
            revoke(&server, &bad).await,
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
}
