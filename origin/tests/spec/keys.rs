//! Keys: minted for one thing, told to edges, taken back.

use http::StatusCode;
use serde_json::json;

use crate::support::{Server, json_of, problem, settings};

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
