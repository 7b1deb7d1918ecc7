//! Sources that are damaged, changed, or somewhere else.

use super::super::run as run_copy;
use super::*;
use crate::{local::shelf::Shelf, outlet::Outlet};

#[tokio::test]
async fn a_file_without_its_index_is_refused() {
    let clip = clip("clip.mp4", 6, "");
    let file = File::options().write(true).open(clip.path()).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let reason = refused(&clip).await;
    assert!(reason.starts_with("it has no index (moov)"), "{reason}");
}

#[tokio::test]
async fn what_is_not_mp4_is_left_to_others() {
    let mkv = clip("clip.mkv", 1, "");
    assert_eq!(verdict(&mkv).await, Verdict::NotMp4);
    for bytes in [
        &b""[..],
        b"ftyp",
        &[0; 100],
        b"\0\0\0\x08text\0\0\0\x08moov",
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let verdict = look(&input(file.path()), &PackageSettings::default()).await;
        assert_eq!(verdict.unwrap(), Verdict::NotMp4, "{bytes:?}");
    }
}

#[test]
fn a_damaged_index_never_ends_a_worker() {
    let clip = clip("clip.mp4", 4, "-movflags +faststart");
    let bytes = clip.bytes();
    let moov = 0..bytes.windows(4).position(|w| w == b"mdat").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let damage = prop::collection::vec((any::<Index>(), any::<u8>()), 1..6);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(300));
    let checked = runner.run(&damage, |damage| {
        let mut bytes = bytes.clone();
        for (at, byte) in damage {
            bytes[at.index(moov.len())] = byte;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let input = input(file.path());
        // Whatever it is taken for, it is told: a panic fails the test.
        let verdict = runtime.block_on(look(&input, &PackageSettings::default()));
        if let Ok(Verdict::Copy(found)) = verdict {
            let _ = runtime.block_on(publish(&input, &found.plan, &[]));
        }
        Ok(())
    });
    checked.unwrap();
}

#[tokio::test]
async fn the_next_attempt_goes_on_behind_what_is_stored() {
    let clip = clip("clip.mp4", 12, "");
    let whole = copied(&clip).await;
    let stored = StoredTrack {
        track: "v180-source".parse().unwrap(),
        init: true,
        segments: 3,
    };
    let rest = publish(&input(&clip.path()), &whole.plan, &[stored])
        .await
        .unwrap();
    let numbers = rest.video().segments.keys().copied();
    assert_eq!(numbers.collect::<Vec<_>>(), [3, 4]);
    assert_eq!(rest.video().segments[&3], whole.video().segments[&3]);
    assert_eq!(rest.track("a1").segments.len(), 5);
}

#[tokio::test]
async fn another_source_than_planned_is_no_copy() {
    let clip = clip("clip.mp4", 12, "");
    let plan = copied(&clip).await.plan;
    let other = Clip::silent("320x180", "25", 8.0);
    let refused = publish(&input(&other.path()), &plan, &[]).await;
    assert!(matches!(refused, Err(PackagerError::Source(_))));
}

/// Serves one file by range, as an origin does to the key of a job.
async fn serve(bytes: Vec<u8>) -> (Input, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (len, bytes) = (bytes.len() as u64, Arc::new(bytes));
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = Arc::clone(&bytes);
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while stream.read_buf(&mut asked).await.is_ok_and(|n| n > 0) {
                    if !asked.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let text = String::from_utf8_lossy(&asked).to_lowercase();
                    let range = text.split("range: bytes=").nth(1).unwrap();
                    let (from, last) = range.split_once('-').unwrap();
                    let last: usize = last.split_whitespace().next().unwrap().parse().unwrap();
                    let body = &bytes[from.parse().unwrap()..=last];
                    let head = "HTTP/1.1 206 Partial Content\r\ncontent-length:";
                    let head = format!("{head} {}\r\n\r\n", body.len());
                    let answer = [head.as_bytes(), body].concat();
                    stream.write_all(&answer).await.unwrap();
                    asked.clear();
                }
            });
        }
    });
    let config = Config {
        origin,
        ..Config::default()
    };
    let lease = serde_json::json!({
        "job": "j1", "attempt": 1, "attempts_max": 3, "lease_secs": 60, "key": "key",
        "asset": "a1", "version": "v1", "source_len_bytes": len,
        "settings": PackageSettings::default(), "task": wire::Task::plan(),
        "plan": null, "stored": [],
    });
    let lease = serde_json::from_value(lease).unwrap();
    let job = Api::new(&config).unwrap().job(&lease).unwrap();
    let job = Box::new(job);
    (Input::Origin { job, len }, server.abort_handle())
}

/// What a folder of this machine gets, which copies from file to file.
async fn shelved(input: &Input, plan: &CopyPlan) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let outlet = Outlet::Folder(Shelf::open(folder.path()).unwrap());
    run_copy(plan, input, &outlet, &Shared::new(), &[])
        .await
        .unwrap();
    folder
}

#[tokio::test]
async fn an_origin_and_a_folder_get_the_same_segments() {
    // Long enough for segments to cross the pieces that it is read in.
    let clip = clip(
        "clip.mp4",
        12,
        "-vf scale=320:180,noise=alls=90:allf=t -crf 10",
    );
    let bytes = clip.bytes();
    assert!(bytes.len() > 9 << 20, "{}", bytes.len());
    let from_file = copied(&clip).await;
    let folder = shelved(&input(&clip.path()), &from_file.plan).await;
    let (input, server) = serve(bytes).await;
    let from_origin = copy_of(&input).await;
    server.abort();
    assert_eq!(from_origin.plan, from_file.plan);
    for (name, track) in &from_file.tracks {
        let theirs = &from_origin.tracks[name];
        assert_eq!(theirs.init, track.init);
        assert!(theirs.segments == track.segments, "{name}");
        for (number, segment) in &track.segments {
            let path = folder.path().join(name).join(format!("{number}.m4s"));
            assert!(std::fs::read(path).unwrap() == segment.bytes, "{name}");
        }
    }
}
