//! What becomes of pictures and sound, and which streams are no copy.

use super::*;

#[tokio::test]
async fn every_picture_keeps_its_bytes_and_its_time() {
    for flags in ["", "-movflags +faststart"] {
        let clip = clip("clip.mp4", 12, flags);
        let copied = copied(&clip).await;
        assert_eq!(copied.tracks.len(), 2);
        assert_eq!(copied.video().starts_secs(), [0.0, 2.0, 4.0, 6.0, 10.0]);
        assert_eq!(copied.video().end_secs(), 12.0);
        assert_same_pictures(&clip.path(), copied.video());
        assert_same_sound(&clip.path(), 0, copied.track("a1"));
    }
}

#[tokio::test]
async fn the_plan_tells_what_is_copied() {
    let clip = clip("clip.mp4", 8, "-metadata:s:a:0 language=fra");
    let Verdict::Copy(found) = verdict(&clip).await else {
        panic!()
    };
    let plan = found.plan;
    assert_eq!((plan.timescale, plan.starts.len()), (15360, 4));
    let names: Vec<String> = plan.track_ids().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["v180-source", "a1"]);
    assert_eq!(
        plan.tracks[0].planned.kind,
        PlannedKind::Video {
            width: 320,
            height: 180,
            frame_rate: (30, 1),
            range: wire::VideoRange::Sdr,
        }
    );
    let PlannedKind::Audio {
        channels, label, ..
    } = &plan.tracks[1].planned.kind
    else {
        panic!()
    };
    assert_eq!((*channels, label.language.as_deref()), (1, Some("fra")));
    assert!(label.default && plan.left.is_empty() && plan.warnings.is_empty());
    assert!(plan.tracks.iter().all(|t| t.planned.bitrate_max > 10_000));
}

#[tokio::test]
async fn a_quicktime_file_is_copied_too() {
    let clip = clip("clip.mov", 6, "");
    let copied = copied(&clip).await;
    assert_same_pictures(&clip.path(), copied.video());
    assert_same_sound(&clip.path(), 0, copied.track("a1"));
}

#[tokio::test]
async fn sound_keeps_its_place_where_its_frames_do_not_start_with_the_picture() {
    // Cut at a keyframe: the sound starts within a frame, and an edit list says so.
    let clip = clip("clip.mp4", 10, "-ar 44100").remade("cut.mp4", "-c copy");
    let path = clip.path();
    let args = format!("-ss 3 -i {} -c copy -map 0", path.display());
    let cut = Clip::make("cut.mp4", &args);
    let copied = copied(&cut).await;
    assert_same_pictures(&cut.path(), copied.video());
    assert_same_sound(&cut.path(), 0, copied.track("a1"));
    let skipped = copied.track("a1").init.windows(4).any(|w| w == b"elst");
    assert!(skipped, "a residual below one frame is in the edit list");
}

#[tokio::test]
async fn an_edit_list_that_starts_within_a_group_is_refused() {
    let clip = clip("clip.mp4", 10, "");
    let args = format!("-ss 3.5 -i {} -c copy", clip.path().display());
    let reason = refused(&Clip::make("cut.mp4", &args)).await;
    assert_eq!(reason, "its edit list starts between two keyframes");
}

#[tokio::test]
async fn keyframes_of_open_groups_are_no_cuts() {
    let open = "-bf 3 -x264-params open-gop=1:keyint=30:min-keyint=30:scenecut=0";
    let reason = refused(&clip("clip.mp4", 14, open)).await;
    assert!(
        reason.contains("keyframes are too far apart: 14.0 s"),
        "{reason}"
    );
}

#[tokio::test]
async fn open_groups_are_merged_up_to_the_next_idr_picture() {
    let open = "-bf 3 -x264-params open-gop=1:keyint=30:min-keyint=30:scenecut=0 \
                -force_key_frames expr:gte(t,n_forced*4) -forced-idr 1";
    let clip = clip("clip.mp4", 12, open);
    let copied = copied(&clip).await;
    assert_eq!(copied.video().starts_secs(), [0.0, 4.0, 8.0]);
    assert_same_pictures(&clip.path(), copied.video());
}

#[tokio::test]
async fn sound_that_starts_a_little_late_keeps_its_time_and_later_sound_is_left() {
    let source = clip("clip.mp4", 6, "");
    let path = source.path();
    for (late, is_copied) in [(0.25, true), (0.9, false)] {
        let inputs = format!("-i {} -itsoffset {late}", path.display());
        let maps = "-map 0:v -map 1:a -c copy";
        let clip = Clip::make(
            "late.mp4",
            &format!("{inputs} -i {} {maps}", path.display()),
        );
        let copied = copied(&clip).await;
        assert_eq!(copied.tracks.len(), if is_copied { 2 } else { 1 });
        if is_copied {
            let show = "-select_streams a -show_entries stream=start_time -of csv=p=0";
            let start = String::from_utf8(run("ffprobe", show, &clip.path(), "")).unwrap();
            let (start, ours): (f64, f64) = (
                start.trim().parse().unwrap(),
                copied.track("a1").starts_secs()[0],
            );
            assert!(
                start > 0.2 && (start - ours).abs() < 0.001,
                "{start} {ours}"
            );
        } else {
            assert_eq!(
                copied.plan.left[0].reason,
                "it starts 0.9 s after the picture"
            );
        }
    }
}

