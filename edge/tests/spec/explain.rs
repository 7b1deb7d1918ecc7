//! The admin listener's guard, and what an edge tells of itself.

use edge::{Config, EdgeError};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, FakeOrigin, JOIN};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    operator::{Operator, TOKEN, folder},
    setup::{SEGMENT, heard, segment},
};

#[tokio::test]
async fn without_the_token_nothing_is_told_or_purged() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    for token in ["", "x", &TOKEN[1..], &format!("{TOKEN}x")] {
        for request in ["POST /purge", "GET /explain?url=/", "GET /", "GET /purge"] {
            let (status, problem) = operator.ask_with(token, request, "{}").await;
            assert_eq!(
                (status, &problem["type"]),
                (401, &json!("/problems/key-missing"))
            );
        }
    }
    for (request, status) in [("GET /purge", 405), ("POST /explain", 405), ("GET /x", 404)] {
        assert_eq!(operator.ask(request, "").await.0, status, "{request}");
    }
}

#[tokio::test]
async fn viewers_have_no_way_to_the_admin_listener() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    let bearer = format!("Bearer {TOKEN}");
    let asked = testkit::request(operator.edge.addr, Method::POST, "/purge");
    let reply = asked.header("authorization", &bearer).send().await;
    assert_ne!(reply.status, 200);
}

#[tokio::test]
async fn what_is_stored_is_told_with_its_freshness() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    let answer = Answer::ok("four").cache("max-age=60").header("age", "10");
    origin.route("/x?a=1", answer.header("surrogate-key", "red blue"));
    let told = operator.explain("/x%3Fa=1").await;
    assert_eq!(
        (&told["outcome"], &told["stored"]),
        (&json!("miss"), &Value::Null)
    );
    operator.edge.get("/x?a=1").send().await;
    let told = operator.explain("http://edge.test/x%3Fa=1").await;
    for (field, value) in [
        ("outcome", json!("hit")),
        ("key", json!("/x?a=1")),
        ("pop", json!("fra")),
        ("upstream", json!(origin.url())),
    ] {
        assert_eq!(told[field], value, "{field}");
    }
    for (field, value) in [
        ("tier", json!("ram")),
        ("state", json!("fresh")),
        ("status", json!(200)),
        ("len", json!(4)),
        ("lifetime_secs", json!(60)),
        ("ttl_secs", json!(50)),
        ("tags", json!("red blue")),
    ] {
        assert_eq!(told["stored"][field], value, "{field}");
    }
    assert_eq!(told["stored"]["position"], told["position"]);
}

#[tokio::test]
async fn why_a_key_is_refused_is_told_without_the_key() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, Some(JOIN)).await;
    heard(&origin, 1).await;
    origin.route(SEGMENT, segment().keyed());
    let token = origin.key("b");
    for (url, refused) in [
        (
            format!("/k/{token}{SEGMENT}"),
            json!("the key does not open this path"),
        ),
        (format!("/k/{}{SEGMENT}", origin.key("a")), Value::Null),
        ("/v/a/../b".to_owned(), json!("the path has a dot segment")),
        (
            "/api/x".to_owned(),
            json!("the API is at the origin, not at an edge"),
        ),
    ] {
        let told = operator.explain(&url).await;
        assert_eq!(told["refused"], refused, "{url}");
        assert!(!told.to_string().contains("eyJ"), "{told}");
    }
}

#[tokio::test]
async fn a_request_that_shows_the_token_is_explained_and_no_other() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    for outcome in ["miss", "hit"] {
        let asked = operator.edge.get("/x").header("weir-debug", TOKEN);
        let told: Value = serde_json::from_str(asked.send().await.field("weir-explain")).unwrap();
        assert_eq!(
            (&told["outcome"], &told["key"]),
            (&json!(outcome), &json!("/x"))
        );
    }
    for token in ["", "x", JOIN] {
        let reply = operator
            .edge
            .get("/x")
            .header("weir-debug", token)
            .send()
            .await;
        assert_eq!(reply.field("weir-explain"), "");
    }
    let asked = origin.requests("/x");
    assert!(
        asked
            .iter()
            .all(|it| !it.headers.contains_key("weir-debug"))
    );
}

#[tokio::test]
async fn a_token_is_made_where_there_is_none_and_a_weak_one_is_refused() {
    let folder = folder();
    let (made, weak) = (folder.join("sub/made"), folder.join("weak"));
    std::fs::write(&weak, "short\n").unwrap();
    let serve = async |listen: &str, file: &std::path::Path| {
        let config = Config {
            admin_listen: listen.to_owned(),
            admin_token_file: file.to_owned(),
            ..Config::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stopped = CancellationToken::new();
        stopped.cancel();
        edge::serve(listener, config, None, stopped).await
    };
    serve("127.0.0.1:0", &made).await.unwrap();
    assert_eq!(std::fs::read_to_string(&made).unwrap().trim().len(), 64);
    let refused = serve("127.0.0.1:0", &weak).await.unwrap_err();
    assert!(refused.to_string().contains("at least 16"), "{refused}");
    let refused = serve("127.0.0.1:0", "".as_ref()).await;
    assert!(matches!(
        refused,
        Err(EdgeError::Limit {
            key: "admin_token_file",
            ..
        })
    ));
    let refused = serve("nowhere", &made).await;
    assert!(matches!(
        refused,
        Err(EdgeError::Limit {
            key: "admin_listen",
            ..
        })
    ));
    std::fs::remove_dir_all(&folder).unwrap();
}
