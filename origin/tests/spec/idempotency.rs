//! `Idempotency-Key`: what is sent again takes effect once.

use bytes::Bytes;
use http::Response;
use serde_json::json;

use crate::support::{Server, bearer, json_of, patient, problem};

async fn send(server: &Server, path: &str, key: &str, body: &str) -> Response<Bytes> {
    let token = bearer(&server.admin);
    let headers = [("authorization", token.as_str()), ("idempotency-key", key)];
    server.ask("POST", path, &headers, body.to_owned()).await
}

/// A server with a job that gave up, and the path that has it tried again.
async fn failed() -> (Server, String) {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    server.fail_for_good(&lease, "disk full").await;
    let path = format!("/api/jobs/{}/retry", lease["job"].as_str().unwrap());
    (server, path)
}

#[tokio::test]
async fn an_answer_that_got_lost_is_given_again_after_a_crash_too() {
    let (server, path) = failed().await;
    let first = send(&server, &path, "\"one\"", "").await;
    assert_eq!(first.status(), 200, "{first:?}");
    let server = server.crash(patient()).await;
    let second = send(&server, &path, "\"one\"", "").await;
    assert_eq!(
        (second.status(), second.body()),
        (first.status(), first.body())
    );
    assert_eq!(second.headers()["content-type"], "application/json");
    let other = send(&server, &path, "\"two\"", "").await;
    assert_eq!(
        other.status(),
        404,
        "without the key it is another request, and the job is gone"
    );
    let queued = json_of(&server.get("/api/jobs?state=queued", &server.admin).await);
    assert_eq!(queued["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_key_of_another_request_is_refused() {
    let (server, path) = failed().await;
    send(&server, &path, "\"one\"", "").await;
    for (path, body) in [(path.as_str(), "{}"), ("/api/jobs/none/cancel", "")] {
        let answer = send(&server, path, "\"one\"", body).await;
        assert_eq!(
            (answer.status().as_u16(), problem(&answer).as_str()),
            (422, "idempotency-key-reused")
        );
    }
    let bad = send(&server, &path, "\"", "").await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn of_many_at_once_one_takes_effect() {
    let (server, path) = failed().await;
    let all = (0..8).map(|_| send(&server, &path, "one", ""));
    let mut jobs = Vec::new();
    for answer in futures_util::future::join_all(all).await {
        match answer.status().as_u16() {
            200 => jobs.push(json_of(&answer)["job"].clone()),
            _ => assert_eq!(problem(&answer), "idempotency-key-in-use"),
        }
    }
    assert!(
        !jobs.is_empty() && jobs.iter().all(|job| *job == jobs[0]),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn what_failed_did_nothing_and_is_tried_anew() {
    let (server, path) = failed().await;
    let none = send(&server, "/api/jobs/none/retry", "one", "").await;
    assert_eq!(none.status(), 404);
    assert_eq!(send(&server, &path, "one", "").await.status(), 200);
    assert_eq!(server.lease().await["task"]["kind"], json!("plan"));
}