#[tokio::test]
async fn keyframes_too_far_apart_are_refused_with_the_reason() {
    let reason = refused(&Clip::silent("320x180", "30", 12.0)).await;
    assert!(
        reason.contains("12.0 s without one from 0.0 s on"),
        "{reason}"
    );
}

#[tokio::test]
async fn what_not_every_player_shows_is_refused() {
    let plain = clip("clip.mp4", 3, "");
    let turned = plain.remade("turned.mp4", "-c copy -metadata:s:v:0 rotate=90");
    assert_eq!(refused(&turned).await, "it is turned or mirrored");
    for (args, reason) in [
        ("-vf setsar=4/3", "its pixels are not square"),
        (
            "-pix_fmt yuv444p",
            "H.264 profile 244 is not for every player",
        ),
        ("-flags +ilme+ildct", "it is interlaced"),
        ("-c:v mpeg4", "its video codec is mp4v"),
        ("-level 6.2", "H.264 level 6.2 is above 5.1"),
        ("-movflags +frag_keyframe", "it is already fragmented"),
    ] {
        assert_eq!(refused(&clip("clip.mp4", 3, args)).await, reason);
    }
}

#[tokio::test]
async fn turning_copying_off_is_a_reason() {
    let clip = clip("clip.mp4", 1, "");
    let settings = PackageSettings {
        copy: false,
        ..PackageSettings::default()
    };
    let verdict = look(&input(&clip.path()), &settings).await.unwrap();
    assert_eq!(
        verdict,
        Verdict::Refused("copying is turned off".to_owned())
    );
}

#[tokio::test]
async fn pictures_at_any_time_keep_theirs() {
    let vfr = "-vf select=mod(n\\,7)*mod(n\\,5) -fps_mode passthrough -enc_time_base -1 \
               -force_key_frames expr:gte(t,n_forced*1)";
    let clip = clip("clip.mp4", 9, vfr);
    let copied = copied(&clip).await;
    assert_same_pictures(&clip.path(), copied.video());
    let starts = copied.video().starts_secs();
    assert!(starts.len() >= 4, "{starts:?}");
}

#[tokio::test]
async fn every_language_of_sound_is_copied_and_what_does_not_fit_is_named() {
    let sources = "-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=440 \
                   -f lavfi -i sine=880 -f lavfi -i sine=330";
    let maps = "-map 0 -map 1 -map 2 -map 3 -metadata:s:a:0 language=eng \
                -metadata:s:a:2 language=deu -c:a aac -c:a:1 ac3";
    let clip = Clip::make("clip.mp4", &format!("{sources} -t 6 {GROUPS} {maps}"));
    let copied = copied(&clip).await;
    let left = &copied.plan.left;
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].source, left[0].audio_index), (3, 1));
    assert_eq!(left[0].reason, "its codec is ac-3");
    let languages = copied
        .plan
        .tracks
        .iter()
        .filter_map(|t| match &t.planned.kind {
            PlannedKind::Audio { label, .. } => label.language.as_deref(),
            _ => None,
        });
    assert_eq!(languages.collect::<Vec<_>>(), ["eng", "deu"]);
    assert_same_sound(&clip.path(), 0, copied.track("a1"));
    assert_same_sound(&clip.path(), 2, copied.track("a2"));
}

#[tokio::test]
async fn sound_that_is_longer_than_the_pictures_is_cut_on() {
    let sources = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=4 \
                   -f lavfi -i aevalsrc=sin(900*t*t):s=48000:duration=15";
    let clip = Clip::make("clip.mp4", &format!("{sources} {GROUPS} -c:a aac"));
    let copied = copied(&clip).await;
    assert_eq!(copied.video().starts_secs(), [0.0, 2.0]);
    let sound = copied.track("a1");
    assert!(sound.segments.len() >= 4 && sound.end_secs() > 14.9);
    assert_same_sound(&clip.path(), 0, sound);
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_published_as_far_as_it_goes() {
    let clip = clip("clip.mp4", 12, "-movflags +faststart");
    let whole = pictures(&clip.path());
    let file = File::options().write(true).open(clip.path()).unwrap();
    file.set_len(file.metadata().unwrap().len() * 6 / 10)
        .unwrap();
    let copied = copied(&clip).await;
    let end = copied.video().end_secs();
    assert!((4.0..9.0).contains(&end) && end.fract() == 0.0, "{end}");
    let warning = format!("the source is cut short: {end:.1} s of 12.0 s");
    assert_eq!(copied.warnings, [warning]);
    assert_pictures(&whole[..(end * 30.0) as usize], copied.video());
    assert!((copied.track("a1").end_secs() - end).abs() < 0.2);
}
