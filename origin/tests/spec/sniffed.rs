//! What can't become a stream is refused while it comes, and its bytes are freed.

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    blobs::blobs,
    creation::head,
    support::{Server, problem, settings},
};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn text_is_refused_by_its_first_mebibyte_and_frees_its_bytes() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(20 * MIB).await;
    let text = "the quick brown fox\n".repeat(2 * MIB / 20);
    let answer = server.patch(&path, 0, &text).await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (422, "not-media")
    );
    assert_eq!(head(&server, &path).await.status(), 404);
    assert_eq!(blobs(server.data()), BTreeSet::new());
}

#[tokio::test]
async fn the_answer_comes_before_the_rest_of_the_file() {
    let server = Server::start(settings()).await;
    let path = server.begin_upload(20 * MIB).await;
    let mut stream = TcpStream::connect(&server.base["http://".len()..])
        .await
        .unwrap();
    let length = 20 * MIB;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n%PDF-1.7\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![0; MIB]).await.unwrap();
    let mut line = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut line));
    read.await.unwrap().unwrap();
    assert_eq!(&line, b"HTTP/1.1 422");
}

#[tokio::test]
async fn a_short_file_is_refused_when_it_is_whole() {
    let server = Server::start(settings()).await;
    let pdf = "%PDF-1.7\n";
    let path = server.begin_upload(pdf.len()).await;
    assert_eq!(server.patch(&path, 0, "%PDF").await.status(), 204);
    assert_eq!(
        problem(&server.patch(&path, 4, &pdf[4..]).await),
        "not-media"
    );
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "9"),
        ("content-type", "application/offset+octet-stream"),
    ];
    let answer = server.ask("POST", "/api/uploads", &headers, pdf).await;
    assert_eq!(answer.status(), 422);
    assert_eq!(server.try_lease(0).await.status(), 204);
    assert_eq!(blobs(server.data()), BTreeSet::new());
}

/// A second of picture or sound, from ffmpeg.
fn made(folder: &std::path::Path, name: &str, codecs: &[&str]) -> Vec<u8> {
    let file = folder.join(name);
    let run = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-f", "lavfi"])
        .args(["-i", "testsrc=s=720x576:r=25:d=1", "-f", "lavfi"])
        .args(["-i", "sine=r=48000:d=1"])
        .args(codecs)
        .arg(&file)
        .status();
    assert!(run.unwrap().success(), "{name}");
    std::fs::read(file).unwrap()
}

#[tokio::test]
async fn what_workers_take_is_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(settings()).await;
    let tus = [
        ("tus-resumable", "1.0.0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    let pictures = ["mov", "mp4", "mkv", "ts", "mpg", "avi", "flv", "mxf", "asf"];
    let sounds = [
        "wav", "w64", "aiff", "caf", "mp3", "aac", "ac3", "flac", "ogg",
    ];
    let picture = &["-c:v", "mpeg2video"][..];
    let codecs = pictures.iter().map(|kind| match *kind {
        "mov" | "mp4" | "mkv" | "flv" => (*kind, &[][..]),
        kind => (kind, picture),
    });
    let sounds = sounds.iter().map(|kind| (*kind, &["-map", "1"][..]));
    for (kind, codecs) in codecs.chain(sounds) {
        let file = made(folder.path(), &format!("a.{kind}"), codecs);
        let length = file.len().to_string();
        let headers = [tus[0], tus[1], ("upload-length", length.as_str())];
        let answer = server.ask("POST", "/api/uploads", &headers, file).await;
        assert_eq!(answer.status(), 201, "{kind}");
    }
}
