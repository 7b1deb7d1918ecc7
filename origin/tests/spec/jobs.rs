//! Jobs: nothing lost, nothing done twice.

use std::time::Duration;

use http::StatusCode;
use origin::Config;
use serde_json::json;

use crate::support::{Server, json_of, patient, problem, settings, until};

#[tokio::test]
async fn a_waiting_worker_gets_a_job_when_it_comes() {
    let server = Server::start(settings()).await;
    let (leased, (asset, _key)) = tokio::join!(server.try_lease(30), server.upload("video"));
    assert_eq!(json_of(&leased)["asset"], asset);
}

#[tokio::test]
async fn a_wait_without_a_job_ends_in_204() {
    let server = Server::start(settings()).await;
    assert_eq!(server.try_lease(1).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn one_job_goes_to_one_worker() {
    let server = Server::start(settings()).await;
    server.upload("video").await;
    let asks = (0..8).map(|_| server.try_lease(0));
    let answers = futures_util::future::join_all(asks).await;
    let leased = answers
        .iter()
        .filter(|answer| answer.status() == StatusCode::OK)
        .count();
    assert_eq!(leased, 1);
}

#[tokio::test]
async fn a_silent_workers_job_goes_to_another_and_the_first_is_fenced_off() {
    let server = Server::start(settings()).await;
    server.upload("video").await;
    let first = server.plan(&server.lease().await).await;
    assert_eq!(
        server.segment(&first, 0, "one").await,
        StatusCode::NO_CONTENT
    );
    let second = json_of(&server.try_lease(10).await);
    assert_eq!(second["attempt"], 2);
    assert_eq!(
        second["stored"],
        json!([{"track": "a1", "init": true, "segments": 1}])
    );
    let answer = server
        .work(&first, "POST", "complete", "{\"warnings\": []}")
        .await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (409, "lease-lost")
    );
    assert_eq!(server.segment(&first, 1, "two").await, StatusCode::CONFLICT);
    assert_eq!(
        server.segment(&second, 1, "two").await,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn heartbeats_keep_the_lease() {
    let server = Server::start(settings()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    let beats = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            assert_eq!(server.heartbeat(&lease, 1.0).await, StatusCode::OK);
        }
    };
    let (other, ()) = tokio::join!(server.try_lease(2), beats);
    assert_eq!(other.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_failed_attempt_is_tried_again_and_a_permanent_failure_is_told() {
    let server = Server::start(settings()).await;
    let (asset, _key) = server.upload("video").await;
    let first = server.lease().await;
    let failure = json!({"reason": "disk full", "permanent": false}).to_string();
    server.work(&first, "POST", "fail", failure).await;
    let second = json_of(&server.try_lease(10).await);
    assert_eq!(second["attempt"], 2);
    let failure = json!({"reason": "not a video", "permanent": true}).to_string();
    server.work(&second, "POST", "fail", failure).await;
    let status = json_of(
        &server
            .get(&format!("/api/assets/{asset}"), &server.admin)
            .await,
    );
    assert_eq!(
        (&status["state"], &status["failure"]),
        (&json!("failed"), &json!("not a video"))
    );
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_job_is_given_up_after_its_last_attempt() {
    let server = Server::start(Config {
        attempts_max: 1,
        ..settings()
    })
    .await;
    let (asset, _key) = server.upload("video").await;
    let lease = server.lease().await;
    let failure = json!({"reason": "disk full", "permanent": false}).to_string();
    server.work(&lease, "POST", "fail", failure).await;
    let status = json_of(
        &server
            .get(&format!("/api/assets/{asset}"), &server.admin)
            .await,
    );
    assert_eq!(status["state"], "failed");
}

#[tokio::test]
async fn a_version_whose_last_worker_goes_silent_fails_by_itself() {
    let server = Server::start(Config {
        attempts_max: 1,
        ..settings()
    })
    .await;
    let (asset, _key) = server.upload("video").await;
    server.lease().await;
    until("it is given up", async || {
        server.status(&asset).await["state"] == "failed"
    })
    .await;
    let failure = &server.status(&asset).await["failure"];
    assert_eq!(failure, "gave up after 1 attempts: each worker went silent");
}

#[tokio::test]
async fn another_init_segment_is_refused() {
    let server = Server::start(settings()).await;
    server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    let same = crate::support::init_segment();
    let answer = server
        .work(&lease, "PUT", "tracks/a1/init", same.clone())
        .await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let mut other = same.to_vec();
    let at = other.windows(4).position(|four| four == b"mvhd").unwrap();
    other[at + 11] ^= 1; // its time of creation
    let answer = server.work(&lease, "PUT", "tracks/a1/init", other).await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (409, "init-mismatch")
    );
}

#[tokio::test]
async fn a_version_with_a_track_missing_is_not_sealed() {
    let server = Server::start(settings()).await;
    server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    let answer = server
        .work(&lease, "POST", "complete", "{\"warnings\": []}")
        .await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn leasing_needs_the_join_token_and_working_the_leases_key() {
    let server = Server::start(settings()).await;
    server.upload("video").await;
    let ask = json!({"worker": "stranger", "wait_secs": 0});
    let answer = server
        .send_json("POST", "/api/jobs/lease", &server.admin, &ask)
        .await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let lease = server.lease().await;
    let source = format!("/api/jobs/{}/source", lease["job"].as_str().unwrap());
    assert_eq!(
        server.get(&source, &server.join).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        server.ask("GET", &source, &[], "").await.status(),
        StatusCode::UNAUTHORIZED
    );
    server.upload("another").await;
    let other = server.lease().await;
    let answer = server.get(&source, other["key"].as_str().unwrap()).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_source_is_read_by_range() {
    let server = Server::start(settings()).await;
    server.upload("0123456789").await;
    let lease = server.lease().await;
    let path = format!("/api/jobs/{}/source", lease["job"].as_str().unwrap());
    let key = crate::support::bearer(lease["key"].as_str().unwrap());
    let headers = [("authorization", key.as_str()), ("range", "bytes=4-6")];
    let answer = server.ask("GET", &path, &headers, "").await;
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_ref()),
        (206, b"456".as_slice())
    );
}

#[tokio::test]
async fn an_attempt_given_back_in_good_health_does_not_count() {
    let server = Server::start(Config {
        attempts_max: 1,
        ..settings()
    })
    .await;
    let (asset, _key) = server.upload("video").await;
    let stop = json!({"reason": "stopping", "permanent": false, "given_back": true}).to_string();
    for attempt in 1..=3 {
        let lease = server.lease().await;
        assert_eq!(lease["attempt"], attempt);
        server.work(&lease, "POST", "fail", stop.clone()).await;
    }
    let status = json_of(
        &server
            .get(&format!("/api/assets/{asset}"), &server.admin)
            .await,
    );
    assert_eq!(status["state"], "packaging");
}

/// The jobs that so many workers got that asked at once, each its own.
async fn lent_to(server: &Server, workers: usize) -> Vec<String> {
    let asked = (0..workers).map(|_| server.try_lease(0));
    let answers = futures_util::future::join_all(asked).await;
    let good = answers.iter().filter(|it| it.status() == StatusCode::OK);
    let job = |lease: &_| json_of(lease)["job"].as_str().unwrap().to_owned();
    good.map(job).collect()
}

#[tokio::test]
async fn many_workers_that_ask_at_once_get_a_job_each() {
    let server = Server::start(patient()).await;
    for _ in 0..30 {
        server.upload("video").await;
    }
    let mut jobs = lent_to(&server, 100).await;
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), 30);
}

#[tokio::test]
async fn workers_that_go_away_while_they_ask_hold_up_no_other() {
    let server = Server::start(settings()).await;
    for _ in 0..20 {
        server.upload("video").await;
    }
    for _ in 0..20 {
        // Some of these are answered to nobody: their jobs come back with the lease's end.
        let many = lent_to(&server, 10);
        let _ = tokio::time::timeout(Duration::from_micros(700), many).await;
    }
    let mut done = std::collections::BTreeSet::new();
    until("every job was lent", async || {
        done.extend(lent_to(&server, 5).await);
        done.len() == 20
    })
    .await;
}
