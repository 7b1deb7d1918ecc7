//! Ingest by URL, from the origin's side: what workers fetch is taken as any upload.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, bearer, header, json_of, patient, problem, settings, until};

const URL: &str = "https://media.example/clips/my%20clip.mp4?token=secret";

/// Asks for a fetch; gives its path.
async fn begin(server: &Server) -> String {
    let ask = json!({"url": URL});
    let answer = server
        .send_json("POST", "/api/assets", &server.admin, &ask)
        .await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "{answer:?}");
    header(&answer, "location").to_owned()
}

async fn status(server: &Server, fetch: &str) -> Value {
    json_of(&server.get(fetch, &server.admin).await)
}

async fn try_lease(server: &Server) -> Response<bytes::Bytes> {
    let ask = json!({"worker": "test", "wait_secs": 0, "kinds": ["fetch"]});
    server
        .send_json("POST", "/api/errands/lease", &server.join, &ask)
        .await
}

async fn lease(server: &Server) -> Value {
    let answer = try_lease(server).await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    json_of(&answer)
}

/// A request of the attempt that holds an errand.
async fn work(
    server: &Server,
    errand: &Value,
    (method, path): (&str, &str),
    (headers, body): (&[(&str, &str)], &str),
) -> Response<bytes::Bytes> {
    let path = format!("/api/errands/{}/{path}", errand["errand"].as_str().unwrap());
    let key = bearer(errand["key"].as_str().unwrap());
    let headers = [headers, &[("authorization", key.as_str())]].concat();
    server.ask(method, &path, &headers, body.to_owned()).await
}

/// Sends bytes of the file, of which there are `length`.
async fn send(
    server: &Server,
    errand: &Value,
    (offset, length): (&str, &str),
    body: &str,
) -> Response<bytes::Bytes> {
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-offset", offset),
        ("upload-length", length),
        ("content-type", "application/offset+octet-stream"),
    ];
    work(server, errand, ("PATCH", "upload"), (&headers, body)).await
}

async fn fail(server: &Server, errand: &Value, failure: &Value) {
    let answer = work(
        server,
        errand,
        ("POST", "fail"),
        (&[], &failure.to_string()),
    )
    .await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
}

#[tokio::test]
async fn what_a_worker_fetched_becomes_an_asset_as_any_upload_does() {
    let server = Server::start(patient()).await;
    let fetch = begin(&server).await;
    let queued = status(&server, &fetch).await;
    assert_eq!(
        (&queued["state"], &queued["title"]),
        (&json!("queued"), &json!("my clip.mp4"))
    );
    let errand = lease(&server).await;
    assert_eq!(errand["work"]["url"], URL);
    assert_eq!(status(&server, &fetch).await["state"], "running");
    let news = json!({"source": {"validator": "\"v1\"", "len_bytes": 9}}).to_string();
    let heard = work(&server, &errand, ("POST", "heartbeat"), (&[], &news)).await;
    assert_eq!(json_of(&heard)["cancel"], false);
    let sent = send(&server, &errand, ("0", "9"), "some ").await;
    assert_eq!(sent.status(), StatusCode::NO_CONTENT, "{sent:?}");
    let half = status(&server, &fetch).await;
    assert_eq!(
        (&half["received_bytes"], &half["length_bytes"]),
        (&json!(5), &json!(9))
    );
    send(&server, &errand, ("5", "9"), "more").await;
    let done = work(&server, &errand, ("POST", "complete"), (&[], "{}")).await;
    assert_eq!(done.status(), StatusCode::NO_CONTENT, "{done:?}");
    let again = work(&server, &errand, ("POST", "complete"), (&[], "{}")).await;
    assert_eq!(
        again.status(),
        StatusCode::NO_CONTENT,
        "an answer may get lost"
    );
    let done = status(&server, &fetch).await;
    assert_eq!(done["state"], "done");
    let asset = server.status(done["asset"].as_str().unwrap()).await;
    assert_eq!(
        (&asset["title"], &asset["state"]),
        (&json!("my clip.mp4"), &json!("packaging"))
    );
    assert_eq!(server.lease().await["source_len_bytes"], 9);
}

