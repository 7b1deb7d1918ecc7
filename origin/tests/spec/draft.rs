//! The IETF's draft for resumable uploads, interop versions 5 (draft -03) and 6 (-04, -05), on the
//! same uploads as tus.

use bytes::Bytes;
use http::Response;

use crate::support::{Server, header, json_of, settings};

const VERSIONS: [&str; 2] = ["5", "6"];

async fn ask(
    server: &Server,
    (method, path): (&str, &str),
    version: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Response<Bytes> {
    let mut all = vec![("upload-draft-interop-version", version)];
    if method == "PATCH" && version == "6" {
        all.push(("content-type", "application/partial-upload"));
    }
    all.extend(headers);
    let answer = server.ask(method, path, &all, body).await;
    assert_eq!(header(&answer, "upload-draft-interop-version"), version);
    assert!(!answer.headers().contains_key("tus-resumable"));
    answer
}

const CREATE: (&str, &str) = ("POST", "/api/uploads");
const MORE: (&str, &str) = ("upload-complete", "?0");
const LAST: (&str, &str) = ("upload-complete", "?1");

#[tokio::test]
async fn an_upload_in_pieces_is_whole_when_its_sender_says_so() {
    for version in VERSIONS {
        let server = Server::start(settings()).await;
        let begun = ask(&server, CREATE, version, &[MORE], "one ").await;
        assert_eq!(
            (begun.status().as_u16(), header(&begun, "upload-offset")),
            (201, "4")
        );
        let path = header(&begun, "location");
        let two = [MORE, ("upload-offset", "4")];
        let answer = ask(&server, ("PATCH", path), version, &two, "two ").await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "upload-complete")),
            (204, "?0")
        );
        let there = ask(&server, ("HEAD", path), version, &[], "").await;
        assert_eq!(
            (there.status().as_u16(), header(&there, "upload-offset")),
            (204, "8")
        );
        assert_eq!(header(&there, "upload-complete"), "?0");
        assert_eq!(header(&there, "cache-control"), "no-store");
        assert!(!there.headers().contains_key("upload-length"));
        let three = [LAST, ("upload-offset", "8")];
        let answer = ask(&server, ("PATCH", path), version, &three, "three").await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "upload-complete")),
            (204, "?1")
        );
        let source = server
            .work(&server.lease().await, "GET", "source", "")
            .await;
        assert_eq!(source.body(), "one two three");
    }
}

#[tokio::test]
async fn a_file_that_comes_whole_needs_no_length() {
    let server = Server::start(settings()).await;
    let named = [
        LAST,
        ("content-disposition", "inline; filename=\"holiday.mp4\""),
    ];
    let answer = ask(&server, CREATE, "6", &named, "all of it").await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "upload-complete")),
        (201, "?1")
    );
    let status = server
        .ask("GET", header(&answer, "location"), &[], "")
        .await;
    assert_eq!(json_of(&status)["asset"]["title"], "holiday.mp4");
}

#[tokio::test]
async fn the_end_may_come_by_itself() {
    let server = Server::start(settings()).await;
    let begun = ask(&server, CREATE, "6", &[MORE], "all of it").await;
    let end = [LAST, ("upload-offset", "9")];
    let path = header(&begun, "location");
    let answer = ask(&server, ("PATCH", path), "6", &end, "").await;
    assert_eq!(header(&answer, "upload-complete"), "?1");
    let source = server
        .work(&server.lease().await, "GET", "source", "")
        .await;
    assert_eq!(source.body(), "all of it");
}

#[tokio::test]
async fn another_offset_is_409_with_the_right_one() {
    let server = Server::start(settings()).await;
    let begun = ask(&server, CREATE, "6", &[MORE], "four").await;
    let path = header(&begun, "location");
    let wrong = [LAST, ("upload-offset", "9")];
    let answer = ask(&server, ("PATCH", path), "6", &wrong, "more").await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "upload-offset")),
        (409, "4")
    );
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused() {
    let server = Server::start(settings()).await;
    let begun = ask(
        &server,
        CREATE,
        "6",
        &[MORE, ("upload-length", "8")],
        "four",
    )
    .await;
    let path = header(&begun, "location");
    let at = ("upload-offset", "4");
    for (headers, body, status) in [
        (&[LAST, at][..], "six+++", 400),
        (&[LAST, at], "hi", 400),
        (&[MORE, at], "six+++", 413),
        (&[at], "four", 400),
        (&[("upload-complete", "1"), at], "four", 400),
        (&[LAST], "four", 400),
    ] {
        let answer = ask(&server, ("PATCH", path), "6", headers, body).await;
        assert_eq!(answer.status().as_u16(), status, "{headers:?} {body}");
    }
    let tus_piece = [
        ("upload-draft-interop-version", "6"),
        ("content-type", "application/offset+octet-stream"),
        LAST,
        at,
    ];
    let answer = server.ask("PATCH", path, &tus_piece, "four").await;
    assert_eq!(answer.status(), 415);
    let unknown = [("upload-draft-interop-version", "99"), MORE];
    let answer = server.ask("POST", "/api/uploads", &unknown, "").await;
    assert_eq!(answer.status(), 400);
    assert_eq!(header(&answer, "upload-draft-interop-version"), "6");
}

#[tokio::test]
async fn an_upload_begun_by_one_protocol_goes_on_by_the_other() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let first = [MORE, ("upload-offset", "0")];
    ask(&server, ("PATCH", &path), "6", &first, "half").await;
    let there = ask(&server, ("HEAD", &path), "6", &[], "").await;
    assert_eq!(
        (
            header(&there, "upload-length"),
            header(&there, "upload-offset")
        ),
        ("8", "4")
    );
    assert_eq!(server.patch(&path, 4, "half").await.status(), 204);
    let source = server
        .work(&server.lease().await, "GET", "source", "")
        .await;
    assert_eq!(source.body(), "halfhalf");
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_gone() {
    let server = Server::start(settings()).await;
    let begun = ask(&server, CREATE, "6", &[MORE], "four").await;
    let path = header(&begun, "location");
    assert_eq!(
        ask(&server, ("DELETE", path), "6", &[], "").await.status(),
        204
    );
    assert_eq!(
        ask(&server, ("HEAD", path), "6", &[], "").await.status(),
        404
    );
}
