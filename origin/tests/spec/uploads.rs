//! tus 1.0: <https://tus.io/protocols/resumable-upload>.

use bytesize::ByteSize;
use http::StatusCode;
use origin::Config;

use crate::support::{Server, header, json_of, problem, settings};

#[tokio::test]
async fn options_names_version_and_extensions() {
    let server = Server::start(settings()).await;
    let answer = server.ask("OPTIONS", "/api/uploads", &[], "").await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&answer, "tus-version"), "1.0.0");
    assert_eq!(
        header(&answer, "tus-extension"),
        "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,\
         concatenation"
    );
    assert_eq!(header(&answer, "tus-max-size"), "68719476736");
    assert_eq!(header(&answer, "tus-checksum-algorithm"), "sha1,sha256");
}

#[tokio::test]
async fn an_upload_in_two_pieces_becomes_an_asset() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let answer = server.patch(&path, 0, "half").await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "upload-offset")),
        (204, "4")
    );
    assert!(answer.headers().contains_key("upload-expires"));
    let answer = server
        .ask("HEAD", &path, &[("tus-resumable", "1.0.0")], "")
        .await;
    assert_eq!(header(&answer, "upload-offset"), "4");
    assert_eq!(header(&answer, "upload-length"), "8");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    server.patch(&path, 4, "half").await;
    let status = json_of(&server.ask("GET", &path, &[], "").await);
    assert_eq!(status["asset"]["title"], "clip.mp4");
    assert_eq!(status["asset"]["state"], "packaging");
}

#[tokio::test]
async fn an_upload_goes_on_after_the_origin_restarts() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    server.patch(&path, 0, "half").await;
    let server = server.restart(settings()).await;
    let answer = server.patch(&path, 4, "half").await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let lease = server.lease().await;
    let source = server.work(&lease, "GET", "source", "").await;
    assert_eq!(source.body(), "halfhalf");
}

#[tokio::test]
async fn a_wrong_offset_is_409_and_changes_nothing() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    assert_eq!(
        server.patch(&path, 4, "half").await.status(),
        StatusCode::CONFLICT
    );
    assert_eq!(
        json_of(&server.ask("GET", &path, &[], "").await)["offset_bytes"],
        0
    );
}

#[tokio::test]
async fn more_than_the_length_is_413() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(2).await;
    assert_eq!(
        server.patch(&path, 0, "long").await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn a_length_over_the_limit_is_413_and_names_the_limit() {
    let limited = Config {
        upload_max: ByteSize::b(9),
        ..settings()
    };
    let server = Server::start(limited).await;
    let headers = [("tus-resumable", "1.0.0"), ("upload-length", "10")];
    let answer = server.ask("POST", "/api/uploads", &headers, "").await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        json_of(&answer)["detail"]
            .as_str()
            .unwrap()
            .contains("9 bytes")
    );
}

#[tokio::test]
async fn a_full_disk_is_507_and_the_upload_can_go_on() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    server.patch(&path, 0, "half").await;
    let full = Config {
        disk_floor: ByteSize::eb(8),
        ..settings()
    };
    let server = server.restart(full).await;
    let answer = server.patch(&path, 4, "half").await;
    assert_eq!(answer.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(problem(&answer), "storage-full");
    let server = server.restart(settings()).await;
    assert_eq!(
        server.patch(&path, 4, "half").await.status(),
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn another_version_of_tus_is_412() {
    let server = Server::start(settings()).await;
    let answer = server
        .ask("POST", "/api/uploads", &[("upload-length", "1")], "")
        .await;
    assert_eq!(answer.status(), StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn another_content_type_is_415() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(2).await;
    let headers = [("tus-resumable", "1.0.0"), ("upload-offset", "0")];
    let answer = server.ask("PATCH", &path, &headers, "hi").await;
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_wrong_checksum_is_460_and_keeps_nothing_of_the_piece() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(5).await;
    let patch = async |checksum: &str| {
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-offset", "0"),
            ("content-type", "application/offset+octet-stream"),
            ("upload-checksum", checksum),
        ];
        server
            .ask("PATCH", &path, &headers, "hello")
            .await
            .status()
            .as_u16()
    };
    assert_eq!(patch("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=").await, 460);
    assert_eq!(
        json_of(&server.ask("GET", &path, &[], "").await)["offset_bytes"],
        0
    );
    assert_eq!(patch("md5 AAAA").await, 400);
    assert_eq!(patch("sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=").await, 204);
}

#[tokio::test]
async fn a_terminated_upload_is_gone() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(2).await;
    let tus = [("tus-resumable", "1.0.0")];
    assert_eq!(
        server.ask("DELETE", &path, &tus, "").await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        server.ask("HEAD", &path, &tus, "").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn post_with_a_method_override_is_the_method() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(2).await;
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("x-http-method-override", "DELETE"),
    ];
    assert_eq!(
        server.ask("POST", &path, &headers, "").await.status(),
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn uploading_needs_a_key_unless_it_is_open() {
    let server = Server::start(Config {
        open_uploads: false,
        ..settings()
    })
    .await;
    let headers = [("tus-resumable", "1.0.0"), ("upload-length", "1")];
    let answer = server.ask("POST", "/api/uploads", &headers, "").await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (401, "key-missing")
    );
    let ask = serde_json::json!({"opens": "upload", "ttl_secs": 60});
    let key = json_of(
        &server
            .send_json("POST", "/api/keys", &server.admin, &ask)
            .await,
    );
    let bearer = crate::support::bearer(key["token"].as_str().unwrap());
    let headers = [headers[0], headers[1], ("authorization", bearer.as_str())];
    let answer = server.ask("POST", "/api/uploads", &headers, "").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_page_of_another_host_may_not_upload_without_a_key() {
    let server = Server::start(settings()).await;
    let tus = [("tus-resumable", "1.0.0"), ("upload-length", "1")];
    for stranger in [("origin", "http://evil.example"), ("host", "evil.example")] {
        let headers = [tus[0], tus[1], stranger];
        let answer = server.ask("POST", "/api/uploads", &headers, "").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{stranger:?}");
    }
    let headers = [tus[0], tus[1], ("origin", "http://localhost:8081")];
    let answer = server.ask("POST", "/api/uploads", &headers, "").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn the_name_of_an_upload_opens_nothing_where_a_key_is_needed() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(2).await;
    server.patch(&path, 0, "hi").await;
    let closed = Config {
        open_uploads: false,
        ..settings()
    };
    let server = server.restart(closed).await;
    let answer = server.ask("GET", &path, &[], "").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        server.get(&path, &server.admin).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn every_answer_names_the_version_of_tus() {
    let server = Server::start(settings()).await;
    let answer = server
        .ask("POST", "/api/uploads", &[("upload-length", "1")], "")
        .await;
    assert_eq!(
        (
            header(&answer, "tus-resumable"),
            header(&answer, "tus-version")
        ),
        ("1.0.0", "1.0.0")
    );
    let answer = server.ask("PUT", "/api/uploads", &[], "").await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (405, "bad-request")
    );
}

#[tokio::test]
async fn without_a_bucket_nothing_can_be_sent_in_parts_past_the_origin() {
    let server = Server::start(settings()).await;
    let begin = r#"{"filename": "a", "metadata": {"size": 9}}"#;
    let answer = server
        .ask("POST", "/api/uploads/s3/multipart", &[], begin)
        .await;
    assert_eq!(answer.status(), 501);
    assert!(
        json_of(&answer)["detail"]
            .as_str()
            .unwrap()
            .contains("upload by tus")
    );
}
