//! Two connections write to one upload: the later takes over, and no bytes interleave.

use std::{collections::BTreeSet, time::Duration};

use origin::Config;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    blobs::blobs,
    creation::head,
    support::{Server, header, json_of, settings, until},
};

/// Starts a PATCH of 8 bytes at 0, sends four of them, and waits until the origin has the
/// head. The rest never comes.
async fn hanging(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.base["http://".len()..])
        .await
        .unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 8\r\n\r\nhang"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let file = server
        .data()
        .join("blobs")
        .join(path.replace("/api/uploads", "sources"));
    until("four bytes came", async || {
        std::fs::metadata(&file).is_ok_and(|metadata| metadata.len() == 4)
    })
    .await;
    stream
}

/// The status of its answer.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_later_patch_goes_on_behind_what_the_earlier_had() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let mut earlier = hanging(&server, &path).await;
    assert_eq!(server.patch(&path, 4, "more").await.status(), 204);
    assert_eq!(status(&mut earlier).await, 409);
    let source = server
        .work(&server.lease().await, "GET", "source", "")
        .await;
    assert_eq!(source.body(), "hangmore");
}

#[tokio::test]
async fn a_later_patch_from_a_wrong_offset_is_told_the_right_one() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let mut earlier = hanging(&server, &path).await;
    let answer = server.patch(&path, 0, "from the beginning").await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "upload-offset")),
        (409, "4")
    );
    assert_eq!(status(&mut earlier).await, 409);
}

#[tokio::test]
async fn an_offset_that_is_told_stays_true() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let mut earlier = hanging(&server, &path).await;
    assert_eq!(header(&head(&server, &path).await, "upload-offset"), "4");
    assert_eq!(status(&mut earlier).await, 409);
    // What it still sends goes nowhere.
    let _ = earlier.write_all(b"ghost").await;
    assert_eq!(header(&head(&server, &path).await, "upload-offset"), "4");
}

#[tokio::test]
async fn who_only_looks_stops_nobody() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let mut earlier = hanging(&server, &path).await;
    server.ask("GET", &path, &[], "").await;
    earlier.write_all(b"over").await.unwrap();
    assert_eq!(status(&mut earlier).await, 204);
}

#[tokio::test]
async fn an_upload_is_terminated_while_it_comes() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let mut earlier = hanging(&server, &path).await;
    let tus = [("tus-resumable", "1.0.0")];
    assert_eq!(server.ask("DELETE", &path, &tus, "").await.status(), 204);
    assert_eq!(status(&mut earlier).await, 409);
    assert_eq!(blobs(server.data()), BTreeSet::new());
}

#[tokio::test]
async fn silence_within_a_body_is_408_and_keeps_what_came() {
    let impatient = Config {
        upload_idle: Duration::from_millis(300),
        ..settings()
    };
    let server = Server::start(impatient).await;
    let path = server.begin_upload(8).await;
    let mut silent = hanging(&server, &path).await;
    assert_eq!(status(&mut silent).await, 408);
    assert_eq!(
        json_of(&server.ask("GET", &path, &[], "").await)["offset_bytes"],
        4
    );
}

#[tokio::test]
async fn a_refused_body_is_read_until_its_sender_has_the_answer() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(8).await;
    let mut stream = TcpStream::connect(&server.base["http://".len()..])
        .await
        .unwrap();
    let length = 32 << 20;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 1\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![0; length]).await.unwrap();
    assert_eq!(status(&mut stream).await, 409);
}
