//! Files that are sent to the bucket in parts, each by a presigned request.

mod sender;

use http::Method;
use serde_json::{Value, json};
use testkit::s3::Server;
use wire::AssetState;

use self::sender::{PART, Sender, origin, settings, sources};
use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    process::eventually,
};

const NOTHING: Value = Value::Null;

/// A video of three parts: what follows its index is skipped by whoever reads it.
fn film() -> Vec<u8> {
    let mut bytes = std::fs::read(Clip::with_words(7.0).path()).unwrap();
    let fill = 2 * PART + 1234;
    bytes.extend_from_slice(&u32::try_from(fill).unwrap().to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.extend((8..fill).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]));
    bytes
}

/// No demuxer says no to it at once.
fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

#[tokio::test]
async fn a_file_goes_to_the_bucket_although_the_origin_dies_and_is_published_from_there() {
    let server = Server::start().await;
    let endpoint = server.endpoint();
    let mut settings = settings(&endpoint);
    settings.push(("WEIR_ORIGIN__GC_GRACE", "2s"));
    let mut fleet = Fleet::start(&settings).await;
    let (sender, film) = (Sender::to(&fleet), film());
    let upload = sender.begun(&film).await;
    // In any order.
    assert_eq!(sender.send(&upload, 2, &film[PART..2 * PART]).await.0, 200);
    fleet.kill(Role::Origin);
    fleet.launch(Role::Origin).await;
    let there = sender.ask(Method::GET, &upload, &NOTHING).await.json;
    assert_eq!(
        (&there[0]["PartNumber"], &there[0]["Size"]),
        (&json!(2), &json!(PART))
    );
    let parts = sender.send_rest(&upload, &film).await;
    let done = sender.complete(&upload, &parts).await;
    assert_eq!(done.status, 200, "{done:?}");
    let id = upload.rsplit('/').next().unwrap();
    assert_eq!(done.json["location"], format!("/api/uploads/{id}"));
    // The answer may be lost.
    assert_eq!(sender.complete(&upload, &parts).await.status, 200);

    let told = sender
        .ask(Method::GET, &format!("/{id}"), &NOTHING)
        .await
        .json;
    assert_eq!(told["asset"]["title"], "film.mp4");
    let asset = Asset::of(&told["asset"]["asset"], &told["key"]["token"], &fleet);
    assert_eq!(fleet.settled(&asset).await.state, AssetState::Ready);
    fleet.is_valid(&asset).await;
    fleet.plays(&asset).await;
    assert!(fleet.sources().is_empty(), "it went past the origin's disk");
    let [source] = &sources(&server)[..] else {
        panic!("one source");
    };
    assert!(std::fs::read(source).unwrap() == film);
    fleet.operate(Method::DELETE, &asset).await;
    eventually("its source is gone", async || sources(&server).is_empty()).await;
    server.has_no_parts().await;
}

#[tokio::test]
async fn only_what_the_bucket_itself_lists_is_whole() {
    let server = Server::start().await;
    let fleet = origin(&server, &[]).await;
    let (sender, file) = (Sender::to(&fleet), noise(2 * PART + 7));
    let upload = sender.begun(&file).await;
    let told = |etags: [&str; 3]| {
        let parts = (1..=3).zip(etags);
        let parts = parts.map(|(n, etag)| json!({"PartNumber": n, "ETag": etag}));
        json!({"parts": parts.collect::<Vec<_>>()})
    };
    let refused = async |parts: &Value, words: &str| {
        let answer = sender.complete(&upload, parts).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(answer.words.contains(words), "{answer:?}");
    };
    refused(&told(["a", "b", "c"]), "part 1 is not there").await;
    let (_, one) = sender.send(&upload, 1, &file[..PART]).await;
    let (_, three) = sender.send(&upload, 3, &file[2 * PART..]).await;
    refused(&told([&one, "b", &three]), "part 2 is not there").await;
    // Signed for so many bytes, and no others.
    assert_eq!(sender.send(&upload, 2, &file[..PART - 1]).await.0, 403);
    let (status, two) = sender.send(&upload, 2, &file[PART..2 * PART]).await;
    assert_eq!(status, 200);
    refused(&told([&one, "b", &three]), "part 2 has another ETag").await;
    assert!(sources(&server).is_empty(), "nothing is whole yet");
    let whole = told([&one, &two, &three]);
    assert_eq!(sender.complete(&upload, &whole).await.status, 200);
    let again = sender
        .ask(Method::GET, &format!("{upload}/1"), &NOTHING)
        .await;
    assert_eq!(again.status, 403, "what is whole takes no more: {again:?}");
    let aborted = sender.ask(Method::DELETE, &upload, &NOTHING).await;
    assert_eq!(aborted.status, 403, "{aborted:?}");
    assert_eq!(std::fs::read(&sources(&server)[0]).unwrap(), file);
}

