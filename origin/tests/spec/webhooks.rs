//! Webhooks, from the origin's side: what is told, to whom, when, and how it is signed.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, bearer, json_of, patient, settings};

/// Of Standard Webhooks' own tests.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn operate(
    server: &Server,
    method: &str,
    path: &str,
    body: &Value,
) -> Response<bytes::Bytes> {
    server.send_json(method, path, &server.admin, body).await
}

/// A webhook for these events; gives its path.
async fn add(server: &Server, events: &[&str]) -> String {
    let ask = json!({"url": "https://hooks.example/path?key=canary", "events": events,
        "secret": SECRET});
    let added = operate(server, "POST", "/api/webhooks", &ask).await;
    assert_eq!(added.status(), StatusCode::CREATED, "{added:?}");
    format!(
        "/api/webhooks/{}",
        json_of(&added)["webhook"].as_str().unwrap()
    )
}

async fn try_lease(server: &Server) -> Option<Value> {
    let ask = json!({"worker": "test", "wait_secs": 0, "kinds": ["deliver"]});
    let answer = server
        .send_json("POST", "/api/errands/lease", &server.join, &ask)
        .await;
    (answer.status() == StatusCode::OK).then(|| json_of(&answer))
}

async fn end(server: &Server, errand: &Value, path: &str, body: &Value) {
    let path = format!("/api/errands/{}/{path}", errand["errand"].as_str().unwrap());
    let key = bearer(errand["key"].as_str().unwrap());
    let answer = server
        .ask("POST", &path, &[("authorization", &key)], body.to_string())
        .await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
}

/// All that is to be delivered, each with success.
async fn deliver_all(server: &Server) -> Vec<Value> {
    let mut told = Vec::new();
    while let Some(errand) = try_lease(server).await {
        told.push(serde_json::from_str(errand["work"]["body"].as_str().unwrap()).unwrap());
        end(server, &errand, "complete", &json!({"status": 200})).await;
    }
    told
}

fn kinds(told: &[Value]) -> Vec<&str> {
    told.iter().map(|it| it["type"].as_str().unwrap()).collect()
}

async fn deliveries(server: &Server, webhook: &str) -> Value {
    json_of(
        &server
            .get(&format!("{webhook}/deliveries"), &server.admin)
            .await,
    )
}

