//! §4.4, invalidating stored responses.

use http::Method;
use testkit::Answer;

use super::Cache;

const HOST: &str = "edge.test";

async fn stored(targets: &[&str]) -> Cache {
    let cache = Cache::new().await;
    for target in targets {
        cache
            .origin
            .route(target, Answer::ok("old").cache("max-age=60"));
        cache.get(target).await;
        cache
            .origin
            .route(target, Answer::ok("new").cache("max-age=60"));
    }
    cache
}

#[tokio::test]
async fn section_4_4_a_change_that_succeeds_drops_what_is_stored() {
    for (method, status, body) in [
        ("POST", 200, "new"),
        ("PUT", 201, "new"),
        ("DELETE", 204, "new"),
        ("PATCH", 303, "new"),
        ("M-SEARCH", 200, "new"),
        ("POST", 404, "old"),
        ("POST", 500, "old"),
        ("OPTIONS", 200, "old"),
    ] {
        let cache = stored(&["/x"]).await;
        cache.origin.route("/x", Answer::status(status));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        cache.ask(method.clone(), "/x", &[]).await;
        cache
            .origin
            .route("/x", Answer::ok("new").cache("max-age=60"));
        assert_eq!(cache.get("/x").await.body, body, "{method} {status}");
    }
}

#[tokio::test]
async fn section_4_4_what_the_answer_names_on_the_same_host_is_dropped_too() {
    for (field, value, body) in [
        ("location", "/a/x".to_owned(), "new"),
        ("content-location", "/a/x".to_owned(), "new"),
        ("location", "x".to_owned(), "new"),
        ("location", format!("http://{HOST}/a/x"), "new"),
        ("location", "http://other.test/a/x".to_owned(), "old"),
        ("location", "//".to_owned(), "old"),
    ] {
        let cache = stored(&["/a/x"]).await;
        let answer = Answer::ok("").header(field, &value);
        cache.origin.route("/a/post", answer);
        cache.ask(Method::POST, "/a/post", &[]).await;
        assert_eq!(cache.get("/a/x").await.body, body, "{field}: {value}");
    }
}

#[tokio::test]
async fn section_4_4_what_was_being_fetched_meanwhile_is_not_stored() {
    let alone = [("authorization", "Basic YTpi")];
    for fields in [&[][..], &alone] {
        let cache = Cache::new().await;
        let gate = testkit::Gate::closed();
        let old = Answer::ok("o").then_held(&gate).then("ld");
        cache.origin.route("/x", old.cache("public, max-age=60"));
        let slow = async {
            let reply = cache.ask(Method::GET, "/x", fields).await;
            assert_eq!(reply.body, "old");
        };
        let change = async {
            cache.origin.asked("/x", 1).await;
            cache.origin.route("/x", Answer::ok("changed"));
            cache.ask(Method::POST, "/x", &[]).await;
            gate.open();
        };
        tokio::join!(slow, change);
        let new = Answer::ok("new").cache("max-age=60");
        cache.origin.route("/x", new);
        assert_eq!(cache.get("/x").await.body, "new", "{fields:?}");
    }
}

#[tokio::test]
async fn section_4_4_a_place_is_known_by_its_path_whatever_its_query_says() {
    let target = "/x?to=http://other.test/";
    let cache = stored(&[target]).await;
    let answer = Answer::ok("").header("location", target);
    cache.origin.route("/post", answer);
    cache.ask(Method::POST, "/post", &[]).await;
    assert_eq!(cache.get(target).await.body, "new");
}
