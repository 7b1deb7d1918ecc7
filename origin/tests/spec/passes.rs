//! First passes: what waits for them, and what becomes of what they found.

use std::time::Duration;

use http::StatusCode;
use origin::Config;
use serde_json::{Value, json};

use crate::{
    blobs::{count, settled},
    support::{Server, json_of, patient, plan, span, task},
};

const COST: &str = "texture_bits=700&motion_bits=200&other_bits=100&scale=3.4&pictures=9&secs=0.5";

/// A version of two spans, whose sound is left out.
async fn planned(settings: Config) -> (Server, String) {
    let server = Server::start(settings).await;
    let (asset, _key) = server.upload("video").await;
    let lease = server.lease().await;
    let mut tasks = vec![task("first-pass", &[]), task("first-pass", &[])];
    tasks.extend([[0, 3], [3, 5]].map(|segments| span("rest", &["v360"], segments)));
    for (at, task) in tasks.iter_mut().enumerate() {
        task["span"] = json!(at % 2);
    }
    server.store_plan(&lease, &plan(&["v360"], &tasks)).await;
    (server, asset)
}

async fn put(server: &Server, lease: &Value, track: &str, log: &str) -> StatusCode {
    let path = format!("passes/{track}?{COST}");
    let answer = server.work(lease, "PUT", &path, log.to_owned()).await;
    answer.status()
}

/// Leases a first pass and does it.
async fn measure(server: &Server, log: &str) {
    let lease = server.lease().await;
    assert_eq!(lease["task"]["kind"], "first-pass");
    assert_eq!(
        put(server, &lease, "v360", log).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
}

async fn encode(server: &Server, lease: &Value) {
    server.init(lease, "v360").await;
    let segments = &lease["task"]["segments"];
    for number in segments[0].as_u64().unwrap()..segments[1].as_u64().unwrap() {
        let number = u32::try_from(number).unwrap();
        let stored = server.segment_of(lease, "v360", number, "bytes").await;
        assert_eq!(stored, StatusCode::NO_CONTENT);
    }
    assert_eq!(server.complete(lease).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_goes_by_first_passes_is_lent_when_all_are_done_and_hears_what_they_found() {
    let (server, asset) = planned(patient()).await;
    measure(&server, "first").await;
    let percent = server.status(&asset).await["percent"].as_f64().unwrap();
    assert!((percent - 20.0).abs() < 0.1, "{percent}");
    let second = server.lease().await;
    // Nothing else is lent meanwhile.
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
    put(&server, &second, "v360", "second").await;
    let (rest, _) = tokio::join!(server.try_lease(30), server.complete(&second));
    let rest = json_of(&rest);
    assert_eq!(rest["task"]["kind"], "rest");
    let cost = json!({"texture_bits": 700, "motion_bits": 200, "other_bits": 100, "scale": 3.4,
        "pictures": 9, "secs": 0.5});
    let found = |span: u32, len: usize| json!({"span": span, "track": "v360", "len_bytes": len, "cost": cost});
    assert_eq!(rest["passes"], json!([found(0, 5), found(1, 6)]));
    let log = server.work(&rest, "GET", "passes/v360", "").await;
    assert_eq!(log.body(), "first");
}

#[tokio::test]
async fn a_log_is_kept_until_its_span_is_encoded_and_its_cost_for_the_other_spans() {
    let soon = Config {
        gc_grace: Duration::from_secs(60),
        ..patient()
    };
    let (server, asset) = planned(soon).await;
    for log in ["first", "second"] {
        measure(&server, log).await;
    }
    assert_eq!(settled(&server).await.len(), 3);
    let (first, second) = (server.lease().await, server.lease().await);
    encode(&server, &first).await;
    // The source, a log, an init and three segments.
    assert_eq!(settled(&server).await.len(), 6);
    let log = server.work(&second, "GET", "passes/v360", "").await;
    assert_eq!(log.body(), "second");
    assert_eq!(count(&server, "SELECT count(*) FROM passes").await, 2);
    encode(&server, &second).await;
    assert_eq!(server.status(&asset).await["state"], "ready");
    assert_eq!(settled(&server).await.len(), 7);
}

#[tokio::test]
async fn a_first_pass_that_was_given_up_is_done_by_another() {
    let (server, _asset) = planned(patient()).await;
    let lease = server.lease().await;
    put(&server, &lease, "v360", "first").await;
    let gone = json!({"reason": "it stops", "permanent": false, "given_back": true});
    let gone = server.work(&lease, "POST", "fail", gone.to_string()).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        put(&server, &lease, "v360", "late").await,
        StatusCode::CONFLICT
    );
    // Repeated, it changes nothing.
    measure(&server, "again").await;
    measure(&server, "second").await;
    let rest = server.lease().await;
    let log = server.work(&rest, "GET", "passes/v360", "").await;
    assert_eq!(log.body(), "first");
}

#[tokio::test]
async fn only_a_first_pass_stores_a_log_and_only_of_what_is_planned() {
    let (server, _asset) = planned(patient()).await;
    let lease = server.lease().await;
    let odd = server.work(&lease, "PUT", "passes/v360", "no cost").await;
    assert_eq!(odd.status(), StatusCode::BAD_REQUEST);
    let bad = StatusCode::BAD_REQUEST;
    assert_eq!(put(&server, &lease, "v720", "log").await, bad);
    put(&server, &lease, "v360", "log").await;
    server.complete(&lease).await;
    measure(&server, "second").await;
    let rest = server.lease().await;
    assert_eq!(put(&server, &rest, "v360", "log").await, bad);
    let other = server.work(&rest, "GET", "passes/v720", "").await;
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_version_that_fails_or_is_deleted_takes_its_logs_with_it() {
    let (server, asset) = planned(patient()).await;
    measure(&server, "first").await;
    let second = server.lease().await;
    server.fail_for_good(&second, "no picture").await;
    assert_eq!(server.status(&asset).await["state"], "failed");
    assert_eq!(count(&server, "SELECT count(*) FROM passes").await, 0);
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
    let (server, asset) = planned(patient()).await;
    measure(&server, "first").await;
    let path = format!("/api/assets/{asset}");
    let headers = [("authorization", &*format!("Bearer {}", server.admin))];
    let gone = server.ask("DELETE", &path, &headers, "").await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(count(&server, "SELECT count(*) FROM passes").await, 0);
}
