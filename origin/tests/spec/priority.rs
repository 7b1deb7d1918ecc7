//! Priorities: what is made before what.

use http::StatusCode;
use serde_json::json;

use crate::support::{Server, bearer, header, json_of, patient, plan, problem, task};

/// An upload of this priority, in base64, begun by whoever has the token.
async fn begin(server: &Server, priority: &str, token: &str) -> http::Response<bytes::Bytes> {
    let metadata = format!("filename YQ==,priority {priority}");
    let token = bearer(token);
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "5"),
        ("upload-metadata", metadata.as_str()),
        ("authorization", token.as_str()),
    ];
    server.ask("POST", "/api/uploads", &headers, "").await
}

const HIGH: &str = "aGlnaA==";
const LOW: &str = "bG93";

/// The asset of an upload of this priority.
async fn uploaded(server: &Server, priority: &str) -> String {
    let answer = begin(server, priority, &server.admin).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{answer:?}");
    let path = header(&answer, "location");
    assert_eq!(server.patch(path, 0, "video").await.status(), 204);
    let status = json_of(&server.ask("GET", path, &[], "").await);
    status["asset"]["asset"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn all_jobs_of_a_higher_priority_come_first() {
    let server = Server::start(patient()).await;
    let low = uploaded(&server, LOW).await;
    let (normal, _) = server.upload("video").await;
    let high = uploaded(&server, HIGH).await;
    let first = server.lease().await;
    assert_eq!(first["asset"], high.as_str());
    let tasks = [task("audio", &["a1"]), task("hevc", &["v360"])];
    server
        .store_plan(&first, &plan(&["v360", "a1"], &tasks))
        .await;
    let mut order = Vec::new();
    for _ in 0..4 {
        let lease = server.lease().await;
        order.push((lease["asset"].clone(), lease["task"]["kind"].clone()));
    }
    let expected = [
        (&high, "audio"),
        (&high, "hevc"),
        (&normal, "plan"),
        (&low, "plan"),
    ];
    let expected = expected.map(|(asset, kind)| (json!(asset), json!(kind)));
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_priority_that_is_changed_counts_for_what_waits() {
    let server = Server::start(patient()).await;
    let (first, _) = server.upload("video").await;
    let (second, _) = server.upload("video").await;
    let token = bearer(&server.admin);
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    for priority in ["low", "high"] {
        let patch = json!({"priority": priority}).to_string();
        let path = format!("/api/assets/{second}");
        assert_eq!(
            server.ask("PATCH", &path, &headers, patch).await.status(),
            200
        );
    }
    let (one, other) = (server.lease().await, server.lease().await);
    assert_eq!(
        (&one["asset"], &other["asset"]),
        (&json!(second), &json!(first))
    );
}

#[tokio::test]
async fn with_a_key_nobody_goes_before_others() {
    let server = Server::start(patient()).await;
    let ask = json!({"opens": "upload"});
    let key = json_of(
        &server
            .send_json("POST", "/api/keys", &server.admin, &ask)
            .await,
    );
    let key = key["token"].as_str().unwrap();
    let refused = begin(&server, HIGH, key).await;
    assert_eq!(
        (refused.status().as_u16(), problem(&refused).as_str()),
        (403, "key-scope")
    );
    assert_eq!(begin(&server, LOW, key).await.status(), StatusCode::CREATED);
    let unknown = begin(&server, "eA==", &server.admin).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}
