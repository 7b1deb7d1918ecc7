//! What is published of sources as people have them.

mod support;

use support::{Clip, Published, SOUND, published, published_times};

#[tokio::test]
async fn every_rendition_decodes_without_a_fault_to_the_sources_frames() {
    let clip = Clip::with_sound("640x480", "30", 9.0);
    let published = published(&clip, &[480, 360]).await;
    assert_eq!(published.names(), ["a1", "v360", "v480"]);
    for name in ["v480", "v360"] {
        published.track(name).assert_exact();
        assert_eq!(published.track(name).decoded_frames(), 270, "{name}");
    }
    published.track("a1").assert_exact();
    assert!(published.track("a1").decoded_frames() >= 9 * 48_000 / 1024);
}

#[tokio::test]
async fn segments_of_all_renditions_start_with_an_idr_at_the_same_times() {
    let clip = Clip::silent("640x480", "30", 11.0);
    let published = published(&clip, &[480, 360]).await;
    for name in ["v480", "v360"] {
        let track = published.track(name);
        assert_eq!(track.starts_secs(), [0.0, 2.0, 4.0, 6.0, 10.0], "{name}");
        assert!(
            track
                .fragments()
                .iter()
                .all(|f| f.starts_with_idr(&track.info())),
            "{name}"
        );
    }
    assert_eq!(
        published.track("v480").cuts(),
        published.track("v360").cuts()
    );
}

#[tokio::test]
async fn fractional_rates_are_cut_at_the_first_frame_after_each_time() {
    let clip = Clip::silent("320x240", "24000/1001", 7.0);
    let published = published(&clip, &[240]).await;
    let track = published.track("v240");
    track.assert_exact();
    let frame = 1001.0 / 24_000.0;
    let expected = [0.0, 48.0 * frame, 96.0 * frame, 144.0 * frame];
    for (start, expected) in track.starts_secs().iter().zip(expected) {
        assert!((start - expected).abs() < 1e-4, "{start} {expected}");
    }
    assert_eq!(track.decoded_frames(), 168);
}

#[tokio::test]
async fn audio_is_cut_at_the_first_frame_at_or_after_the_videos_cuts() {
    let clip = Clip::with_sound("320x240", "30", 7.0);
    let published = published(&clip, &[240]).await;
    let video = published.track("v240").starts_secs();
    let audio = published.track("a1").starts_secs();
    assert_eq!(audio.len(), video.len());
    for (audio, video) in audio.iter().zip(video) {
        assert!(
            (0.0..1024.0 / 48_000.0).contains(&(audio - video)),
            "{audio} {video}"
        );
    }
}

#[tokio::test]
async fn constant_rate_video_has_b_frames() {
    let clip = Clip::silent("320x240", "30", 3.0);
    let origin = support::Origin::start(clip.bytes()).await;
    origin.offer(&[240]);
    let worker = support::Worker::with(&origin, |config| config.preset = "veryfast".to_owned());
    origin.ended().await;
    worker.stop().await;
    let published = origin.published();
    let fragments = published.track("v240").fragments();
    assert!(
        fragments
            .iter()
            .flat_map(|f| &f.samples)
            .any(|s| s.composition_offset < 0)
    );
}

#[tokio::test]
async fn variable_timing_is_kept_to_the_millisecond() {
    // Frames 0, 1, 4, 9, 16 ... of 60 a second: each gap is longer than the last.
    let clip = Clip::make(
        "clip.mkv",
        "-f lavfi -i testsrc2=size=320x240:rate=60:duration=9 -vf \
         select='eq(n,floor(sqrt(n))*floor(sqrt(n)))' -fps_mode passthrough -c:v libx264 -bf 0",
    );
    let published = published(&clip, &[240]).await;
    let track = published.track("v240");
    track.assert_exact();
    let (source, result) = (published_times(&clip.path()), track.times());
    assert_eq!(result.len(), source.len());
    let first = source[0];
    for (source, result) in source.iter().zip(result) {
        assert!((source - first - result).abs() < 0.001, "{source} {result}");
    }
}

#[tokio::test]
async fn a_picture_on_its_side_is_published_upright() {
    let plain = Clip::silent("640x360", "30", 1.0);
    let turned = plain.remade("turned.mp4", "-c copy -metadata:s:v:0 rotate=90");
    let published = published(&turned, &[360]).await;
    assert_eq!(published.size("v360"), (360, 640));
    assert_eq!(coded_size(&published, "v360"), (360, 640));
}

