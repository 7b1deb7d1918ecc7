//! The audit trail: who did what, from where.

use origin::Config;
use serde_json::{Value, json};

use crate::support::{Server, bearer, header, json_of, settings};

async fn trail(server: &Server, query: &str) -> Vec<Value> {
    let answer = server
        .get(&format!("/api/audit?{query}"), &server.admin)
        .await;
    json_of(&answer)["entries"].as_array().unwrap().clone()
}

fn column<'a>(trail: &'a [Value], name: &str) -> Vec<&'a str> {
    trail
        .iter()
        .map(|row| row[name].as_str().unwrap())
        .collect()
}

async fn post(server: &Server, path: &str, ask: Value) -> Value {
    let answer = server.send_json("POST", path, &server.admin, &ask).await;
    assert!(answer.status().is_success(), "{answer:?}");
    match answer.body().is_empty() {
        true => Value::Null,
        false => json_of(&answer),
    }
}

#[tokio::test]
async fn all_that_is_done_with_keys_and_assets_is_in_it_in_order() {
    let server = Server::start(settings()).await;
    let (asset, _) = server.upload("video").await;
    let ask = json!({"opens": "play", "asset": asset, "subject": "jo"});
    let key = post(&server, "/api/keys", ask).await;
    let jti = key["jti"].as_str().unwrap();
    post(&server, "/api/keys/rotate", json!({})).await;
    post(&server, "/api/keys/rotate", json!({})).await;
    post(&server, "/api/keys/revoke", json!({ "jti": jti })).await;
    let path = format!("/api/assets/{asset}");
    let nothing = json!({});
    let gone = server.send_json("DELETE", &path, &server.admin, &nothing);
    assert_eq!(gone.await.status(), 204);

    let trail = trail(&server, "").await;
    let all = ["upload", "uploaded", "issue", "rotate", "revoke", "delete"];
    assert_eq!(
        column(&trail, "what"),
        all,
        "what changed nothing is not in it"
    );
    let who = ["open", "open", "admin", "admin", "admin", "admin"];
    assert_eq!(column(&trail, "who"), who);
    assert_eq!(column(&trail, "peer"), ["127.0.0.1"; 6]);
    assert_eq!(column(&trail, "result"), ["done"; 6]);
    let issued = format!("key {jti} plays asset {asset}, subject jo");
    assert_eq!(trail[2]["target"], issued);
    assert_eq!(trail[4]["target"], format!("jti {jti}"));
    let text = json!(trail).to_string();
    for secret in [key["token"].as_str().unwrap(), &server.admin, &server.join] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn it_is_read_on_from_a_number_and_by_kind_and_survives_a_restart() {
    let server = Server::start(settings()).await;
    for n in 0..5 {
        post(
            &server,
            "/api/keys/revoke",
            json!({ "jti": format!("j{n}") }),
        )
        .await;
    }
    let server = server.restart(settings()).await;
    let answer = server.get("/api/audit?limit=2", &server.admin).await;
    let page = json_of(&answer);
    assert_eq!(page["more"], true);
    let last = page["entries"][1]["number"].clone();
    let rest = trail(&server, &format!("after={last}&limit=3&what=revoke")).await;
    assert_eq!(column(&rest, "target"), ["jti j2", "jti j3", "jti j4"]);
    let path = format!("/api/audit?after={last}&limit=3");
    assert_eq!(
        json_of(&server.get(&path, &server.admin).await)["more"],
        false
    );
    assert!(trail(&server, "what=issue").await.is_empty());
    assert_eq!(server.get("/api/audit", &server.join).await.status(), 401);
    assert_eq!(
        server
            .get("/api/audit?after=x", &server.admin)
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn a_key_s_own_uploads_and_what_it_was_refused_are_in_its_name() {
    let closed = Config {
        open_uploads: false,
        ..settings()
    };
    let server = Server::start(closed).await;
    let key = post(&server, "/api/keys", json!({"opens": "upload", "uses": 1})).await;
    let token = bearer(key["token"].as_str().unwrap());
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "5"),
        ("content-type", "application/offset+octet-stream"),
        ("authorization", token.as_str()),
    ];
    let first = server.ask("POST", "/api/uploads", &headers, "video").await;
    let upload = header(&first, "location")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    for _ in 0..20 {
        let again = server.ask("POST", "/api/uploads", &headers, "video").await;
        assert_eq!(again.status(), 403);
    }
    let trail = trail(&server, "").await;
    assert_eq!(
        &column(&trail, "what")[..4],
        ["issue", "upload", "uploaded", "upload"]
    );
    let name = format!("key {}", key["jti"].as_str().unwrap());
    assert!(
        trail[1..].iter().all(|row| row["who"] == name.as_str()),
        "{trail:?}"
    );
    assert_eq!(trail[1]["target"], format!("upload {upload}"));
    assert_eq!(trail[3]["result"], "refused");
    assert!(trail.len() < 15, "one a second at most: {}", trail.len());
}

#[tokio::test]
async fn what_could_not_be_done_is_not_in_it() {
    let server = Server::start(settings()).await;
    let path = "/api/assets/none";
    let (nothing, jti) = (json!({}), json!({"jti": "j"}));
    let answer = server.send_json("DELETE", path, &server.admin, &nothing);
    assert_eq!(answer.await.status(), 404);
    let answer = server.send_json("POST", "/api/keys/revoke", "wrong", &jti);
    assert_eq!(answer.await.status(), 401);
    assert!(trail(&server, "").await.is_empty());
}
