//! Sound beside pictures that many workers encode: one stream, without a gap, in step.

mod support;

use support::{Clip, Packager, Track};
use wire::Codec;

/// Samples of a beep, and how far from its place it is looked for.
const BEEP: usize = 4800;
const LAG: usize = 480;
/// White in the first picture of each second.
const FLASH: &str = "color=black:size=64x64:rate=25:duration=60,\
    drawbox=t=fill:color=white:enable='lt(mod(n\\,25)\\,1)'";
/// A beep that rises, in the first tenth of each second: it is like itself at one place
/// only.
const CHIRP: &str = "aevalsrc='if(lt(mod(t\\,1)\\,0.1)\\,\
    0.7*sin(2*PI*(500*mod(t\\,1)+4000*pow(mod(t\\,1)\\,2)))\\,0)':s=48000:d=60";

fn clip(offset: &str) -> Clip {
    let codecs = "-c:v libx264 -preset ultrafast -c:a pcm_s16le";
    let inputs = format!("-f lavfi -i {FLASH} {offset} -f lavfi -i {CHIRP}");
    Clip::make("clip.mov", &format!("{inputs} -t 60 {codecs}"))
}

/// How long after its due sample the beep of second `at` is heard, samples.
fn lag(samples: &[i16], due: usize) -> i64 {
    let beep = |n: usize| {
        let t = n as f64 / 48_000.0;
        (std::f64::consts::TAU * (500.0 * t + 4000.0 * t * t)).sin()
    };
    let likeness = |from: usize| -> f64 {
        let heard = samples[from..].iter().take(BEEP).enumerate();
        heard.map(|(n, sample)| f64::from(*sample) * beep(n)).sum()
    };
    let best = (due - LAG..=due + LAG).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)));
    best.expect("the range is not empty") as i64 - due as i64
}

/// Beeps are within 1 ms of the flashes, `late` seconds after them, from begin to end.
fn assert_in_step(published: &support::Published, sound: &str, late: f64) {
    let video = published.track("v64");
    let light = video.brightness();
    let flashes: Vec<f64> = (0..light.len())
        .filter(|n| light[*n] > 128)
        .map(|n| video.times()[n])
        .collect();
    assert_eq!(flashes.len(), 60);
    let samples = published.track(sound).samples();
    for second in [1, 15, 30, 58] {
        let due = ((flashes[second] + late) * 48_000.0).round() as usize;
        let lag = lag(&samples, due);
        assert!(lag.abs() <= 48, "{lag} samples at {second} s");
    }
}

#[tokio::test]
async fn sound_stays_in_step_to_the_end() {
    let published = Packager::new(&[64]).publish(&clip("")).await;
    assert_in_step(&published, "a1", 0.0);
}

#[tokio::test]
async fn opus_is_in_step_with_edit_lists_and_without() {
    let mut packager = Packager::new(&[64]);
    packager.codecs = vec![Codec::H264, Codec::Opus];
    for (offset, late) in [("", 0.0), ("-itsoffset 0.3", 0.3)] {
        let published = packager.publish(&clip(offset)).await;
        assert_in_step(&published, "a1-opus", late);
        let track = published.track("a1-opus");
        track.assert_exact();
        let init = track.init.clone().unwrap();
        // Nothing is skipped: neither by an edit list nor by the decoder.
        assert!(!init.windows(4).any(|w| w == b"elst"));
        let at = init.windows(4).position(|w| w == b"dOps").unwrap();
        assert_eq!(init[at + 4], 0, "version");
        assert_eq!(init[at + 6..at + 8], [0, 0], "pre-skip");
        assert_eq!(track.info().codec, "opus");
        assert!((track.end_secs() - 60.0).abs() < 0.04);
    }
}

#[tokio::test]
async fn surround_and_stereo_are_both_in_opus_too() {
    let sound = "aevalsrc=0.1*sin(t*3000)|0|0|0|0|0.2*sin(t*2000):s=48000:c=5.1(side):d=4";
    let picture = "testsrc2=size=64x64:duration=4";
    let clip = Clip::make(
        "clip.mkv",
        &format!("-f lavfi -i {picture} -f lavfi -i {sound} -c:a flac"),
    );
    let mut packager = Packager::new(&[64]);
    packager.codecs = vec![Codec::H264, Codec::Opus];
    let (packaged, published) = packager.run(&clip).await;
    let names = ["v64", "a1", "a2", "a1-opus", "a2-opus"];
    assert_eq!(packaged.tracks, names);
    for (name, channels) in [("a1-opus", 2), ("a2-opus", 6)] {
        let kind = published.track(name).info().kind;
        let expected = media::bmff::InitKind::Audio {
            channels,
            sample_rate: 48_000,
        };
        assert_eq!(kind, expected, "{name}");
        let decoded = published.track(name).samples().len();
        assert!((190_000..195_000).contains(&decoded), "{name}: {decoded}");
    }
}

#[tokio::test]
async fn sound_that_starts_late_stays_late_by_as_much() {
    let published = Packager::new(&[64]).publish(&clip("-itsoffset 0.3")).await;
    assert_in_step(&published, "a1", 0.3);
    assert_eq!(published.track("a1").starts_secs()[0], 0.0);
}

#[tokio::test]
async fn sound_has_no_gap_where_spans_meet() {
    let published = Packager::new(&[64]).publish(&clip("")).await;
    let (sound, picture) = (published.track("a1"), published.track("v64"));
    sound.assert_exact();
    assert_eq!(sound.segments.len(), picture.segments.len());
    let late = |(sound, picture): (f64, f64)| sound - picture;
    let pairs = sound.starts_secs().into_iter().zip(picture.starts_secs());
    let mut late = pairs.map(late);
    assert!(late.all(|secs| (0.0..1024.0 / 48_000.0).contains(&secs)));
    assert!((sound.end_secs() - 60.0).abs() < 2.0 * 1024.0 / 48_000.0);
}

#[tokio::test]
async fn each_language_is_a_track_of_its_own() {
    let tone = |hz: u32| format!("-f lavfi -i sine=frequency={hz}:duration=4");
    let inputs = format!(
        "-f lavfi -i testsrc2=size=64x64:duration=4 {} {}",
        tone(440),
        tone(880)
    );
    let labels = "-metadata:s:a:0 language=deu -metadata:s:a:1 language=fra";
    let clip = Clip::make(
        "clip.mkv",
        &format!("{inputs} -map 0 -map 1 -map 2 {labels}"),
    );
    let out = tempfile::tempdir().unwrap();
    let packaged = Packager::new(&[64])
        .write((&clip, out.path()), |_| {})
        .await;
    assert_eq!(packaged.unwrap().tracks, ["v64", "a1", "a2"]);
    let published = support::Published::in_folder(out.path());
    let rises = |track: &Track| crossings(&track.samples()) / 4;
    assert!((435..=445).contains(&rises(published.track("a1"))));
    assert!((870..=890).contains(&rises(published.track("a2"))));
    let master = std::fs::read_to_string(out.path().join("master.m3u8")).unwrap();
    for language in ["LANGUAGE=\"de\"", "LANGUAGE=\"fr\""] {
        assert_eq!(master.matches(language).count(), 1, "{master}");
    }
}

/// How often a wave rises through zero.
fn crossings(samples: &[i16]) -> usize {
    let rises = |pair: &&[i16]| pair[0] < 0 && pair[1] >= 0;
    samples.windows(2).filter(rises).count()
}
