//! Per-title encoding: what waits for an analysis, and where its result is told.

use http::StatusCode;
use origin::Config;
use serde_json::{Value, json};

use crate::support::{Server, optional, patient, plan, problem, span, task};

/// A version whose renditions are a lead, and two that wait; gives the analysis' lease, and
/// the asset.
async fn analysing() -> (Server, String, Value) {
    let server = Server::start(Config {
        per_title: true,
        ..patient()
    })
    .await;
    let (asset, _key) = server.upload("video").await;
    let planning = server.lease().await;
    assert_eq!(planning["settings"]["per_title"], true);
    let tasks = [
        span("lead", &["v360"], [0, 3]),
        optional("analysis", &[]),
        span("rest", &["v720"], [0, 3]),
        optional("images", &[]),
        span("hevc", &["v480"], [0, 3]),
    ];
    let plan = plan(&["v720", "v480", "v360"], &tasks);
    server.store_plan(&planning, &plan).await;
    let kinds = ["lead", "analysis", "images"];
    let mut leases = Vec::new();
    for kind in kinds {
        let lease = server.lease().await;
        assert_eq!(lease["task"]["kind"], kind);
        leases.push(lease);
    }
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
    (server, asset, leases.swap_remove(1))
}

fn found(crf: f64) -> Value {
    let rate = |crf: f64, bitrate: u64| json!({"crf": crf, "quality": 0.9812, "bitrate": bitrate});
    json!({"metric": "ssim", "target": 0.98, "samples": 8, "sampled_secs": 16.0,
        "renditions": [{"track": "v720", "chosen": rate(crf, 1_500_000),
            "fixed": rate(21.0, 3_000_000), "saving_percent": 50.0}]})
}

/// The kinds that are lent now, with their plans' analyses.
async fn lent(server: &Server) -> Vec<(Value, Value)> {
    let mut lent = Vec::new();
    for _ in 0..2 {
        let lease = server.lease().await;
        lent.push((
            lease["task"]["kind"].clone(),
            lease["plan"]["analysis"].clone(),
        ));
    }
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
    lent
}

#[tokio::test]
async fn what_waits_for_an_analysis_gets_what_it_found() {
    let (server, asset, lease) = analysing().await;
    assert_eq!(server.status(&asset).await["analysis"], Value::Null);
    let body = json!({"warnings": [], "analysis": found(26.5)}).to_string();
    let answer = server.work(&lease, "POST", "complete", body).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
    let wanted = ["rest", "hevc"].map(|kind| (json!(kind), found(26.5)));
    assert_eq!(lent(&server).await, wanted);
    assert_eq!(server.status(&asset).await["analysis"], found(26.5));
}

#[tokio::test]
async fn without_a_result_all_goes_on_as_if_none_were_wanted() {
    let (server, asset, lease) = analysing().await;
    server.fail_for_good(&lease, "no memory").await;
    let wanted = ["rest", "hevc"].map(|kind| (json!(kind), Value::Null));
    assert_eq!(lent(&server).await, wanted);
    let status = server.status(&asset).await;
    assert_eq!(status["analysis"], Value::Null);
    assert_eq!(status["warnings"], json!(["analysis left out: no memory"]));
}

#[tokio::test]
async fn a_rate_factor_that_is_none_is_refused() {
    let (server, _asset, lease) = analysing().await;
    let body = json!({"warnings": [], "analysis": found(52.0)}).to_string();
    let answer = server.work(&lease, "POST", "complete", body).await;
    assert_eq!(problem(&answer), "bad-request");
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
    assert_eq!(lent(&server).await.len(), 2);
}

#[tokio::test]
async fn nobody_waits_where_no_analysis_is_planned() {
    let server = Server::start(patient()).await;
    let (asset, _key) = server.upload("video").await;
    let planning = server.lease().await;
    assert_eq!(planning["settings"]["per_title"], Value::Null);
    let plan = plan(&["v720"], &[task("rest", &["v720"])]);
    server.store_plan(&planning, &plan).await;
    assert_eq!(server.lease().await["task"]["kind"], "rest");
    assert!(server.status(&asset).await.get("analysis").is_none());
}
