//! tus 1.0: an upload made of others.

use bytes::Bytes;
use http::Response;
use origin::Config;

use crate::{
    blobs::blobs,
    creation::head,
    sound,
    support::{Server, bearer, header, json_of, settings},
    text::sealed,
};

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

/// Uploads a part; gives its path.
async fn part(server: &Server, body: &'static str) -> String {
    let length = body.len().to_string();
    let headers = [
        TUS,
        ("upload-concat", "partial"),
        ("upload-length", length.as_str()),
        ("content-type", "application/offset+octet-stream"),
    ];
    let answer = server.ask("POST", "/api/uploads", &headers, body).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    header(&answer, "location").to_owned()
}

async fn join(server: &Server, parts: &[&str]) -> Response<Bytes> {
    let concat = format!("final;{}", parts.join(" "));
    let headers = [
        TUS,
        ("upload-concat", concat.as_str()),
        ("upload-metadata", "filename Y2xpcC5tcDQ="),
    ];
    server.ask("POST", "/api/uploads", &headers, "").await
}

#[tokio::test]
async fn parts_become_one_asset_in_the_order_that_is_said() {
    let server = Server::start(settings()).await;
    let (b, a) = (part(&server, "world").await, part(&server, "hello ").await);
    assert_eq!(
        server.try_lease(0).await.status(),
        204,
        "a part is no asset"
    );
    // As clients have them: with the host, or without.
    let answer = join(&server, &[&format!("{}{a}", server.base), &b]).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let path = header(&answer, "location");
    let there = head(&server, path).await;
    assert_eq!(header(&there, "upload-length"), "11");
    assert_eq!(header(&there, "upload-offset"), "11");
    assert_eq!(header(&there, "upload-concat"), format!("final;{a} {b}"));
    let status = json_of(&server.ask("GET", path, &[], "").await);
    assert_eq!(status["asset"]["title"], "clip.mp4");
    let source = server
        .work(&server.lease().await, "GET", "source", "")
        .await;
    assert_eq!(source.body(), "hello world");
    // The parts are gone.
    assert_eq!(head(&server, &a).await.status(), 404);
    assert_eq!(blobs(server.data()).len(), 1);
}

#[tokio::test]
async fn a_part_says_that_it_is_one_and_goes_on_as_any_upload() {
    let server = Server::start(settings()).await;
    let headers = [TUS, ("upload-concat", "partial"), ("upload-length", "8")];
    let answer = server.ask("POST", "/api/uploads", &headers, "").await;
    let path = header(&answer, "location");
    server.patch(path, 0, "half").await;
    assert_eq!(
        header(&head(&server, path).await, "upload-concat"),
        "partial"
    );
    assert_eq!(
        join(&server, &[path]).await.status(),
        400,
        "it is not whole"
    );
    let answer = server.patch(path, 4, "half").await;
    assert!(answer.headers().contains_key("upload-expires"));
    assert_eq!(server.ask("DELETE", path, &[TUS], "").await.status(), 204);
    assert_eq!(join(&server, &[path]).await.status(), 400, "it is gone");
}

#[tokio::test]
async fn joined_twice_is_joined_once() {
    let server = Server::start(settings()).await;
    let (a, b) = (part(&server, "a").await, part(&server, "b").await);
    let parts = [a.as_str(), b.as_str()];
    let (first, second) = tokio::join!(join(&server, &parts), join(&server, &parts));
    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (201, 201)
    );
    assert_eq!(header(&first, "location"), header(&second, "location"));
    server.lease().await;
    assert_eq!(server.try_lease(0).await.status(), 204);
}

#[tokio::test]
async fn what_can_not_be_joined_is_refused_and_keeps_its_parts() {
    let server = Server::start(settings()).await;
    let a = part(&server, "a").await;
    let plain = server.begin_upload(0).await;
    for bad in [
        &[][..],
        &["/nowhere"],
        &["/api/uploads/zzz"],
        &[&a, &a],
        &[&a, &plain],
    ] {
        assert_eq!(join(&server, bad).await.status(), 400, "{bad:?}");
    }
    let headers = [TUS, ("upload-concat", "both")];
    assert_eq!(
        server
            .ask("POST", "/api/uploads", &headers, "")
            .await
            .status(),
        400
    );
    assert_eq!(header(&head(&server, &a).await, "upload-offset"), "1");
}

#[tokio::test]
async fn a_joined_upload_takes_no_bytes() {
    let server = Server::start(settings()).await;
    let a = part(&server, "a").await;
    let concat = format!("final;{a}");
    let headers = [
        TUS,
        ("upload-concat", concat.as_str()),
        ("upload-length", "1"),
    ];
    assert_eq!(
        server
            .ask("POST", "/api/uploads", &headers, "")
            .await
            .status(),
        400
    );
    let joined = join(&server, &[&a]).await;
    let answer = server.patch(header(&joined, "location"), 1, "b").await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn parts_together_have_the_limit_of_one_upload() {
    let small = Config {
        upload_max: bytesize::ByteSize::b(9),
        ..settings()
    };
    let server = Server::start(small).await;
    let (a, b) = (part(&server, "hello").await, part(&server, "world").await);
    assert_eq!(join(&server, &[&a, &b]).await.status(), 413);
}

#[tokio::test]
async fn sound_for_an_asset_may_come_in_parts() {
    let server = Server::start(settings()).await;
    let (asset, ..) = sealed(&server).await;
    let (a, b) = (part(&server, "so").await, part(&server, "und").await);
    let path = format!("/api/assets/{asset}/audio?language=de");
    let (admin, concat) = (bearer(&server.admin), format!("final;{a} {b}"));
    let headers = [
        TUS,
        ("authorization", admin.as_str()),
        ("upload-concat", concat.as_str()),
    ];
    let answer = server.ask("POST", &path, &headers, "").await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let source = server
        .work(&server.lease().await, "GET", "source", "")
        .await;
    assert_eq!(source.body(), "sound");
    assert_eq!(
        sound::begin(&server, &asset, "language=de", "5")
            .await
            .status(),
        409
    );
}
