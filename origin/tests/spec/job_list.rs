//! Jobs that operators list, try again and cancel.

use std::time::Duration;

use http::StatusCode;
use origin::Config;
use serde_json::{Value, json};

use crate::{
    blobs::{blobs, named},
    support::{Server, bearer, json_of, optional, patient, plan, problem, settings, task, until},
};

async fn jobs(server: &Server, query: &str) -> Value {
    let answer = server
        .get(&format!("/api/jobs?{query}"), &server.admin)
        .await;
    assert_eq!(answer.status(), StatusCode::OK, "{query}: {answer:?}");
    json_of(&answer)
}

/// What an operator does to a job: `retry` or `cancel`.
async fn order(server: &Server, job: &Value, what: &str) -> http::Response<bytes::Bytes> {
    let path = format!("/api/jobs/{}/{what}", job.as_str().unwrap());
    let token = bearer(&server.admin);
    server
        .ask("POST", &path, &[("authorization", &token)], "")
        .await
}

/// Makes the version of a lease's job whole.
async fn publish(server: &Server, lease: &Value) {
    let lease = server.plan(lease).await;
    assert_eq!(
        server.segment(&lease, 0, "one").await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_waits_is_listed_in_the_order_in_which_it_is_lent() {
    let server = Server::start(patient()).await;
    for _ in 0..5 {
        server.upload("video").await;
    }
    let first = jobs(&server, "state=queued&limit=3").await;
    let rest = jobs(
        &server,
        &format!("state=queued&cursor={}", first["next"].as_str().unwrap()),
    )
    .await;
    assert_eq!(rest["next"], json!(null));
    let mut listed: Vec<Value> = Vec::new();
    for page in [&first, &rest] {
        listed.extend(
            page["jobs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["job"].clone()),
        );
    }
    assert_eq!(listed.len(), 5);
    for job in &listed {
        let lease = server.lease().await;
        let of_asset = format!("state=leased&asset={}", lease["asset"].as_str().unwrap());
        let leased = jobs(&server, &of_asset).await;
        assert_eq!(
            (&lease["job"], &leased["jobs"][0]["worker"]),
            (job, &json!("test"))
        );
    }
    assert_eq!(
        jobs(&server, "state=leased").await["jobs"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(jobs(&server, "").await, json!({"jobs": [], "next": null}));
}

#[tokio::test]
async fn what_gave_up_is_listed_with_its_reason_and_tried_again_from_the_source() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let planned = server.lease().await;
    server
        .store_plan(
            &planned,
            &plan(
                &["a1", "v360"],
                &[task("audio", &["a1"]), task("lead", &["v360"])],
            ),
        )
        .await;
    let lease = server.lease().await;
    server.fail_for_good(&lease, "out of memory").await;
    let failed = jobs(&server, "state=failed").await;
    let [job] = &failed["jobs"].as_array().unwrap()[..] else {
        panic!("{failed}");
    };
    assert_eq!(
        (&job["job"], &job["reason"]),
        (&lease["job"], &json!("out of memory"))
    );
    assert!(job["retry_until_ms"].is_i64(), "{job}");
    let again = order(&server, &job["job"], "retry").await;
    assert_eq!(again.status(), StatusCode::OK, "{again:?}");
    let again = json_of(&again);
    assert_eq!(
        (&again["kind"], &again["state"]),
        (&json!("plan"), &json!("queued"))
    );
    assert_ne!(
        again["version"], job["version"],
        "no name of a segment is used again"
    );
    publish(&server, &server.lease().await).await;
    let status = server.status(&asset).await;
    assert_eq!(
        (&status["state"], &status["version"]),
        (&json!("ready"), &again["version"])
    );
    assert_eq!(
        status["steps"][0]["detail"],
        "tried again after: out of memory"
    );
    assert_eq!(jobs(&server, "state=failed").await["jobs"], json!([]));
    assert_eq!(blobs(server.data()), named(&server).await);
}

#[tokio::test]
async fn what_can_not_be_tried_again_says_why() {
    let soon = Config {
        gc_grace: Duration::from_secs(1),
        ..settings()
    };
    let server = Server::start(soon).await;
    let (asset, _) = server.upload("video").await;
    let lease = server.lease().await;
    let none = order(&server, &json!("none"), "retry").await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
    let same = json_of(&order(&server, &lease["job"], "retry").await);
    assert_eq!(same["state"], "leased", "what goes on is left alone");
    server.fail_for_good(&lease, "no video").await;
    until("the source is deleted", async || {
        blobs(server.data()).is_empty()
    })
    .await;
    let late = order(&server, &lease["job"], "retry").await;
    assert_eq!(
        (late.status().as_u16(), problem(&late).as_str()),
        (409, "conflict")
    );
    assert!(
        json_of(&late)["detail"]
            .as_str()
            .unwrap()
            .contains("upload it again")
    );
    assert_eq!(server.status(&asset).await["state"], "failed");
}

#[tokio::test]
async fn a_version_that_goes_on_without_a_job_does_not_take_it_back() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let planned = server.lease().await;
    let tasks = [task("audio", &["a1"]), optional("images", &[])];
    server.store_plan(&planned, &plan(&["a1"], &tasks)).await;
    server.lease().await;
    let images = server.lease().await;
    server.fail_for_good(&images, "no picture").await;
    let answer = order(&server, &images["job"], "retry").await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (409, "conflict")
    );
    let done = order(&server, &planned["job"], "retry").await;
    assert!(
        json_of(&done)["detail"]
            .as_str()
            .unwrap()
            .ends_with("is done")
    );
    let listed = jobs(&server, "state=failed").await;
    assert_eq!(listed["jobs"][0]["retry_until_ms"], json!(null));
}

#[tokio::test]
async fn a_job_that_is_cancelled_ends_its_version_which_may_be_tried_again() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let lease = server.lease().await;
    for _ in 0..2 {
        let answer = order(&server, &lease["job"], "cancel").await;
        assert_eq!(json_of(&answer)["state"], "cancelled", "{answer:?}");
    }
    let beat = json!({"progress": {"stage": "encode", "percent": 1.0, "speed": null}});
    let beat = server
        .work(&lease, "POST", "heartbeat", beat.to_string())
        .await;
    assert_eq!(json_of(&beat)["cancel"], true);
    let status = server.status(&asset).await;
    assert_eq!(
        (&status["state"], &status["failure"]),
        (&json!("failed"), &json!("cancelled by the operator"))
    );
    assert_eq!(
        order(&server, &lease["job"], "retry").await.status(),
        StatusCode::OK
    );
    publish(&server, &server.lease().await).await;
    assert_eq!(server.status(&asset).await["state"], "ready");
}

#[tokio::test]
async fn an_optional_job_that_is_cancelled_is_left_out() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let tasks = [task("audio", &["a1"]), optional("images", &[])];
    server
        .store_plan(&server.lease().await, &plan(&["a1"], &tasks))
        .await;
    let lease = server.lease().await;
    let images = jobs(&server, "state=queued").await["jobs"][0]["job"].clone();
    assert_eq!(
        order(&server, &images, "cancel").await.status(),
        StatusCode::OK
    );
    server.init(&lease, "a1").await;
    server.segment(&lease, 0, "one").await;
    assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
    let status = server.status(&asset).await;
    assert_eq!(status["state"], "ready");
    assert_eq!(
        status["warnings"],
        json!(["images left out: cancelled by the operator"])
    );
    let late = order(&server, &lease["job"], "cancel").await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_list_that_can_not_be_is_refused() {
    let server = Server::start(patient()).await;
    for query in ["state=done", "limit=0", "cursor=MS4y", "asset=A", "of=x"] {
        let answer = server
            .get(&format!("/api/jobs?{query}"), &server.admin)
            .await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
}