#[tokio::test]
async fn a_key_before_the_path_opens_what_it_may_and_no_more() {
    let server = Server::start().await;
    let fleet = origin(&server, &[("WEIR_ORIGIN__UPLOAD_MAX", "1000")]).await;
    let mut sender = Sender::to(&fleet);
    let file = noise(999);
    let key = async |args: &[&str]| {
        let minted = fleet.key(&[&["mint"], args].concat()).await;
        assert_eq!(minted.code, 0, "{minted:?}");
        minted.out.lines().next().unwrap().trim().to_owned()
    };
    let may = key(&["--upload"]).await;
    for (door, size, status) in [
        ("/k/nonsense".to_owned(), 999, 401),
        (format!("/k/{may}"), 1001, 413),
        (format!("/k/{may}"), 0, 400),
        (format!("/k/{may}"), 999, 200),
    ] {
        sender.door = door;
        let answer = sender.begin(&noise(size)).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let upload = sender.begun(&file).await;
    let parts = sender.send_rest(&upload, &file).await;
    assert_eq!(sender.complete(&upload, &parts).await.status, 200);
}

#[tokio::test]
async fn what_was_aborted_or_left_leaves_nothing() {
    let server = Server::start().await;
    let fleet = origin(&server, &[("WEIR_ORIGIN__UPLOAD_EXPIRES", "2s")]).await;
    let (sender, file) = (Sender::to(&fleet), noise(PART + 1));
    for ends_by_itself in [false, true] {
        let upload = sender.begun(&file).await;
        assert_eq!(sender.send(&upload, 1, &file[..PART]).await.0, 200);
        if !ends_by_itself {
            let aborted = sender.ask(Method::DELETE, &upload, &NOTHING).await;
            assert_eq!(aborted.status, 204, "{aborted:?}");
        }
        server.has_no_parts().await;
        let gone = sender.ask(Method::GET, &upload, &NOTHING).await;
        assert_eq!(gone.status, 404, "{gone:?}");
    }
}

#[tokio::test]
async fn what_is_no_media_is_refused_and_gone() {
    let server = Server::start().await;
    let fleet = origin(&server, &[]).await;
    let sender = Sender::to(&fleet);
    let file = [b"%PDF-1.7\n".to_vec(), noise(2000)].concat();
    let upload = sender.begun(&file).await;
    let parts = sender.send_rest(&upload, &file).await;
    let refused = sender.complete(&upload, &parts).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.words.contains("a PDF"), "{refused:?}");
    assert!(sources(&server).is_empty());
    assert_eq!(sender.complete(&upload, &parts).await.status, 404);
}

#[tokio::test]
async fn requests_that_uppy_sends_without_being_told_all_get_words() {
    let server = Server::start().await;
    let fleet = origin(&server, &[]).await;
    let sender = Sender::to(&fleet);
    let begin = json!({"filename": "a", "type": "video/mp4", "metadata": {"name": "a"}});
    let no_size = sender.ask(Method::POST, "/s3/multipart", &begin).await;
    assert_eq!(no_size.status, 400);
    assert!(no_size.words.contains("setFileMeta"), "{no_size:?}");
    let single = sender
        .ask(Method::GET, "/s3/params?filename=a", &NOTHING)
        .await;
    assert!(
        single.words.contains("shouldUseMultipart: true"),
        "{single:?}"
    );
    // By tus, such an upload is not to be had.
    let upload = sender.begun(b"film").await;
    let id = upload.rsplit('/').next().unwrap();
    let begun = sender.ask(Method::GET, &format!("/{id}"), &NOTHING).await;
    assert_eq!(begun.json["length_bytes"], 4, "{begun:?}");
    let part = sender
        .ask(Method::GET, &format!("{upload}/2"), &NOTHING)
        .await;
    assert_eq!(
        (part.status.as_u16(), part.words.as_str()),
        (400, "the file has no part 2")
    );
}