#[tokio::test]
async fn a_url_that_no_worker_would_call_is_refused_at_once_in_words() {
    let server = Server::start(patient()).await;
    for (url, says) in [
        ("ftp://media.example/a", "http://"),
        ("https://user:secret@media.example/a", "user"),
        ("https://2130706433/a", "number"),
        ("https://media.example./a", "name"),
    ] {
        let ask = json!({"url": url});
        let answer = server
            .send_json("POST", "/api/assets", &server.admin, &ask)
            .await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{url}");
        let detail = json_of(&answer)["detail"].to_string();
        assert!(
            detail.contains(says) && !detail.contains("secret"),
            "{detail}"
        );
    }
    let listed = server.get("/api/fetches", &server.admin).await;
    assert_eq!(json_of(&listed), json!([]));
}

#[tokio::test]
async fn only_the_operator_asks_for_fetches_and_only_workers_get_them() {
    let server = Server::start(patient()).await;
    let fetch = begin(&server).await;
    let ask = json!({"url": URL});
    for (method, path) in [
        ("POST", "/api/assets"),
        ("GET", "/api/fetches"),
        ("GET", &fetch),
        ("DELETE", &fetch),
        ("POST", "/api/errands/lease"),
    ] {
        let answer = server.ask(method, path, &[], ask.to_string()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn an_errands_key_opens_that_errand_and_nothing_else() {
    let server = Server::start(patient()).await;
    begin(&server).await;
    let (first, second) = (lease(&server).await, begin(&server).await);
    let second = second.replace("/api/fetches/", "/api/errands/");
    let key = first["key"].as_str().unwrap();
    let own = format!("/api/errands/{}", first["errand"].as_str().unwrap());
    assert_eq!(
        server.get(&format!("{own}/upload"), key).await.status(),
        StatusCode::OK
    );
    for path in [
        format!("{second}/upload"),
        own.replace("errands", "jobs") + "/source",
        "/api/uploads".to_owned(),
        "/api/assets".to_owned(),
    ] {
        let refused = server.get(&path, key).await.status();
        assert!(refused.is_client_error(), "{path}: {refused}");
    }
}

#[tokio::test]
async fn the_query_of_a_url_is_told_to_workers_alone() {
    let server = Server::start(patient()).await;
    let fetch = begin(&server).await;
    for path in [&fetch, "/api/fetches"] {
        let told = server.get(path, &server.admin).await;
        let told = String::from_utf8(told.body().to_vec()).unwrap();
        assert!(
            told.contains("media.example") && !told.contains("secret"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn what_is_no_video_ends_the_fetch_in_words_and_leaves_no_byte() {
    let server = Server::start(patient()).await;
    let fetch = begin(&server).await;
    let errand = lease(&server).await;
    let page = "%PDF-1.7 a paper about a video";
    let length = page.len().to_string();
    let refused = send(&server, &errand, ("0", &length), page).await;
    assert_eq!(problem(&refused), "not-media");
    let failed = status(&server, &fetch).await;
    assert_eq!(failed["state"], "failed");
    assert!(
        failed["reason"]
            .as_str()
            .unwrap()
            .contains("send video or sound"),
        "{failed}"
    );
    let sources = std::fs::read_dir(server.data().join("blobs/sources")).unwrap();
    assert_eq!(sources.count(), 0);
    assert_eq!(try_lease(&server).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_fetch_that_fails_is_tried_later_and_one_that_cannot_succeed_is_given_up() {
    let server = Server::start(patient()).await;
    let fetch = begin(&server).await;
    let errand = lease(&server).await;
    send(&server, &errand, ("0", "9"), "some ").await;
    fail(
        &server,
        &errand,
        &json!({"reason": "503", "permanent": false}),
    )
    .await;
    let waiting = status(&server, &fetch).await;
    assert_eq!(
        (&waiting["state"], &waiting["reason"]),
        (&json!("queued"), &json!("503"))
    );
    let next = waiting["next_attempt_at_ms"].as_i64().unwrap();
    assert!(next > waiting["created_at_ms"].as_i64().unwrap() + 2000);
    assert_eq!(waiting["received_bytes"], 5, "what came is kept");
    assert_eq!(try_lease(&server).await.status(), StatusCode::NO_CONTENT);

    let fetch = begin(&server).await;
    let errand = lease(&server).await;
    let gone = json!({"reason": "the server has nothing there", "permanent": true});
    fail(&server, &errand, &gone).await;
    let failed = status(&server, &fetch).await;
    assert_eq!(
        (&failed["state"], &failed["reason"]),
        (&json!("failed"), &gone["reason"])
    );
    let lost = work(&server, &errand, ("POST", "complete"), (&[], "{}")).await;
    assert_eq!(problem(&lost), "lease-lost");
}

#[tokio::test]
async fn another_worker_goes_on_where_one_fell_silent_and_that_one_writes_no_more() {
    let server = Server::start(settings()).await;
    let fetch = begin(&server).await;
    let first = lease(&server).await;
    let news = json!({"source": {"validator": "\"v1\"", "len_bytes": 9}}).to_string();
    work(&server, &first, ("POST", "heartbeat"), (&[], &news)).await;
    send(&server, &first, ("0", "9"), "some ").await;
    let mut second = Value::Null;
    until("the lease ran out", async || {
        let answer = try_lease(&server).await;
        let lent = answer.status() == StatusCode::OK;
        if lent {
            second = json_of(&answer);
        }
        lent
    })
    .await;
    assert_eq!(
        (&second["attempt"], &second["errand"]),
        (&json!(2), &first["errand"])
    );
    assert_eq!(second["work"]["source"]["validator"], "\"v1\"");
    let so_far = work(&server, &second, ("GET", "upload"), (&[], "")).await;
    assert_eq!(
        json_of(&so_far),
        json!({"offset_bytes": 5, "length_bytes": 9})
    );
    let late = send(&server, &first, ("5", "9"), "late").await;
    assert_eq!(problem(&late), "lease-lost");
    send(&server, &second, ("5", "9"), "more").await;
    work(&server, &second, ("POST", "complete"), (&[], "{}")).await;
    assert_eq!(status(&server, &fetch).await["state"], "done");
}

#[tokio::test]
async fn an_origin_that_is_killed_between_the_last_byte_and_the_end_makes_one_asset() {
    let server = Server::start(settings()).await;
    let fetch = begin(&server).await;
    let errand = lease(&server).await;
    send(&server, &errand, ("0", "9"), "all of it").await;
    let server = server.crash(settings()).await;
    until("the lease ran out", async || {
        let answer = try_lease(&server).await;
        if answer.status() != StatusCode::OK {
            return false;
        }
        let errand = json_of(&answer);
        let so_far = work(&server, &errand, ("GET", "upload"), (&[], "")).await;
        assert_eq!(
            json_of(&so_far),
            json!({"offset_bytes": 9, "length_bytes": 9})
        );
        work(&server, &errand, ("POST", "complete"), (&[], "{}")).await;
        true
    })
    .await;
    let done = status(&server, &fetch).await;
    assert_eq!(done["state"], "done", "{done}");
    let assets = json_of(&server.get("/api/assets", &server.admin).await);
    assert_eq!(
        assets["assets"].as_array().map(Vec::len),
        Some(1),
        "{assets}"
    );
}

#[tokio::test]
async fn a_file_that_changed_is_fetched_from_its_start() {
    let server = Server::start(patient()).await;
    let fetch = begin(&server).await;
    let errand = lease(&server).await;
    send(&server, &errand, ("0", "9"), "some ").await;
    let restarted = work(&server, &errand, ("DELETE", "upload"), (&[], "")).await;
    assert_eq!(restarted.status(), StatusCode::NO_CONTENT, "{restarted:?}");
    let so_far = work(&server, &errand, ("GET", "upload"), (&[], "")).await;
    assert_eq!(
        json_of(&so_far),
        json!({"offset_bytes": 0, "length_bytes": null})
    );
    send(&server, &errand, ("0", "7"), "another").await;
    work(&server, &errand, ("POST", "complete"), (&[], "{}")).await;
    assert_eq!(status(&server, &fetch).await["state"], "done");
    let sources = std::fs::read_dir(server.data().join("blobs/sources")).unwrap();
    assert_eq!(sources.count(), 1);
}

#[tokio::test]
async fn a_fetch_that_is_taken_back_stops_its_worker_and_leaves_nothing() {
    let server = Server::start(patient()).await;
    let fetch = begin(&server).await;
    let errand = lease(&server).await;
    send(&server, &errand, ("0", "9"), "some ").await;
    let admin = bearer(&server.admin);
    let taken = server
        .ask("DELETE", &fetch, &[("authorization", &admin)], "")
        .await;
    assert_eq!(taken.status(), StatusCode::NO_CONTENT);
    let heard = work(&server, &errand, ("POST", "heartbeat"), (&[], "{}")).await;
    assert_eq!(json_of(&heard)["cancel"], true);
    assert_eq!(
        problem(&send(&server, &errand, ("5", "9"), "more").await),
        "lease-lost"
    );
    assert_eq!(status(&server, &fetch).await["state"], "cancelled");
    let sources = std::fs::read_dir(server.data().join("blobs/sources")).unwrap();
    assert_eq!(sources.count(), 0);
}
