//! Keys that begin a few uploads: what a page is given that may send one file.

use bytes::Bytes;
use http::{Response, StatusCode};
use origin::Config;
use serde_json::{Value, json};

use crate::support::{Server, bearer, header, json_of, problem, settings, until};

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const PIECE: (&str, &str) = ("content-type", "application/offset+octet-stream");

async fn server() -> Server {
    Server::start(Config {
        open_uploads: false,
        ..settings()
    })
    .await
}

async fn key(server: &Server, ask: Value) -> String {
    let answer = server
        .send_json("POST", "/api/keys", &server.admin, &ask)
        .await;
    json_of(&answer)["token"].as_str().unwrap().to_owned()
}

async fn one(server: &Server) -> String {
    key(server, json!({"opens": "upload", "uses": 1})).await
}

async fn ask(
    server: &Server,
    (method, path): (&str, &str),
    key: &str,
    more: &[(&str, &str)],
) -> Response<Bytes> {
    let token = bearer(key);
    let mut headers = vec![TUS, ("authorization", token.as_str())];
    headers.extend(more);
    let body = if more.contains(&PIECE) { "video" } else { "" };
    server.ask(method, path, &headers, body).await
}

async fn create(server: &Server, key: &str) -> Response<Bytes> {
    ask(
        server,
        ("POST", "/api/uploads"),
        key,
        &[("upload-length", "5")],
    )
    .await
}

async fn created(server: &Server, key: &str) -> String {
    let answer = create(server, key).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{answer:?}");
    header(&answer, "location").to_owned()
}

async fn send(server: &Server, path: &str, key: &str) -> StatusCode {
    let more = [("upload-offset", "0"), PIECE];
    ask(server, ("PATCH", path), key, &more).await.status()
}

#[tokio::test]
async fn a_key_for_one_upload_makes_one_asset_and_sees_what_came_of_it() {
    let server = server().await;
    let key = one(&server).await;
    let path = created(&server, &key).await;
    assert_eq!(send(&server, &path, &key).await, 204);
    let status = json_of(&ask(&server, ("GET", &path), &key, &[]).await);
    assert_eq!(status["asset"]["state"], "packaging");
    let again = create(&server, &key).await;
    assert_eq!(
        (again.status().as_u16(), &*problem(&again)),
        (403, "key-scope")
    );
    let server = server
        .restart(Config {
            open_uploads: false,
            ..settings()
        })
        .await;
    assert_eq!(create(&server, &key).await.status(), 403);
}

#[tokio::test]
async fn it_opens_no_upload_but_its_own_and_nobody_else_s_key_opens_that() {
    let server = server().await;
    let (mine, other) = (one(&server).await, one(&server).await);
    let any = key(&server, json!({"opens": "upload"})).await;
    let (path, of_any) = (created(&server, &mine).await, created(&server, &any).await);
    for (path, key) in [(&path, &other), (&path, &any), (&of_any, &mine)] {
        for method in ["GET", "DELETE"] {
            assert_eq!(ask(&server, (method, path), key, &[]).await.status(), 403);
        }
        assert_eq!(send(&server, path, key).await, 403);
    }
    assert_eq!(
        ask(&server, ("HEAD", &path), &other, &[]).await.status(),
        403
    );
    assert_eq!(server.ask("HEAD", &path, &[TUS], "").await.status(), 401);
    assert_eq!(
        ask(&server, ("HEAD", &path), &mine, &[]).await.status(),
        200
    );
    assert_eq!(send(&server, &path, &mine).await, 204);
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_repeated() {
    let server = server().await;
    let key = one(&server).await;
    let lost = created(&server, &key).await;
    let path = created(&server, &key).await;
    assert_eq!(ask(&server, ("HEAD", &lost), &key, &[]).await.status(), 404);
    assert_eq!(send(&server, &path, &key).await, 204);
    assert_eq!(create(&server, &key).await.status(), 403);
}

#[tokio::test]
async fn what_is_dropped_is_given_back() {
    let server = server().await;
    let key = key(&server, json!({"opens": "upload", "uses": 2})).await;
    let (first, _second) = (created(&server, &key).await, created(&server, &key).await);
    assert_eq!(create(&server, &key).await.status(), 403);
    assert_eq!(
        ask(&server, ("DELETE", &first), &key, &[]).await.status(),
        204
    );
    created(&server, &key).await;
    assert_eq!(create(&server, &key).await.status(), 403);
    let sources = server.data_dir().join("blobs/sources");
    assert_eq!(std::fs::read_dir(sources).unwrap().count(), 2);
}

#[tokio::test]
async fn its_length_and_type_are_kept_to() {
    let server = server().await;
    let small = json!({"opens": "upload", "uses": 9, "max_bytes": 4, "media_type": "video/*"});
    let key = key(&server, small).await;
    for (length, metadata, expected) in [
        ("4", "filetype dmlkZW8vbXA0", 201), // video/mp4
        ("5", "filetype dmlkZW8vbXA0", 413),
        ("4", "filetype YXVkaW8vbXA0", 415), // audio/mp4
        ("4", "filename YS5tcDQ=", 415),
    ] {
        let more = [("upload-length", length), ("upload-metadata", metadata)];
        let answer = ask(&server, ("POST", "/api/uploads"), &key, &more).await;
        assert_eq!(answer.status(), expected, "{length} {metadata}");
    }
}

#[tokio::test]
async fn parts_are_uses_and_are_joined_by_the_key_that_began_them() {
    let server = server().await;
    let ask_for = |uses: u32| json!({"opens": "upload", "uses": uses});
    let mine = key(&server, ask_for(4)).await;
    let other = key(&server, ask_for(4)).await;
    let partial = [("upload-concat", "partial"), ("upload-length", "5")];
    let mut parts = Vec::new();
    for _ in 0..2 {
        let answer = ask(&server, ("POST", "/api/uploads"), &mine, &partial).await;
        let part = header(&answer, "location").to_owned();
        assert_eq!(send(&server, &part, &mine).await, 204);
        parts.push(part);
    }
    let whole = format!("final;{}", parts.join(" "));
    let join = [("upload-concat", whole.as_str())];
    let stolen = ask(&server, ("POST", "/api/uploads"), &other, &join).await;
    assert_eq!(stolen.status(), 403);
    let joined = ask(&server, ("POST", "/api/uploads"), &mine, &join).await;
    assert_eq!(joined.status(), 201, "{joined:?}");
    let stolen = ask(&server, ("POST", "/api/uploads"), &other, &join).await;
    assert_eq!(stolen.status(), 403);
}

#[tokio::test]
async fn a_revoked_or_ended_key_goes_on_with_nothing() {
    let server = server().await;
    let short = key(
        &server,
        json!({"opens": "upload", "uses": 1, "ttl_secs": 1}),
    )
    .await;
    let long = one(&server).await;
    let path = created(&server, &long).await;
    let jti = {
        let jwks = json_of(&server.get("/.well-known/jwks.json", "").await);
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let set = keys::KeySet::from_jwks(&jwks).unwrap();
        set.verify(&long, now).unwrap().jti().to_owned()
    };
    let revoke = json!({ "jti": jti });
    server
        .send_json("POST", "/api/keys/revoke", &server.admin, &revoke)
        .await;
    let answer = ask(&server, ("HEAD", &path), &long, &[]).await;
    assert_eq!(answer.status(), 401);
    until("the short one has ended", async || {
        problem(&ask(&server, ("GET", &path), &short, &[]).await) == "key-expired"
    })
    .await;
}
