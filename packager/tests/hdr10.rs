//! What HDR10 says besides its pictures is kept where its pictures are.

mod support;

use support::{Clip, Packager, Published};
use wire::Codec;

const SCREEN: &str = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,100)";

/// Four seconds in PQ, whose screen and levels stand in SEI messages.
fn clip(light: &str) -> Clip {
    let tags = "color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv";
    Clip::make(
        "clip.mp4",
        &format!(
            "-f lavfi -i testsrc2=size=160x90:rate=25 -vf format=yuv420p10le,setparams={tags} -t 4 \
             -c:v libx265 -preset ultrafast -x265-params log-level=error{light}"
        ),
    )
}

async fn published(clip: &Clip) -> Published {
    let packager = Packager {
        codecs: vec![Codec::H264, Codec::Hevc, Codec::Av1],
        ..Packager::new(&[90])
    };
    packager.publish(clip).await
}

fn assert_kept(found: &[(String, f64)], place: &str) {
    let expected = [
        ("red_x", 0.68),
        ("red_y", 0.32),
        ("green_x", 0.265),
        ("green_y", 0.69),
        ("blue_x", 0.15),
        ("blue_y", 0.06),
        ("white_point_x", 0.3127),
        ("white_point_y", 0.329),
        ("min_luminance", 0.01),
        ("max_luminance", 1000.0),
        ("max_content", 1000.0),
        ("max_average", 400.0),
    ];
    for (name, value) in expected {
        let of_name = found.iter().find(|(known, _)| known == name);
        let (_, number) = of_name.unwrap_or_else(|| panic!("{place} has no {name}: {found:?}"));
        // AV1 counts chromaticities in 1/65536 and luminances in 1/16384.
        assert!((number - value).abs() < 5e-5, "{place} {name}: {number}");
    }
}

#[tokio::test]
async fn screen_and_levels_are_kept_in_hevc_and_av1_for_each_segment_and_left_out_of_h264() {
    let clip = clip(&format!(":master-display={SCREEN}:max-cll=1000,400"));
    let published = published(&clip).await;
    for name in ["v90-hevc", "v90-av1"] {
        let track = published.track(name);
        track.assert_exact();
        assert_eq!(track.decoded_frames(), 100);
        // Boxes of the sample entry, and what a decoder finds among the pictures.
        assert_kept(&track.light("stream"), &format!("{name}'s entry"));
        assert_kept(&track.light("frame"), &format!("{name}'s pictures"));
    }
    let avc = published.track("v90");
    assert_eq!(avc.light("stream"), []);
    assert_eq!(avc.light("frame"), []);
}

#[tokio::test]
async fn what_a_source_does_not_say_is_not_made_up() {
    let published = published(&clip("")).await;
    for name in ["v90-hevc", "v90-av1"] {
        assert_eq!(published.track(name).light("stream"), [], "{name}");
        assert_eq!(published.track(name).light("frame"), [], "{name}");
    }
}
