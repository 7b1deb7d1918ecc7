//! tus 1.0: creation with data, with a length that is told later; termination; expiration.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use origin::Config;

use crate::{
    blobs::blobs,
    support::{Server, header, json_of, settings, until},
};

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const PIECE: (&str, &str) = ("content-type", "application/offset+octet-stream");

async fn post(server: &Server, headers: &[(&str, &str)], body: &'static str) -> Response<Bytes> {
    let mut all = vec![TUS];
    all.extend(headers);
    server.ask("POST", "/api/uploads", &all, body).await
}

pub(crate) async fn head(server: &Server, path: &str) -> Response<Bytes> {
    server.ask("HEAD", path, &[TUS], "").await
}

#[tokio::test]
async fn an_upload_begins_with_its_first_bytes() {
    let server = Server::start(settings()).await;
    let answer = post(&server, &[("upload-length", "8"), PIECE], "half").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(header(&answer, "upload-offset"), "4");
    let path = header(&answer, "location");
    assert_eq!(server.patch(path, 4, "half").await.status(), 204);
    let source = server
        .work(&server.lease().await, "GET", "source", "")
        .await;
    assert_eq!(source.body(), "halfhalf");
}

#[tokio::test]
async fn an_upload_that_comes_whole_with_its_creation_is_an_asset() {
    let server = Server::start(settings()).await;
    let sha1 = ("upload-checksum", "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=");
    let answer = post(&server, &[("upload-length", "5"), PIECE, sha1], "hello").await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "upload-offset")),
        (201, "5")
    );
    let status = server
        .ask("GET", header(&answer, "location"), &[], "")
        .await;
    assert_eq!(json_of(&status)["asset"]["state"], "packaging");
}

#[tokio::test]
async fn a_creation_whose_bytes_are_refused_leaves_nothing() {
    let server = Server::start(settings()).await;
    let length = ("upload-length", "5");
    let wrong = ("upload-checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let unknown = ("upload-checksum", "crc32 AAAA");
    for (headers, body, status) in [
        (&[length, PIECE, wrong][..], "hello", 460),
        (&[length, PIECE, unknown], "hello", 400),
        (&[length, PIECE], "hello, world", 413),
        (&[length, ("content-type", "video/mp4")], "hello", 415),
    ] {
        let answer = post(&server, headers, body).await;
        assert_eq!(answer.status().as_u16(), status, "{headers:?}");
    }
    assert_eq!(blobs(server.data()), BTreeSet::new());
}

#[tokio::test]
async fn a_length_may_be_told_with_the_last_bytes() {
    let server = Server::start(settings()).await;
    let answer = post(&server, &[("upload-defer-length", "1")], "").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let path = header(&answer, "location");
    assert_eq!(server.patch(path, 0, "half").await.status(), 204);
    let there = head(&server, path).await;
    assert_eq!(
        (
            header(&there, "upload-defer-length"),
            header(&there, "upload-offset")
        ),
        ("1", "4")
    );
    assert!(!there.headers().contains_key("upload-length"));
    let tell = async |offset, length, body: &'static str| {
        let headers = [
            TUS,
            PIECE,
            ("upload-offset", offset),
            ("upload-length", length),
        ];
        server
            .ask("PATCH", path, &headers, body)
            .await
            .status()
            .as_u16()
    };
    assert_eq!(tell("4", "3", "").await, 400, "less than is there");
    assert_eq!(tell("4", "6", "half").await, 413, "more than the length");
    assert_eq!(tell("4", "9", "half").await, 204);
    assert_eq!(header(&head(&server, path).await, "upload-length"), "9");
    assert_eq!(tell("8", "8", "").await, 400, "it is told once");
    assert_eq!(tell("8", "9", "!").await, 204);
    let source = server
        .work(&server.lease().await, "GET", "source", "")
        .await;
    assert_eq!(source.body(), "halfhalf!");
}

#[tokio::test]
async fn a_length_told_without_more_bytes_makes_the_asset() {
    let server = Server::start(settings()).await;
    let answer = post(&server, &[("upload-defer-length", "1"), PIECE], "all of it").await;
    let path = header(&answer, "location");
    let headers = [TUS, PIECE, ("upload-offset", "9"), ("upload-length", "9")];
    assert_eq!(server.ask("PATCH", path, &headers, "").await.status(), 204);
    let status = json_of(&server.ask("GET", path, &[], "").await);
    assert_eq!(status["asset"]["state"], "packaging");
}

#[tokio::test]
async fn a_deferred_length_has_a_limit() {
    let small = Config {
        upload_max: bytesize::ByteSize::b(6),
        ..settings()
    };
    let server = Server::start(small).await;
    let path = post(&server, &[("upload-defer-length", "1")], "").await;
    let path = header(&path, "location");
    assert_eq!(server.patch(path, 0, "half").await.status(), 204);
    assert_eq!(server.patch(path, 4, "half").await.status(), 413);
    let headers = [TUS, PIECE, ("upload-offset", "4"), ("upload-length", "7")];
    assert_eq!(server.ask("PATCH", path, &headers, "").await.status(), 413);
}

#[tokio::test]
async fn a_length_is_told_or_deferred_but_not_both() {
    let server = Server::start(settings()).await;
    let (length, defer) = (("upload-length", "5"), ("upload-defer-length", "1"));
    for bad in [
        &[length, defer][..],
        &[("upload-defer-length", "2")],
        &[("upload-length", "-5")],
        &[("upload-length", "99999999999999999999")],
        &[],
    ] {
        assert_eq!(post(&server, bad, "").await.status(), 400, "{bad:?}");
    }
}

#[tokio::test]
async fn a_terminated_upload_frees_its_bytes() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    server.patch(&path, 0, "half").await;
    assert_eq!(blobs(server.data()).len(), 1);
    assert_eq!(server.ask("DELETE", &path, &[TUS], "").await.status(), 204);
    assert_eq!(blobs(server.data()), BTreeSet::new());
    assert_eq!(server.patch(&path, 4, "half").await.status(), 404);
}

#[tokio::test]
async fn what_became_an_asset_is_not_terminated() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(4).await;
    server.patch(&path, 0, "full").await;
    assert_eq!(server.ask("DELETE", &path, &[TUS], "").await.status(), 403);
    // Said again, it changes nothing: the first answer may have been lost.
    assert_eq!(server.patch(&path, 4, "").await.status(), 204);
    assert_eq!(server.patch(&path, 4, "more").await.status(), 413);
}

#[tokio::test]
async fn an_upload_without_news_expires_as_it_said() {
    let hasty = Config {
        upload_expires: Duration::from_secs(1),
        ..settings()
    };
    let server = Server::start(hasty).await;
    let path = server.begin_upload(8).await;
    let answer = server.patch(&path, 0, "half").await;
    let expires = httpdate::parse_http_date(header(&answer, "upload-expires")).unwrap();
    assert!(expires <= std::time::SystemTime::now() + Duration::from_secs(1));
    until("it expired", async || blobs(server.data()).is_empty()).await;
    assert_eq!(head(&server, &path).await.status(), 404);
}
