//! Requests that try to read with a key what it does not open.

use keys::SharedKey;
use testkit::{Answer, FakeOrigin, JOIN, unix_now};

use crate::setup::{Edge, SEGMENT, bytes, heard, segment};

const SECRET: &str = "c2hhcmVkLXNlY3JldC1vZi0zMi1ieXRlcy1vci1tb3Jl";

/// An edge before an origin that has the assets `a` and `b`.
async fn weir(change: impl FnOnce(&mut edge::Config)) -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, Some(JOIN), change).await;
    heard(&origin, 1).await;
    origin.route(SEGMENT, segment().keyed());
    origin.route(&SEGMENT.replace("/a/", "/b/"), segment().keyed());
    (origin, edge)
}

fn shared_file(folder: &tempfile::TempDir) -> (std::path::PathBuf, SharedKey) {
    let jwks =
        format!(r#"{{"keys":[{{"kty":"oct","alg":"HS256","kid":"site-1","k":"{SECRET}"}}]}}"#);
    let file = folder.path().join("shared.json");
    std::fs::write(&file, &jwks).unwrap();
    (file, SharedKey::from_jwks(&jwks).unwrap().remove(0))
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_out_of_its_key() {
    let (origin, edge) = weir(|_| {}).await;
    let (key, escaped) = (origin.key("a"), origin.key("a").replace('.', "%2E"));
    let other = SEGMENT.strip_prefix("/v/a").unwrap();
    for path in [
        format!("/k/{key}/v/b{other}"),
        format!("/k/{key}/v/a/../b{other}"),
        format!("/k/{key}/v/a/%2e%2e/b{other}"),
        format!("/k/{key}/v/a/.%2E/b{other}"),
        format!("/k/{key}/v/a/..%2fb{other}"),
        format!("/k/{key}/v/a/%252e%252e/b{other}"),
        format!("/k/{key}/v/a\\..\\b{other}"),
        format!("/k/{key}/v/./b{other}"),
        format!("/k/{key}/v//b{other}"),
        format!("/k/{key}/v/A{other}"),
        format!("/k/{key}/v/%C3%A1{other}"),
        format!("/k/{key}/v/a%00{other}"),
        format!("/k/{key}/../v/b{other}"),
        format!("/k/{key}/..{}", SEGMENT.replace("/a/", "/b/")),
        format!("/k/{key}%2fv/b{other}"),
        format!("/k/{escaped}/v/b{other}"),
        format!("/K/{key}/v/b{other}"),
        format!("/k/x/k/{key}/v/b{other}"),
    ] {
        let reply = edge.get(&path).send().await;
        let status = reply.status.as_u16();
        assert!((400..500).contains(&status), "{status} {path}");
        assert_ne!(reply.body, bytes(50_000), "{path}");
    }
    assert_eq!(origin.fetches(&SEGMENT.replace("/a/", "/b/")), 0);
}

#[tokio::test]
async fn a_key_in_the_path_is_not_mended_by_one_in_a_field() {
    let (origin, edge) = weir(|_| {}).await;
    let bearer = format!("Bearer {}", origin.key("a"));
    for token in ["x".to_owned(), origin.key("b")] {
        let asked = edge.get(&format!("/k/{token}{SEGMENT}"));
        let reply = asked.header("authorization", &bearer).send().await;
        assert!([401, 403].contains(&reply.status.as_u16()), "{token}");
    }
    assert_eq!(origin.fetches(SEGMENT), 0);
}

#[tokio::test]
async fn an_oversized_or_truncated_key_costs_the_origin_nothing() {
    let (origin, edge) = weir(|_| {}).await;
    let key = origin.key("a");
    for token in [
        "A".repeat(1025),
        format!("{key}{}", "A".repeat(1024)),
        key[..key.len() - 1].to_owned(),
        key.rsplit_once('.').unwrap().0.to_owned(),
    ] {
        let reply = edge.get(&format!("/k/{token}{SEGMENT}")).send().await;
        assert_eq!(
            (reply.status.as_u16(), &*reply.problem()),
            (401, "key-invalid")
        );
    }
    assert_eq!(origin.fetches(SEGMENT), 0);
}

#[tokio::test]
async fn a_doubled_parameter_is_refused_before_the_key_counts() {
    let (origin, edge) = weir(|_| {}).await;
    let list = format!("/k/{}/v/a/master.m3u8?start=1&start=2", origin.key("a"));
    assert_eq!(edge.get(&list).send().await.status, 400);
    assert_eq!(origin.fetches("/v/a/master.m3u8?start=1"), 0);
}

#[tokio::test]
async fn a_site_s_own_key_plays_at_edges_that_share_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (file, shared) = shared_file(&folder);
    let (origin, edge) = weir(|config| config.keys_shared_file = file).await;
    let now = unix_now();
    let claims = keys::play("a", now, now + 60, "site-key".to_owned());
    let target = format!("/k/{}{SEGMENT}", shared.mint(&claims));
    assert_eq!(edge.get(&target).send().await.body, bytes(50_000));
    let other = another(&origin).await;
    assert_eq!(other.get(&target).send().await.problem(), "key-invalid");
    origin.revoke("site-key");
    heard(&origin, 2).await;
    assert_eq!(edge.get(&target).send().await.problem(), "key-revoked");
}

/// One more edge before the same origin, which shares nothing.
async fn another(origin: &FakeOrigin) -> Edge {
    let edge = Edge::start(origin, Some(JOIN), |_| {}).await;
    let ready = async || edge.get("/readyz").send().await.status == 200;
    while !ready().await {
        tokio::task::yield_now().await;
    }
    edge
}

#[tokio::test]
async fn a_key_of_another_host_is_refused() {
    let named = |config: &mut edge::Config| config.keys_audience = vec!["a.example".to_owned()];
    let (origin, edge) = weir(named).await;
    let now = unix_now();
    for (audience, expected) in [("a.example", 200), ("b.example", 401)] {
        let claims = keys::Claims {
            aud: Some(keys::Audience::One(audience.to_owned())),
            ..keys::play("a", now, now + 60, "j".to_owned())
        };
        let target = format!("/k/{}{SEGMENT}", origin.mint(&claims));
        assert_eq!(edge.get(&target).send().await.status, expected);
    }
}

#[tokio::test]
async fn secrets_that_can_t_be_used_stop_an_edge_at_its_start() {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shared.json");
    for text in [None, Some("{}"), Some(SECRET)] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let file = file.clone();
        let mut edge =
            Edge::start(&origin, Some(JOIN), |config| config.keys_shared_file = file).await;
        let ended = (&mut edge.task).await.unwrap();
        let why = ended.unwrap_err().to_string();
        assert!(
            why.contains("keys_shared_file") && why.contains("\"kty\""),
            "{why}"
        );
        assert!(!why.contains(SECRET), "{why}");
    }
}

