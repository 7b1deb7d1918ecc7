//! `kill -9` of either side in the middle of an upload.

use crate::{
    clip::Clip,
    fleet::{Fleet, Role},
    link::Link,
    process::{Process, weir},
};

/// Two pieces of 8 MiB and a rest.
const LEN: usize = 20 << 20;
/// In the middle of the second piece: the first is safe then, and what is on its way
/// when a process is killed, in buffers of the kernel, is the second's other half at most.
const HELD_AT: u64 = 12 << 20;
#[tokio::test]
async fn an_upload_that_was_killed_goes_on_when_it_is_run_again() {
    let fleet = Fleet::of(&[Role::Origin], &[]).await;
    let clip = Clip::of_bytes("big.mp4", &noise());
    let link = Link::to(fleet.origin(), HELD_AT).await;
    let mut upload = begin(&fleet, &clip, &link);
    link.holds().await;
    upload.kill();
    let sent_before = link.passed_bytes();
    link.open();

    let (file, url) = (clip.path().to_str().unwrap(), link.url());
    let ended = fleet.run(&["upload", file, "--origin", &url]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let sent_again = link.passed_bytes() - sent_before;
    assert!(sent_again < LEN as u64, "{sent_again} bytes");
    assert_stored_as(&fleet, &clip);
}

#[tokio::test]
async fn an_upload_goes_on_by_itself_when_a_killed_origin_is_back() {
    let mut fleet = Fleet::of(&[Role::Origin], &[]).await;
    let clip = Clip::of_bytes("big.mp4", &noise());
    let link = Link::to(fleet.origin(), HELD_AT).await;
    let mut upload = begin(&fleet, &clip, &link);
    link.holds().await;
    fleet.kill(Role::Origin);
    link.open();
    fleet.launch(Role::Origin).await;

    let ended = upload.ended().await;
    assert!(ended.success(), "{ended} {}", upload.log_tail());
    let sent = link.passed_bytes();
    assert!(sent < HELD_AT + LEN as u64, "{sent} bytes");
    assert_stored_as(&fleet, &clip);
}

#[tokio::test]
async fn an_upload_that_gave_the_origin_up_goes_on_when_it_is_run_again() {
    let mut fleet = Fleet::of(&[Role::Origin], &[]).await;
    let clip = Clip::of_bytes("big.mp4", &noise());
    let link = Link::to(fleet.origin(), HELD_AT).await;
    let mut upload = begin(&fleet, &clip, &link);
    link.holds().await;
    fleet.kill(Role::Origin);
    link.open();
    assert_eq!(
        upload.ended().await.code(),
        Some(5),
        "{}",
        upload.log_tail()
    );
    fleet.launch(Role::Origin).await;
    let (file, url) = (clip.path().to_str().unwrap(), link.url());
    let ended = fleet.run(&["upload", file, "--origin", &url]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_stored_as(&fleet, &clip);
}

fn begin(fleet: &Fleet, clip: &Clip, link: &Link) -> Process {
    let mut command = weir(fleet.folder.path(), &[]);
    command.arg("upload").arg(clip.path());
    command.args(["--origin", &link.url(), "--patience", "2s"]);
    Process::start(command, fleet.folder.join("upload.log").into())
}

/// The origin has one source, so nothing began anew, and it is this file.
fn assert_stored_as(fleet: &Fleet, clip: &Clip) {
    let sources = fleet.sources();
    assert_eq!(sources.len(), 1, "{sources:?}");
    let stored = std::fs::read(&sources[0]).unwrap();
    assert_eq!(stored.len(), LEN);
    assert!(stored == std::fs::read(clip.path()).unwrap());
}

/// Bytes without a pattern, so that a piece in the wrong place shows: xorshift64
/// (Marsaglia 2003).
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(LEN / 8).flatten().collect()
}
