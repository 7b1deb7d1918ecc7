//! Sources that cannot be packaged as they are: each ends in words for the uploader.

mod support;

use support::{Clip, Ended, Origin, SOUND, package, refused};

#[tokio::test]
async fn a_text_file_is_refused_for_good() {
    let (reason, permanent) = refused(b"hello\nworld\n".repeat(100)).await;
    assert!(reason.contains("not video or sound"), "{reason}");
    assert!(permanent);
}

#[tokio::test]
async fn an_empty_file_is_refused_for_good() {
    assert_eq!(
        refused(Vec::new()).await,
        ("the file is empty".to_owned(), true)
    );
}

#[tokio::test]
async fn a_playlist_is_refused_and_what_it_names_is_not_opened() {
    let target = tempfile::NamedTempFile::new().unwrap();
    let playlist = format!("#EXTM3U\n#EXTINF:4,\nfile://{}\n", target.path().display());
    let (reason, permanent) = refused(playlist.into_bytes()).await;
    assert!(reason.contains("not video or sound"), "{reason}");
    assert!(permanent);
}

#[tokio::test]
async fn an_mp4_without_its_index_is_said_to_be_cut_short() {
    let mut bytes = Clip::with_sound("320x240", "30", 3.0).bytes();
    bytes.truncate(bytes.len() / 2);
    let expected = "the file is cut short: its index (moov) is missing".to_owned();
    assert_eq!(refused(bytes).await, (expected, true));
}

#[tokio::test]
async fn an_mp4_cut_short_behind_its_index_is_published_with_a_warning() {
    let clip =
        Clip::with_sound("320x240", "30", 10.0).remade("front.mp4", "-c copy -movflags +faststart");
    let mut bytes = clip.bytes();
    bytes.truncate(bytes.len() / 2);
    let origin = Origin::start(bytes).await;
    origin.offer(&[240]);
    let (ended, published) = package(&origin).await;
    let warnings = [
        "the source is cut short or damaged: 4.9 s of 10.0 s could be read",
        "parts of the source are damaged",
    ];
    assert_eq!(ended, Ended::Complete(warnings.map(str::to_owned).to_vec()));
    published.track("v240").assert_exact();
    // What is there of its 300 pictures.
    assert!((60..300).contains(&published.track("v240").decoded_frames()));
}

#[tokio::test]
async fn cover_art_is_not_a_video() {
    let cover = Clip::make("cover.png", "-f lavfi -i testsrc2=size=320x240 -frames:v 1");
    let song = Clip::make(
        "song.mp3",
        &format!(
            "-f lavfi -i {SOUND} -i {} -t 3 -map 0 -map 1 -c:v copy -disposition:v attached_pic",
            cover.path().display()
        ),
    );
    let published = support::published(&song, &[360]).await;
    assert_eq!(published.names(), ["a1"]);
}

#[tokio::test]
async fn subtitles_alone_are_nothing_to_play() {
    let text = Clip::make(
        "none.mkv",
        "-f lavfi -i testsrc2=size=64x64:duration=1 -c:v ffv1",
    );
    std::fs::write(
        text.path().with_extension("srt"),
        "1\n00:00:00,000 --> 00:00:01,000\nhi\n",
    )
    .unwrap();
    let srt = text.path().with_extension("srt");
    let only = text.remade("only.mkv", &format!("-i {} -map 1:s", srt.display()));
    let (reason, permanent) = refused(only.bytes()).await;
    assert!(reason.contains("neither video nor sound"), "{reason}");
    assert!(permanent);
}

#[tokio::test]
async fn a_picture_over_the_limit_is_refused_before_it_is_decoded() {
    let clip = Clip::silent("320x240", "30", 1.0);
    let origin = Origin::start(clip.bytes()).await;
    origin.offer(&[240]);
    let worker = support::Worker::with(&origin, |config| config.side_max = 300);
    let ended = origin.ended().await;
    worker.stop().await;
    let reason = "the picture is 320×240 pixels; at most 300×300 are accepted".to_owned();
    assert_eq!(
        ended,
        Ended::Failed {
            reason,
            permanent: true
        }
    );
}

#[tokio::test]
async fn a_source_over_the_longest_duration_is_refused() {
    let clip = Clip::silent("64x64", "30", 3.0);
    let origin = Origin::start(clip.bytes()).await;
    origin.offer(&[240]);
    let limit = std::time::Duration::from_secs(2);
    let worker = support::Worker::with(&origin, |config| config.duration_max = limit);
    let ended = origin.ended().await;
    worker.stop().await;
    assert!(
        matches!(
            ended,
            Ended::Failed {
                permanent: true,
                ..
            }
        ),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_recording_that_does_not_declare_its_duration_is_measured() {
    let clip = Clip::with_sound("320x240", "30", 3.0);
    // Written to a pipe, so that nothing can be filled in afterwards.
    let args = format!(
        "-v error -i {} -c copy -f matroska -",
        clip.path().display()
    );
    let output = std::process::Command::new("ffmpeg")
        .args(args.split(' '))
        .output()
        .unwrap();
    let origin = Origin::start(output.stdout).await;
    origin.offer(&[240]);
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    let declared = published.plan.as_ref().unwrap().duration_secs;
    assert!((declared - 3.0).abs() < 0.1, "{declared}");
}
