//! Two origins with one catalogue, in PostgreSQL.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::json;
use testkit::postgres;
use tokio::time::timeout;

use crate::support::{Server, json_of, patient, plan, task};

/// Origins of one catalogue and one set of secrets.
async fn two(schema: &str) -> (Server, Server) {
    let url = postgres::Server::shared().schema(schema);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Server::start_on(one, url.as_str().into(), patient()).await;
    for secret in ["join-token", "admin-token"] {
        let (from, to) = (first.data().join(secret), other.path().join(secret));
        fs::copy(from, to).unwrap();
    }
    let second = Server::start_on(other, url.as_str().into(), patient()).await;
    (first, second)
}

/// Far below a long poll's wait, and an order above what is expected.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_is_uploaded_to_one_is_lent_by_the_other_at_once() {
    let (one, other) = two("origins_lend").await;
    let worker = async { timeout(SOON, other.try_lease(30)).await };
    let uploader = async {
        // The worker waits by then.
        tokio::time::sleep(Duration::from_millis(300)).await;
        one.upload("video").await
    };
    let (lent, (asset, _)) = tokio::join!(worker, uploader);
    let lease = json_of(&lent.expect("the other heard of it"));
    assert_eq!(lease["asset"], asset);
    // And what the other makes of it, the first knows.
    let tasks = [task("rest", &["v360"])];
    other.store_plan(&lease, &plan(&["v360"], &tasks)).await;
    assert_eq!(one.lease().await["asset"], asset);
}

#[tokio::test]
async fn a_key_that_one_revokes_the_others_edges_hear_of_at_once() {
    let (one, other) = two("origins_revoke").await;
    let known = json_of(&other.get("/api/keys", &other.join).await)["revision"].clone();
    let path = format!("/api/keys?after={known}&wait=30");
    let edge = async { timeout(SOON, other.get(&path, &other.join)).await };
    let operator = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let revoke = json!({"jti": "some"});
        one.send_json("POST", "/api/keys/revoke", &one.admin, &revoke)
            .await
    };
    let (heard, _) = tokio::join!(edge, operator);
    assert_eq!(
        json_of(&heard.expect("at once"))["revoked"],
        json!(["some"])
    );
}

#[tokio::test]
async fn each_job_is_lent_once_however_many_ask_both() {
    let (one, other) = two("origins_share").await;
    for _ in 0..20 {
        one.upload("video").await;
    }
    let worker = async |server: &Server| {
        let mut jobs = Vec::new();
        while let Some(lease) = leased(server).await {
            jobs.push(lease);
        }
        jobs
    };
    let (a, b, c, d) = tokio::join!(worker(&one), worker(&other), worker(&one), worker(&other));
    let all: Vec<String> = [a, b, c, d].concat();
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (20, 20));
}

#[tokio::test]
async fn what_came_to_one_is_not_begun_anew_at_the_other() {
    let (one, other) = two("origins_upload").await;
    let path = one.begin_upload(10).await;
    assert_eq!(one.patch(&path, 0, "12345").await.status(), 204);
    let answer = other.patch(&path, 5, "67890").await;
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert!(answer.headers().contains_key("retry-after"));
    let answer = other
        .ask("HEAD", &path, &[("tus-resumable", "1.0.0")], "")
        .await;
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert_eq!(one.patch(&path, 5, "67890").await.status(), 204);
}

async fn leased(server: &Server) -> Option<String> {
    let answer = server.try_lease(0).await;
    let lent = answer.status() == 200;
    lent.then(|| json_of(&answer)["job"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn where_the_database_is_gone_requests_are_put_off() {
    let server = postgres::Server::start();
    let url = server.schema("gone");
    let data = tempfile::tempdir().unwrap();
    let origin = Server::start_on(data, url.as_str().into(), patient()).await;
    let (asset, key) = origin.upload("video").await;
    drop(server);
    let path = format!("/v/{asset}/master.m3u8");
    let answer = origin.get(&path, &key).await;
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert!(answer.headers().contains_key("retry-after"));
}
