//! Files beside a version's tracks.

use http::StatusCode;
use serde_json::Value;

use crate::support::{Server, bearer, header, patient, plan, task};

const STORED: StatusCode = StatusCode::NO_CONTENT;

/// A server with a job that makes images.
async fn imaging() -> (Server, String, String, Value) {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let plan = plan(&["a1"], &[task("images", &[]), task("audio", &["a1"])]);
    let lease = server.lease().await;
    server.store_plan(&lease, &plan).await;
    let lease = server.lease_of(&["images"], "").await;
    (server, asset, key, crate::support::json_of(&lease))
}

#[tokio::test]
async fn a_file_is_delivered_as_it_was_stored_first() {
    let (server, asset, key, lease) = imaging().await;
    for body in ["0123456789", "other"] {
        let answer = server.work(&lease, "PUT", "files/poster.jpg", body).await;
        assert_eq!(answer.status(), STORED);
    }
    let path = format!(
        "/v/{asset}/{}/poster.jpg",
        lease["version"].as_str().unwrap()
    );
    let whole = server.get(&path, &server.join).await;
    assert_eq!(whole.body(), "0123456789");
    assert_eq!(header(&whole, "content-type"), "image/jpeg");
    assert_eq!(
        header(&whole, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    let key = bearer(&key);
    let headers = [("authorization", key.as_str()), ("range", "bytes=2-4")];
    let part = server.ask("GET", &path, &headers, "").await;
    assert_eq!(
        (part.status().as_u16(), part.body().as_ref()),
        (206, b"234".as_slice())
    );
    let head = server.ask("HEAD", &path, &headers[..1], "").await;
    assert_eq!(
        (header(&head, "content-length"), head.body().len()),
        ("10", 0)
    );
    assert_eq!(server.ask("GET", &path, &[], "").await.status(), 401);
}

#[tokio::test]
async fn only_known_names_of_bounded_length_are_files() {
    let (server, _asset, _key, lease) = imaging().await;
    let put = async |name: &str, body: String| {
        let path = format!("files/{name}");
        server.work(&lease, "PUT", &path, body).await.status()
    };
    for name in ["index.html", "storyboard-x.jpg", "poster.png", "a1.vtt"] {
        assert_eq!(put(name, "x".into()).await, 400, "{name}");
    }
    assert_eq!(put("chapters.json", "[]".into()).await, STORED);
    let long = put("poster.jpg", "x".repeat((8 << 20) + 1)).await;
    assert_eq!(long, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_version_has_so_many_files_at_most() {
    let (server, _asset, _key, lease) = imaging().await;
    for number in 0..=256 {
        let path = format!("files/storyboard-{number}.jpg");
        let answer = server.work(&lease, "PUT", &path, "x").await;
        let wanted = if number < 256 {
            STORED
        } else {
            StatusCode::BAD_REQUEST
        };
        assert_eq!(answer.status(), wanted, "{number}");
    }
}
