//! Keys that sign keys: listed, rotated with overlap, and told to everyone.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Server, json_of, problem, settings};

async fn listed(server: &Server) -> Vec<Value> {
    let answer = server.get("/api/keys/signing", &server.admin).await;
    json_of(&answer).as_array().unwrap().clone()
}

async fn rotate(server: &Server, ask: Value) -> Vec<Value> {
    let path = "/api/keys/rotate";
    let answer = server.send_json("POST", path, &server.admin, &ask).await;
    assert_eq!(answer.status(), StatusCode::OK);
    json_of(&answer).as_array().unwrap().clone()
}

async fn jwks(server: &Server) -> Value {
    json_of(&server.get("/.well-known/jwks.json", "").await)
}

async fn mint(server: &Server, asset: &str) -> String {
    let ask = json!({"opens": "play", "asset": asset, "ttl_secs": null});
    let answer = server.send_json("POST", "/api/keys", &server.admin, &ask);
    json_of(&answer.await)["token"].as_str().unwrap().to_owned()
}

fn kid(key: &str) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let header = BASE64_URL_SAFE_NO_PAD.decode(key.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn everyone_may_read_the_public_keys_and_no_more() {
    let server = Server::start(settings()).await;
    let answer = server.get("/.well-known/jwks.json", "").await;
    let field = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(field("content-type"), "application/jwk-set+json");
    assert_eq!(field("cache-control"), "public, max-age=300");
    let set = json_of(&answer);
    assert_eq!(set["keys"][0]["kid"], listed(&server).await[0]["kid"]);
    assert_eq!(set["keys"][0]["crv"], "Ed25519");
    assert!(set["keys"][0].get("d").is_none() && !set.to_string().contains("seed"));
    let bulletin = json_of(&server.get("/api/keys", &server.join).await);
    assert_eq!(bulletin["jwks"], set);
}

#[tokio::test]
async fn a_new_key_is_told_to_edges_before_it_signs() {
    let server = Server::start(settings()).await;
    let (asset, _) = server.upload("video").await;
    let before = json_of(&server.get("/api/keys", &server.join).await)["revision"].clone();
    let after = format!("/api/keys?after={before}&wait=30");
    let (news, keys) = tokio::join!(server.get(&after, &server.join), rotate(&server, json!({})));
    assert_eq!(
        (&keys[0]["state"], &keys[1]["state"]),
        (&json!("active"), &json!("next"))
    );
    let wait = keys[1]["signs_from"].as_u64().unwrap() - keys[1]["created_at"].as_u64().unwrap();
    assert!((599..=601).contains(&wait), "{wait}");
    assert!(keys[0]["trusted_until"].as_u64() > keys[1]["signs_from"].as_u64());
    let told = json_of(&news);
    assert_eq!(told["jwks"]["keys"][1]["kid"], keys[1]["kid"]);
    assert_eq!(jwks(&server).await, told["jwks"]);
    assert_eq!(
        kid(&mint(&server, &asset).await),
        keys[0]["kid"].as_str().unwrap()
    );
    assert_eq!(
        rotate(&server, json!({})).await,
        keys,
        "asked again, it is the same"
    );
}

#[tokio::test]
async fn at_once_the_new_key_signs_and_what_the_old_one_signed_counts() {
    let server = Server::start(settings()).await;
    let (asset, old) = server.upload("video").await;
    rotate(&server, json!({})).await;
    let keys = rotate(&server, json!({"now": true})).await;
    assert_eq!(keys.len(), 2, "the one that waited");
    assert_eq!(
        (&keys[0]["state"], &keys[1]["state"]),
        (&json!("retired"), &json!("active"))
    );
    let new = mint(&server, &asset).await;
    assert_eq!(kid(&new), keys[1]["kid"].as_str().unwrap());
    let server = server.restart(settings()).await;
    for key in [&old, &new] {
        let answer = server.get(&format!("/v/{asset}/master.m3u8"), key).await;
        assert_eq!(problem(&answer), "not-yet-playable");
    }
}

#[tokio::test]
async fn a_retired_key_that_is_revoked_signs_nothing_that_counts_whatever_its_date() {
    let server = Server::start(settings()).await;
    let (asset, old) = server.upload("video").await;
    let keys = rotate(&server, json!({"now": true})).await;
    let revoke = json!({"signer": keys[0]["kid"], "issued_before": 1});
    let path = "/api/keys/revoke";
    let answer = server.send_json("POST", path, &server.admin, &revoke).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let answer = server.get(&format!("/v/{asset}/master.m3u8"), &old).await;
    assert_eq!(problem(&answer), "key-invalid");
    assert_eq!(jwks(&server).await["keys"].as_array().unwrap().len(), 1);
    // The one that signs can't be taken out: all that it signed so far is.
    let revoke = json!({"signer": keys[1]["kid"]});
    server.send_json("POST", path, &server.admin, &revoke).await;
    assert_eq!(listed(&server).await.len(), 1);
}

#[tokio::test]
async fn rotating_and_listing_need_the_admin_token_and_end_somewhere() {
    let server = Server::start(settings()).await;
    for token in [&server.join, ""] {
        let answer = server.get("/api/keys/signing", token).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let (path, ask) = ("/api/keys/rotate", json!({}));
        let answer = server.send_json("POST", path, token, &ask);
        assert_eq!(answer.await.status(), StatusCode::UNAUTHORIZED);
    }
    for _ in 1..16 {
        rotate(&server, json!({"now": true})).await;
    }
    let ask = json!({"now": true});
    let answer = server.send_json("POST", "/api/keys/rotate", &server.admin, &ask);
    assert_eq!(problem(&answer.await), "overloaded");
}