#[tokio::test]
async fn nobody_joins_a_running_fill_by_a_key_that_does_not_open_it() {
    let (origin, edge) = weir(|_| {}).await;
    let gate = testkit::Gate::closed();
    let held = Answer::ok("first ").then_held(&gate).then("second");
    origin.route(SEGMENT, held.keyed().cache("max-age=60"));
    let good = origin.key("a");
    let mut reader = edge.get(&format!("/k/{good}{SEGMENT}")).open().await;
    reader.piece().await.unwrap().unwrap();
    let now = unix_now();
    let ended = origin.mint(&keys::play("a", now - 60, now - 1, "e".to_owned()));
    let taken = origin.mint(&keys::play("a", now, now + 60, "t".to_owned()));
    origin.revoke("t");
    heard(&origin, 2).await;
    for (token, expected) in [
        (origin.key("b"), "key-scope"),
        (ended, "key-expired"),
        (taken, "key-revoked"),
        (format!("{good}A"), "key-invalid"),
    ] {
        let reply = edge.get(&format!("/k/{token}{SEGMENT}")).send().await;
        assert_eq!(reply.problem(), expected);
    }
    assert_eq!(origin.fetches(SEGMENT), 1);
    gate.open();
    assert_eq!(reader.piece().await.unwrap().unwrap(), "second");
}
