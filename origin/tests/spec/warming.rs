//! The last step of the workflow: edges fetch the beginning of what was published.

use std::time::Duration;

use http::StatusCode;
use origin::Config;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Server, json_of, optional, plan, problem, settings, span, task, until};

async fn server() -> Server {
    Server::start(Config {
        warm_segments: 2,
        ..settings()
    })
    .await
}

/// Publishes an asset of three segments; gives its name and its version's.
async fn publish(server: &Server) -> (String, String) {
    let (asset, _key) = server.upload("video").await;
    let lease = server.lease().await;
    let plan = plan(&["v360"], &[span("lead", &["v360"], [0, 4])]);
    server.store_plan(&lease, &plan).await;
    let lease = server.lease().await;
    server.init(&lease, "v360").await;
    for number in 0..4 {
        assert_eq!(server.segment_of(&lease, "v360", number, "x").await, 204);
    }
    assert_eq!(server.complete(&lease).await, 204);
    (asset, lease["version"].as_str().unwrap().to_owned())
}

async fn ask(server: &Server, query: &str) -> Value {
    let path = format!("/api/warm?{query}");
    json_of(&server.get(&path, &server.join).await)
}

/// What the last step of an asset has come to.
async fn last_step(server: &Server, asset: &str) -> Value {
    let status = server.status(asset).await;
    let last = status["steps"].as_array().unwrap().last().unwrap().clone();
    json!([last["step"], last["state"], last["detail"]])
}

#[tokio::test]
async fn edges_are_told_the_beginning_of_what_is_published_and_say_when_they_have_it() {
    let server = server().await;
    assert_eq!(
        ask(&server, "edge=fra-1").await,
        json!({"offset": 0, "paths": []})
    );
    let (news, (asset, version)) =
        tokio::join!(ask(&server, "edge=fra-1&after=0&wait=30"), publish(&server));
    let base = format!("/v/{asset}/{version}/v360");
    let names = ["index.m3u8", "init.mp4", "0.m4s", "1.m4s"];
    let paths: Vec<String> = names.iter().map(|name| format!("{base}/{name}")).collect();
    assert_eq!(news, json!({"offset": 1, "paths": paths}));
    for path in &paths {
        let answer = server.get(path, &server.join).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    // Another edge comes meanwhile: it has nothing to fetch, and nobody waits for it.
    assert_eq!(ask(&server, "edge=ams-1").await["offset"], 1);

    let nothing = "/api/warm?edge=fra-1&after=1&wait=0";
    let nothing = server.get(nothing, &server.join).await;
    assert_eq!(nothing.status(), StatusCode::NO_CONTENT);
    let done = json!(["warm", "done", "2 of 2 edges"]);
    until("the step has ended", async || {
        last_step(&server, &asset).await == done
    })
    .await;
}

#[tokio::test]
async fn where_no_edge_asks_nobody_is_waited_for() {
    let server = server().await;
    let (asset, _) = publish(&server).await;
    let done = json!(["warm", "done", "no edge asks for it"]);
    until("the step has ended", async || {
        last_step(&server, &asset).await == done
    })
    .await;
}

#[tokio::test]
async fn who_was_away_is_told_of_each_version_in_turn_but_of_none_that_is_gone() {
    let server = server().await;
    let (first, _) = publish(&server).await;
    let (second, _) = publish(&server).await;
    let (third, _) = publish(&server).await;
    let gone = format!("/api/assets/{second}");
    let deleted = server.send_json("DELETE", &gone, &server.admin, &json!(null));
    let deleted = deleted.await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    for (after, asset, offset) in [(0, &first, 1), (1, &third, 3)] {
        let list = ask(&server, &format!("edge=fra-1&after={after}&wait=0")).await;
        assert_eq!(list["offset"], offset);
        let path = list["paths"][0].as_str().unwrap();
        assert!(path.starts_with(&format!("/v/{asset}/")), "{path}");
    }
}

#[tokio::test]
async fn edges_hear_at_once_of_a_version_whose_last_job_has_failed() {
    let server = server().await;
    let (asset, _key) = server.upload("video").await;
    let lease = server.lease().await;
    let tasks = [task("lead", &["v360"]), optional("text", &["t1"])];
    server
        .store_plan(&lease, &plan(&["v360", "t1"], &tasks))
        .await;
    let (lead, words) = (server.lease().await, server.lease().await);
    server.init(&lead, "v360").await;
    for number in 0..3 {
        server.segment_of(&lead, "v360", number, "x").await;
    }
    assert_eq!(server.complete(&lead).await, 204);
    let began = Instant::now();
    let (news, ()) = tokio::join!(
        ask(&server, "edge=fra-1&after=0&wait=30"),
        server.fail_for_good(&words, "no words")
    );
    assert_eq!(news["offset"], 1);
    assert_eq!(server.status(&asset).await["state"], "ready");
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn an_edge_that_is_ahead_of_a_restored_catalogue_starts_with_its_newest() {
    let server = server().await;
    publish(&server).await;
    let newest = json!({"offset": 1, "paths": []});
    assert_eq!(ask(&server, "edge=fra-1&after=7&wait=30").await, newest);
    let (news, _) = tokio::join!(ask(&server, "edge=fra-1&after=1&wait=30"), publish(&server));
    assert_eq!(news["offset"], 2);
}

#[tokio::test]
async fn only_edges_are_told_and_only_by_a_name() {
    let server = server().await;
    let answer = server.get("/api/warm?edge=fra-1", &server.admin).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let long = "a".repeat(65);
    for name in ["", "Fra", "fra%201", &long] {
        let path = format!("/api/warm?edge={name}");
        let answer = server.get(&path, &server.join).await;
        assert_eq!(problem(&answer), "bad-request", "{name}");
    }
}