#[tokio::test]
async fn what_happens_to_an_asset_is_told_in_order_to_who_asked_for_it() {
    let server = Server::start(patient()).await;
    add(&server, &[]).await;
    let (asset, _) = server.upload("not looked at").await;
    let lease = server.lease().await;
    let lease = server.plan(&lease).await;
    for number in 0..3 {
        server.segment(&lease, number, "segment").await;
    }
    server.complete(&lease).await;
    assert_eq!(server.status(&asset).await["state"], "ready");
    let told = deliver_all(&server).await;
    assert_eq!(
        kinds(&told),
        ["asset.created", "asset.playable", "asset.ready"]
    );
    let numbers: Vec<&Value> = told.iter().map(|it| &it["data"]["number"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(told.iter().all(|it| it["data"]["asset"] == asset.as_str()));
    assert_eq!(told[2]["data"]["title"], "clip.mp4");
    operate(
        &server,
        "DELETE",
        &format!("/api/assets/{asset}"),
        &json!({}),
    )
    .await;
    let told = deliver_all(&server).await;
    assert_eq!(kinds(&told), ["asset.deleted"]);
    assert_eq!(told[0]["data"]["title"], "clip.mp4");
}

#[tokio::test]
async fn who_asked_for_failures_alone_is_told_of_nothing_else() {
    let server = Server::start(patient()).await;
    add(&server, &["asset.failed"]).await;
    server.upload("not looked at").await;
    assert!(try_lease(&server).await.is_none());
    let lease = server.lease().await;
    server.fail_for_good(&lease, "this is no video").await;
    let told = deliver_all(&server).await;
    assert_eq!(kinds(&told), ["asset.failed"]);
    assert_eq!(told[0]["data"]["failure"], "this is no video");
}

#[tokio::test]
async fn without_a_webhook_nothing_is_kept() {
    let server = Server::start(patient()).await;
    server.upload("not looked at").await;
    let webhook = add(&server, &[]).await;
    assert!(try_lease(&server).await.is_none());
    assert_eq!(deliveries(&server, &webhook).await, json!([]));
}

#[tokio::test]
async fn a_worker_gets_what_is_signed_and_never_the_secret_which_is_shown_once() {
    let server = Server::start(patient()).await;
    let webhook = add(&server, &[]).await;
    operate(&server, "POST", &format!("{webhook}/test"), &json!({})).await;
    let errand = try_lease(&server).await.unwrap();
    let work = &errand["work"];
    assert_eq!(work["url"], "https://hooks.example/path?key=canary");
    assert!(work["message"].as_str().unwrap().starts_with("msg_"));
    assert!(work["signature"].as_str().unwrap().starts_with("v1,"));
    let part = SECRET.trim_start_matches("whsec_");
    assert!(!errand.to_string().contains(part));
    for path in ["/api/webhooks", &webhook, &format!("{webhook}/deliveries")] {
        let told = server.get(path, &server.admin).await;
        let told = String::from_utf8(told.body().to_vec()).unwrap();
        assert!(!told.contains(part) && !told.contains("canary"), "{told}");
    }
    let fresh = json!({"url": "https://hooks.example/"});
    let fresh = json_of(&operate(&server, "POST", "/api/webhooks", &fresh).await);
    assert!(fresh["secret"].as_str().unwrap().starts_with("whsec_"));
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_with_the_same_id_and_the_log_tells_of_it() {
    let server = Server::start(patient()).await;
    let webhook = add(&server, &[]).await;
    operate(&server, "POST", &format!("{webhook}/test"), &json!({})).await;
    let errand = try_lease(&server).await.unwrap();
    let failure = json!({"reason": "it answers 503", "permanent": false, "status": 503});
    end(&server, &errand, "fail", &failure).await;
    let log = deliveries(&server, &webhook).await;
    let told = (
        &log[0]["state"],
        &log[0]["status"],
        &log[0]["reason"],
        &log[0]["attempts"],
    );
    assert_eq!(
        told,
        (
            &json!("queued"),
            &json!(503),
            &json!("it answers 503"),
            &json!(1)
        )
    );
    assert!(log[0]["next_attempt_at_ms"].is_i64());
    assert!(json_of(&server.get(&webhook, &server.admin).await)["failing_since_ms"].is_i64());
    let path = format!(
        "{webhook}/deliveries/{}/redeliver",
        log[0]["delivery"].as_str().unwrap()
    );
    let again = operate(&server, "POST", &path, &json!({})).await;
    assert_eq!(again.status(), StatusCode::ACCEPTED, "{again:?}");
    let second = try_lease(&server).await.unwrap();
    assert_eq!(second["work"]["message"], errand["work"]["message"]);
    end(&server, &second, "complete", &json!({"status": 204})).await;
    let healed = json_of(&server.get(&webhook, &server.admin).await);
    assert_eq!(healed["failing_since_ms"], Value::Null);
    assert_eq!(deliveries(&server, &webhook).await[0]["status"], 204);
}

#[tokio::test]
async fn a_webhook_gets_one_call_at_a_time_and_none_waits_for_another() {
    let server = Server::start(patient()).await;
    let (slow, other) = (add(&server, &[]).await, add(&server, &[]).await);
    for _ in 0..2 {
        operate(&server, "POST", &format!("{slow}/test"), &json!({})).await;
    }
    operate(&server, "POST", &format!("{other}/test"), &json!({})).await;
    let first = try_lease(&server).await.unwrap();
    let second = try_lease(&server).await.unwrap();
    assert!(
        try_lease(&server).await.is_none(),
        "the slow one's second waits"
    );
    let numbers = [&first, &second].map(|errand| {
        let body: Value = serde_json::from_str(errand["work"]["body"].as_str().unwrap()).unwrap();
        body["data"]["number"].as_i64().unwrap()
    });
    assert_eq!(numbers, [1, 3]);
    end(&server, &first, "complete", &json!({"status": 200})).await;
    assert!(try_lease(&server).await.is_some());
}

#[tokio::test]
async fn who_answers_410_is_called_no_more_until_it_is_enabled() {
    let server = Server::start(patient()).await;
    let webhook = add(&server, &[]).await;
    for _ in 0..2 {
        operate(&server, "POST", &format!("{webhook}/test"), &json!({})).await;
    }
    let errand = try_lease(&server).await.unwrap();
    let gone = json!({"reason": "it answers 410", "permanent": true, "status": 410});
    end(&server, &errand, "fail", &gone).await;
    assert!(try_lease(&server).await.is_none());
    let disabled = json_of(&server.get(&webhook, &server.admin).await);
    assert!(
        disabled["disabled"].as_str().unwrap().contains("410"),
        "{disabled}"
    );
    let log = deliveries(&server, &webhook).await;
    assert_eq!(
        (&log[0]["state"], &log[1]["state"]),
        (&json!("cancelled"), &json!("failed"))
    );
    server.upload("not looked at").await;
    assert!(try_lease(&server).await.is_none());
    let refused = operate(&server, "POST", &format!("{webhook}/test"), &json!({})).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    operate(&server, "POST", &format!("{webhook}/enable"), &json!({})).await;
    server.upload("not looked at").await;
    assert_eq!(kinds(&deliver_all(&server).await), ["asset.created"]);
}

#[tokio::test]
async fn a_webhook_that_is_deleted_is_called_no_more() {
    let server = Server::start(patient()).await;
    let webhook = add(&server, &[]).await;
    operate(&server, "POST", &format!("{webhook}/test"), &json!({})).await;
    let deleted = operate(&server, "DELETE", &webhook, &json!({})).await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert!(try_lease(&server).await.is_none());
    assert_eq!(
        server.get(&webhook, &server.admin).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_webhook_that_cannot_be_is_refused_in_words_without_its_secret() {
    let server = Server::start(patient()).await;
    for (ask, says) in [
        (json!({"url": "ftp://hooks.example/"}), "http://"),
        (json!({"url": "https://u:canary@hooks.example/"}), "user"),
        (
            json!({"url": "https://hooks.example/", "secret": "canary"}),
            "whsec_",
        ),
        (
            json!({"url": "https://hooks.example/", "secret": "whsec_Y2FuYXJ5"}),
            "24 to 64",
        ),
        (
            json!({"url": "https://hooks.example/", "events": ["webhook.test"]}),
            "its own",
        ),
        (
            json!({"url": "https://hooks.example/", "events": ["asset.sold"]}),
            "asset.sold",
        ),
    ] {
        let refused = operate(&server, "POST", "/api/webhooks", &ask).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{ask}");
        let detail = json_of(&refused)["detail"].to_string();
        assert!(
            detail.contains(says) && !detail.contains("canary"),
            "{detail}"
        );
    }
    let strangers = server.ask("GET", "/api/webhooks", &[], "").await;
    assert_eq!(strangers.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_happened_before_a_crash_is_told_after_it() {
    let server = Server::start(settings()).await;
    add(&server, &[]).await;
    server.upload("not looked at").await;
    let server = server.crash(settings()).await;
    assert_eq!(kinds(&deliver_all(&server).await), ["asset.created"]);
}