#[tokio::test]
async fn odd_sizes_become_even_and_never_larger() {
    let clip = Clip::make(
        "clip.mkv",
        "-f lavfi -i testsrc=size=333x217:rate=30 -t 1 -c:v ffv1 -pix_fmt yuv444p",
    );
    let published = published(&clip, &[360]).await;
    assert_eq!(coded_size(&published, "v217"), (332, 216));
}

#[tokio::test]
async fn pixels_are_square_in_what_is_published() {
    let clip = Clip::make(
        "clip.mkv",
        "-f lavfi -i testsrc2=size=720x480:rate=30 -t 1 -vf setsar=8/9 -c:v libx264",
    );
    let published = published(&clip, &[480]).await;
    assert_eq!(coded_size(&published, "v480"), (640, 480));
}

#[tokio::test]
async fn sound_alone_is_published_alone() {
    let clip = Clip::make("clip.flac", &format!("-f lavfi -i {SOUND} -t 5"));
    let published = published(&clip, &[360]).await;
    assert_eq!(published.names(), ["a1"]);
    published.track("a1").assert_exact();
    assert!((published.track("a1").end_secs() - 5.0).abs() < 0.03);
}

#[tokio::test]
async fn a_short_clip_is_one_segment() {
    let published = published(&Clip::with_sound("320x240", "30", 0.5), &[240]).await;
    assert_eq!(published.track("v240").segments.len(), 1);
    assert_eq!(published.track("v240").decoded_frames(), 15);
    assert_eq!(published.track("a1").segments.len(), 1);
}

/// White for the first tenth of each second, and a beep in the same tenth.
const FLASH: &str = "-f lavfi -i color=black:size=320x240:rate=50:duration=4,\
    drawbox=t=fill:color=white:enable='lt(mod(t\\,1)\\,0.1)' \
    -f lavfi -i aevalsrc='if(lt(mod(t\\,1)\\,0.1)\\,sin(2*PI*1000*t)*0.8\\,0)':s=44100:d=4";

#[tokio::test]
async fn beep_and_flash_stay_together() {
    let codecs = "-c:v libx264 -preset ultrafast -g 25 -c:a aac -b:a 192k";
    let plain = Clip::make("plain.mp4", &format!("{FLASH} {codecs}"));
    // Picture a third of a second after the sound, and the other way round.
    let late = format!(
        "-itsoffset 0.34 -i {0} -map 1:v -map 0:a -c copy",
        plain.path().display()
    );
    let late = plain.remade("late.ts", &late);
    let early = format!(
        "-itsoffset 0.34 -i {0} -map 0:v -map 1:a -c copy",
        plain.path().display()
    );
    let early = plain.remade("early.mkv", &early);
    for (clip, expected_ms) in [(&plain, 0.0), (&late, -340.0), (&early, 340.0)] {
        let published = published(clip, &[240]).await;
        let offset = beep_after_flash_ms(&published);
        let name = clip.path();
        assert!(
            (offset - expected_ms).abs() < 20.0,
            "{} {offset}",
            name.display()
        );
    }
}

/// How long the beep of second 2 comes after the flash nearest to it, milliseconds.
fn beep_after_flash_ms(published: &Published) -> f64 {
    let track = published.track("v240");
    let (light, times) = (track.brightness(), track.times());
    let rises = |at: &usize| *at > 0 && light[*at] > 128 && light[at - 1] <= 128;
    let flashes: Vec<f64> = (0..light.len()).filter(rises).map(|at| times[at]).collect();
    let samples = published.track("a1").samples();
    let loud = |range: &[i16]| range.iter().any(|s| s.unsigned_abs() > 4000);
    // A beep starts where it is loud after a tenth of silence.
    let starts = (4800..samples.len())
        .filter(|at| loud(&samples[*at..=*at]) && !loud(&samples[at - 4800..*at]));
    let beeps: Vec<f64> = starts.map(|at| at as f64 / 48_000.0).collect();
    let beep = beeps[beeps.len() / 2];
    let offsets = flashes.iter().map(|flash| (beep - flash) * 1000.0);
    offsets
        .min_by(|a, b| a.abs().total_cmp(&b.abs()))
        .expect("there are flashes")
}

fn coded_size(published: &Published, name: &str) -> (u32, u32) {
    match published.track(name).info().kind {
        media::bmff::InitKind::Video { width, height, .. } => (width, height),
        other => panic!("{other:?}"),
    }
}
