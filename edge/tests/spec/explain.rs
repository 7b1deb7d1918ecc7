//! The admin listener's guard, and what an edge tells of itself.

use std::time::Duration;

use edge::{Config, EdgeError, QueryRule, RuleConfig, SiteConfig, Ttl};
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
async fn the_rules_for_a_path_are_told_with_what_they_say() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::start(&origin, None, |config| {
        let ttl = |secs| Ttl(Duration::from_secs(secs));
        let rule = |path: &str, query, ttl: &[(&str, Ttl)]| RuleConfig {
            path: path.to_owned(),
            query,
            ttl: ttl
                .iter()
                .map(|(class, ttl)| ((*class).to_owned(), *ttl))
                .collect(),
        };
        let only = QueryRule::Only(vec!["a".to_owned(), "b".to_owned()]);
        config.site = vec![SiteConfig {
            host: "*".to_owned(),
            origins: vec![origin.url()],
            rule: vec![
                rule("/s/*", Some(only), &[("5xx", ttl(0)), ("200", ttl(3600))]),
                rule("*.css", None, &[("*", ttl(90))]),
            ],
            ..SiteConfig::default()
        }];
    })
    .await;
    let both = "/s/*: query a+b, ttl 200 1h, ttl 5xx 0s; *.css: ttl * 1m 30s";
    for (url, rule) in [
        ("http://edge.test/s/x.css", json!(both)),
        ("http://edge.test/x.css", json!("*.css: ttl * 1m 30s")),
        ("http://edge.test/x", Value::Null),
    ] {
        assert_eq!(operator.explain(url).await["rule"], rule, "{url}");
    }
}

#[tokio::test]
async fn what_is_stored_in_blocks_is_told_with_how_much_of_it() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    let answer = Answer::ok(vec![7; 5 << 19]).cache("max-age=60").etag("1");
    origin.route("/x", answer.ranges());
    for (range, held, outcome) in [("bytes=0-9", 1, "miss"), ("bytes=1048576-", 3, "hit")] {
        operator.edge.get("/x").header("range", range).send().await;
        let told = operator.explain("/x").await;
        let blocks = json!({"held": held, "count": 3, "len": 1 << 20});
        assert_eq!(told["stored"]["blocks"], blocks);
        assert_eq!(
            (&told["stored"]["len"], &told["outcome"]),
            (&json!(5 << 19), &json!(outcome))
        );
    }
}

#[tokio::test]
async fn to_be_explained_is_not_to_be_asked_for() {
    let (origin, dir) = (FakeOrigin::start().await, tempfile::TempDir::new().unwrap());
    let operator = Operator::start(&origin, None, |config| {
        config.cache_dir = Some(dir.path().to_owned());
    })
    .await;
    origin.route("/x", Answer::ok("x").cache("max-age=600"));
    operator.edge.get("/x").send().await;
    for _ in 0..3 {
        assert_eq!(operator.explain("/x").await["outcome"], "hit");
    }
    // What is asked for a second time goes to disk.
    tokio::time::sleep(Duration::from_millis(20)).await;
    operator.knows_disk(0).await;
    operator.edge.get("/x").send().await;
    operator.knows_disk(1).await;
}

#[tokio::test]
async fn an_origin_that_is_kept_out_is_told() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    let gone = origin.url();
    origin.stop().await;
    operator.edge.get("/x").send().await;
    let told = operator.explain("/x").await;
    assert_eq!(told["upstream"], json!(format!("{gone} (kept out)")));
}

#[tokio::test]
async fn what_is_answered_here_and_what_came_back_are_told_as_such() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    assert_eq!(operator.explain("/healthz").await["outcome"], "local");
    let (_, problem) = operator.ask("GET /explain?url=a.test", "").await;
    let said = problem["detail"].as_str().unwrap();
    assert!(said.contains("write http://host/path"), "{said}");
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
