//! What ffmpeg wrote is what is read.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use media::bmff::{
    FourCc, InitKind, Sample, SampleHead, fragment_head, fragment_head_len_max, init_info,
    mp4::{EntryKind, Init, Movie, Nals, Picture, Sps, Track, write_init},
    write_fragment,
};
use proptest::prelude::*;

use crate::build::{Stbl, VIDEO, boxed, clip, ffmpeg, moov, moov_of, words};

fn movie() -> Movie {
    Movie::read(moov_of(clip())).expect("ffmpeg writes a good index")
}

/// Numbers of all packets of the video: pts, dts, size, place.
fn packets(file: &[u8]) -> Vec<[i64; 4]> {
    let show = "-v error -show_entries packet=pts,dts,size,pos -of csv=p=0 -i -";
    let mut child = Command::new("ffprobe")
        .args(["-ignore_editlist", "1", "-select_streams", "v"])
        .args(show.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffprobe is installed");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(file).expect("it reads all");
    drop(stdin);
    let output = child.wait_with_output().expect("ffprobe runs");
    let text = String::from_utf8(output.stdout).expect("ffprobe writes text");
    let line = |line: &str| {
        let fields = line
            .split(',')
            .take(4)
            .map(|f| f.parse().expect("a number"));
        fields
            .collect::<Vec<i64>>()
            .try_into()
            .expect("four fields")
    };
    text.lines().map(line).collect()
}

#[test]
fn samples_are_where_and_when_ffprobe_finds_them() {
    let fast = ffmpeg("fast.mp4", &format!("{VIDEO} -movflags +faststart"));
    let mov = ffmpeg("clip.mov", &format!("{VIDEO} -bf 0 -movflags +faststart"));
    for file in [&fast, &mov] {
        let movie = Movie::read(moov_of(file)).unwrap();
        let table = &movie.tracks[0].table;
        let ours: Vec<[i64; 4]> = table
            .iter()
            .map(|s| {
                let (dts, size) = (s.decode_time as i64, i64::from(s.size));
                [s.presentation_time, dts, size, s.offset as i64]
            })
            .collect();
        let mut theirs = packets(file);
        // ffprobe may count decode times from below zero; ours are the table's.
        let shift = ours[0][1] - theirs[0][1];
        theirs.iter_mut().for_each(|p| p[1] += shift);
        let shift = ours[0][0] - theirs[0][0];
        theirs.iter_mut().for_each(|p| p[0] += shift);
        assert_eq!(ours.len(), 90);
        assert_eq!(ours, theirs);
    }
}

#[test]
fn a_movie_tells_its_tracks() {
    let movie = movie();
    let [video, audio] = &movie.tracks[..] else {
        panic!("{:?}", movie.tracks.len())
    };
    assert_eq!((movie.timescale, movie.fragmented), (1000, false));
    assert_eq!((video.handler, video.id), (FourCc(*b"vide"), 1));
    assert!(video.enabled && video.is_upright() && video.is_video());
    assert_eq!((video.shown, video.timescale), ((320, 180), 15360));
    assert_eq!((&video.language, &video.name), (&None, &None));
    assert_eq!(video.edits.simple().unwrap().1.media_time, Some(1024));
    assert_eq!(audio.language.as_deref(), Some("fra"));
    assert_eq!(audio.name.as_deref(), Some("Version"));
    assert_eq!(audio.edits.simple().unwrap().1.media_time, Some(1024));
    let EntryKind::Mp4a {
        codec,
        channels,
        sample_rate,
        ..
    } = &audio.entries[0].kind
    else {
        panic!()
    };
    assert_eq!(
        (codec.as_str(), *channels, *sample_rate),
        ("mp4a.40.2", 1, 44100)
    );
}

#[test]
fn keyframes_of_a_file_are_idr_pictures_by_their_bytes() {
    let movie = movie();
    let nals = nals(&movie.tracks[0]);
    for sample in movie.tracks[0].table.iter() {
        let at = sample.offset as usize;
        let scan = nals.scan(&clip()[at..at + sample.size as usize]);
        assert_eq!(scan.picture == Some(Picture::Idr), sample.sync);
        assert_eq!(
            (sample.number % 30 == 0, scan.changed),
            (sample.sync, false)
        );
    }
}

fn nals(track: &Track) -> Nals {
    let EntryKind::Avc { config, .. } = &track.entries[0].kind else {
        panic!()
    };
    Nals::avc(config).expect("x264 writes good sets")
}

/// The sequence parameter set of what x264 makes of these arguments.
fn sps(args: &str) -> Sps {
    let file = ffmpeg("sps.mp4", &format!("{VIDEO} -frames:v 1 {args}"));
    let movie = Movie::read(moov_of(&file)).expect("x264 writes good sets");
    Sps::read(&nals(&movie.tracks[0]).sets()[0]).expect("x264 writes good sets")
}

#[test]
fn a_parameter_set_tells_size_colours_and_shape() {
    let plain = sps("-vf scale=426:242,setsar=1 -profile:v high -level 4.1");
    assert_eq!((plain.size, plain.level), ((426, 242), 41));
    assert!(plain.progressive && plain.plain_colour);
    assert_eq!(plain.pixel, Some((1, 1)));
    assert_eq!(sps("-vf setsar=64/45").pixel, Some((64, 45)));
    assert_eq!(sps("-vf setsar=12/11").pixel, Some((12, 11)));
    assert!(!sps("-pix_fmt yuv420p10le").plain_colour);
    assert!(!sps("-pix_fmt yuv422p").plain_colour);
    let fields = sps("-flags +ildct");
    assert_eq!((fields.progressive, fields.size), (false, (320, 180)));
    assert_eq!(sps("-profile:v baseline").profile, 66);
}

#[test]
fn an_init_segment_says_what_the_file_said() {
    let movie = movie();
    let [video, audio] = &movie.tracks[..] else {
        panic!()
    };
    let init = |track: &Track, skip| {
        let init = Init {
            track_id: 1,
            timescale: track.timescale,
            entry: &track.entries[0],
            size: (320, 180),
            language: track.language.as_deref(),
            skip,
        };
        write_init(&init).unwrap()
    };
    let info = init_info(&init(video, 0)).unwrap();
    assert_eq!((info.track_id, info.timescale), (1, 15360));
    let kind = InitKind::Video {
        width: 320,
        height: 180,
        nal_len_bytes: 4,
    };
    assert_eq!(info.kind, kind);
    let sound = init(audio, 204);
    assert_eq!(init_info(&sound).unwrap().codec, "mp4a.40.2");
    // It can be read as a movie again, without samples.
    let again = Movie::read(moov_of(&sound)).unwrap();
    let track = &again.tracks[0];
    assert!(again.fragmented && track.table.is_empty());
    assert_eq!(track.language.as_deref(), Some("fra"));
    assert_eq!(track.edits.simple().unwrap().1.media_time, Some(204));
    assert_eq!(track.entries, audio.entries);
}

#[test]
fn other_codecs_have_no_init_segment() {
    let file = ffmpeg("mpeg4.mp4", &format!("{VIDEO} -c:v mpeg4 -frames:v 1"));
    let movie = Movie::read(moov_of(&file)).unwrap();
    let entry = &movie.tracks[0].entries[0];
    assert_eq!(
        (entry.codec, &entry.kind),
        (FourCc(*b"mp4v"), &EntryKind::Other)
    );
    let init = Init {
        track_id: 1,
        timescale: 1,
        entry,
        size: (2, 2),
        language: None,
        skip: 0,
    };
    assert_eq!(write_init(&init), None);
}

#[test]
fn sizes_of_all_kinds_are_read() {
    let sizes = |stbl: Stbl| {
        let movie = stbl.movie().unwrap();
        movie.tracks[0]
            .table
            .iter()
            .map(|s| s.size)
            .collect::<Vec<u32>>()
    };
    let stz2 = |bits: u32, body: &[u8]| {
        let body = [&words(&[0, bits, 4])[..], body].concat();
        Stbl::default().with(b"stsz", b"stz2", body)
    };
    assert_eq!(sizes(Stbl::default()), [10; 4]);
    let each = words(&[0, 0, 4, 1, 2, 3, 4]);
    assert_eq!(
        sizes(Stbl::default().with(b"stsz", b"stsz", each)),
        [1, 2, 3, 4]
    );
    assert_eq!(sizes(stz2(4, &[0x12, 0x3f])), [1, 2, 3, 15]);
    assert_eq!(sizes(stz2(8, &[1, 2, 3, 255])), [1, 2, 3, 255]);
    assert_eq!(sizes(stz2(16, &[0, 1, 0, 2, 0, 3, 1, 0])), [1, 2, 3, 256]);
}

#[test]
fn samples_follow_each_other_within_chunks() {
    let offsets = |stbl: Stbl| {
        let movie = stbl.movie().unwrap();
        movie.tracks[0]
            .table
            .iter()
            .map(|s| s.offset)
            .collect::<Vec<u64>>()
    };
    assert_eq!(offsets(Stbl::default()), [1000, 1010, 2000, 2010]);
    let runs = words(&[0, 2, 1, 1, 1, 2, 3, 1]);
    let uneven = Stbl::default().with(b"stsc", b"stsc", runs);
    assert_eq!(offsets(uneven), [1000, 2000, 2010, 2020]);
    let large = words(&[0, 2, 1, 0, 2, 0]);
    let large = Stbl::default().with(b"stco", b"co64", large);
    assert_eq!(
        offsets(large),
        [1 << 32, (1 << 32) + 10, 2 << 32, (2 << 32) + 10]
    );
}

#[test]
fn times_and_keyframes_come_from_their_tables() {
    let stbl = Stbl::default()
        .with(b"stts", b"stts", words(&[0, 2, 1, 100, 3, 50]))
        .with(
            b"ctts",
            b"ctts",
            words(&[1 << 24, 2, 2, 30, 2, -20_i32 as u32]),
        )
        .with(b"stss", b"stss", words(&[0, 2, 1, 3]));
    let movie = stbl.movie().unwrap();
    let samples = movie.tracks[0].table.iter();
    let seen: Vec<(u64, i64, bool)> = samples
        .map(|s| (s.decode_time, s.presentation_time, s.sync))
        .collect();
    assert_eq!(
        seen,
        [
            (0, 30, true),
            (100, 130, false),
            (150, 130, true),
            (200, 180, false)
        ]
    );
}

#[test]
fn simple_edits_are_told_from_others() {
    let simple = |edits: &[[u32; 3]]| {
        let body = [words(&[0, edits.len() as u32]), words(edits.as_flattened())].concat();
        let edts = boxed(b"edts", &boxed(b"elst", &body));
        let stbl: Vec<u8> = Stbl::default()
            .0
            .iter()
            .flat_map(|(k, b)| boxed(k, b))
            .collect();
        let movie = moov(&stbl, &edts, &words(&[0, 0, 0, 1000, 0, 0]));
        let movie = Movie::read(&movie).unwrap();
        let (delay, edit) = movie.tracks[0].edits.simple()?;
        Some((delay, edit.duration, edit.media_time))
    };
    const EMPTY: u32 = u32::MAX;
    const ONE: u32 = 0x1_0000;
    assert_eq!(simple(&[]), Some((0, 0, Some(0))));
    assert_eq!(simple(&[[5, 1024, ONE]]), Some((0, 5, Some(1024))));
    assert_eq!(
        simple(&[[3, EMPTY, ONE], [4, EMPTY, ONE], [5, 7, ONE]]),
        Some((7, 5, Some(7)))
    );
    assert_eq!(simple(&[[5, 0, ONE], [5, 9, ONE]]), None);
    assert_eq!(simple(&[[5, 0, ONE], [5, EMPTY, ONE]]), None);
    assert_eq!(simple(&[[5, 0, ONE / 2]]), None);
    assert_eq!(simple(&[[5, EMPTY, ONE]]), None);
}

proptest! {
    #[test]
    fn a_fragments_head_is_the_fragment_without_its_samples(
        tfdt in 0_u64..1 << 62,
        samples in prop::collection::vec(any::<(u32, i32, u32, Vec<u8>)>(), 1..40),
    ) {
        let whole: Vec<Sample<'_>> = samples.iter().map(|(duration, offset, flags, data)| {
            Sample { duration: *duration, composition_offset: *offset, flags: *flags, data }
        }).collect();
        let heads: Vec<SampleHead> = whole.iter().map(SampleHead::from).collect();
        let head = fragment_head(3, 1, tfdt, &heads);
        let data: Vec<u8> = samples.iter().flat_map(|s| s.3.clone()).collect();
        prop_assert!(head.len() <= fragment_head_len_max(samples.len()));
        prop_assert_eq!([head, data].concat(), write_fragment(3, 1, tfdt, &whole));
    }
}
