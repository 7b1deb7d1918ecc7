//! Boxes of real encoder output.

use media::bmff::{
    BoxError, FourCc, Fragment, InitKind, Piece, Sample, TopLevel, init_info, patch_tfdt,
    with_entry_boxes, with_sequence_header, write_fragment,
};
use proptest::prelude::*;

use crate::ffmpeg::{self, split};

#[test]
fn the_pieces_are_the_same_however_the_bytes_come() {
    let whole = TopLevel::new(1 << 20).push(ffmpeg::video()).unwrap();
    assert_eq!(whole.len(), 1 + 4);
    for step in [1, 7, 4096] {
        let mut splitter = TopLevel::new(1 << 20);
        let chunks = ffmpeg::video().chunks(step);
        let pieces: Vec<Piece> = chunks.flat_map(|c| splitter.push(c).unwrap()).collect();
        assert_eq!(pieces, whole, "step {step}");
        splitter.finish().unwrap();
    }
}

#[test]
fn pieces_put_together_decode_to_the_same_frames() {
    let (init, _, fragments) = split(ffmpeg::video());
    let joined = [init, fragments.concat()].concat();
    assert_eq!(ffmpeg::decode(&joined), ffmpeg::decode(ffmpeg::video()));
    assert_eq!(ffmpeg::decode(&joined).len(), 120);
}

#[test]
fn a_video_init_segment_tells_codec_and_size() {
    let (_, info, _) = split(ffmpeg::video());
    assert_eq!(info.codec, "avc1.640028");
    assert_eq!(
        info.kind,
        InitKind::Video {
            width: 320,
            height: 180,
            nal_len_bytes: 4
        }
    );
    assert_eq!(info.timescale, 15360);
    let (_, baseline, _) = split(&ffmpeg::encode_video(
        "-profile:v baseline -level 3.1 -s 426x240",
    ));
    assert_eq!(baseline.codec, "avc1.42c01f");
    assert_eq!(
        baseline.kind,
        InitKind::Video {
            width: 426,
            height: 240,
            nal_len_bytes: 4
        }
    );
}

#[test]
fn an_init_segment_of_av1_is_made_to_say_what_its_pictures_say() {
    let (init, info, fragments) = split(ffmpeg::av1_video());
    assert_eq!(info.codec, "av01.0.00M.08");
    let read = |info| {
        let all = fragments.iter();
        all.map(|bytes| Fragment::read(bytes, info).unwrap())
            .collect::<Vec<_>>()
    };
    // Before its first picture, SVT-AV1 does not know which tools it will use.
    let before = read(&info);
    assert!(!before[0].starts_with_idr(&info));
    let own = with_sequence_header(&init, before[0].samples[0].data).unwrap();
    let info = init_info(&own).unwrap();
    assert!(read(&info).iter().all(|f| f.starts_with_idr(&info)));
    assert_eq!((info.codec.as_str(), fragments.len()), ("av01.0.00M.08", 2));
    let joined = [own.clone(), fragments.concat()].concat();
    assert_eq!(ffmpeg::decode(&joined).len(), 120);
    // An inter frame says nothing of itself.
    let inter = before[0].samples[1].data;
    assert!(with_sequence_header(&own, inter).is_err());
}

#[test]
fn boxes_are_added_behind_those_of_a_sample_entry() {
    let (init, info, fragments) = split(ffmpeg::video());
    let level = (FourCc(*b"clli"), vec![3, 232, 1, 144]);
    let more = with_entry_boxes(&init, std::slice::from_ref(&level)).unwrap();
    assert_eq!(more.len(), init.len() + 12);
    assert_eq!(init_info(&more).unwrap(), info);
    let joined = [more, fragments.concat()].concat();
    let show = "-show_entries stream_side_data=max_content,max_average -of csv=p=0 pipe:0";
    let seen = String::from_utf8(ffmpeg::run("ffprobe", show, &joined)).unwrap();
    assert_eq!(seen.trim(), "1000,400");
}

#[test]
fn an_audio_init_segment_tells_codec_channels_and_rate() {
    for (options, channels, sample_rate) in [
        ("-ac 1 -ar 44100", 1, 44100),
        ("-ac 6 -ar 48000", 6, 48000),
        ("-ac 2 -ar 96000", 2, 96000),
    ] {
        let (_, info, _) = split(&ffmpeg::encode_audio(options));
        assert_eq!(info.codec, "mp4a.40.2");
        assert_eq!(info.timescale, sample_rate);
        assert_eq!(
            info.kind,
            InitKind::Audio {
                channels,
                sample_rate
            }
        );
    }
}

#[test]
fn an_init_segment_of_another_codec_is_unsupported() {
    let source = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1";
    let options = "-c:v mpeg4 -movflags +frag_keyframe+empty_moov -f mp4 pipe:1";
    let mpeg4 = ffmpeg::run("ffmpeg", &format!("{source} {options}"), &[]);
    let pieces = TopLevel::new(1 << 20).push(&mpeg4).unwrap();
    let Piece::Init(init) = &pieces[0] else {
        panic!("{:?}", pieces[0])
    };
    let refused = init_info(init).unwrap_err();
    assert_eq!(refused, BoxError::Unsupported("codec 'mp4v'".into()));
}

#[test]
fn a_progressive_file_is_no_init_segment() {
    let moov_only = [&b"\0\0\0\x10ftypisom\0\0\0\0"[..], b"\0\0\0\x08moov"].concat();
    assert!(matches!(init_info(&moov_only), Err(BoxError::Missing(_))));
}

#[test]
fn samples_are_those_that_ffprobe_sees() {
    for mp4 in [ffmpeg::video(), ffmpeg::audio()] {
        let (_, info, fragments) = split(mp4);
        let mut ours = Vec::new();
        for bytes in &fragments {
            let fragment = Fragment::read(bytes, &info).unwrap();
            let mut dts = fragment.base_decode_time as i64;
            for s in &fragment.samples {
                let pts = dts + i64::from(s.composition_offset);
                ours.push([pts, dts, s.data.len() as i64]);
                dts += i64::from(s.duration);
            }
        }
        // ffprobe adds the largest negative composition offset to every pts.
        let shift = ours.iter().map(|[pts, dts, _]| dts - pts).max().unwrap();
        ours.iter_mut().for_each(|[pts, _, _]| *pts += shift);
        assert_eq!(ours, ffmpeg::packets(mp4));
    }
}

#[test]
fn a_fragment_ends_where_the_next_one_starts() {
    for mp4 in [ffmpeg::video(), ffmpeg::audio()] {
        let (_, info, fragments) = split(mp4);
        let mut end = 0;
        for bytes in &fragments {
            let fragment = Fragment::read(bytes, &info).unwrap();
            assert_eq!(fragment.base_decode_time, end);
            assert_eq!(fragment.earliest_presentation_time(), end as i64);
            end = fragment.end();
        }
        assert!(fragments.len() >= 4);
    }
}

#[test]
fn an_idr_picture_is_told_from_other_keyframes() {
    let idr = |mp4: &[u8]| {
        let (_, info, fragments) = split(mp4);
        let of = |bytes: &Vec<u8>| Fragment::read(bytes, &info).unwrap().starts_with_idr(&info);
        fragments.iter().map(of).collect::<Vec<bool>>()
    };
    assert_eq!(idr(ffmpeg::video()), [true; 4]);
    let open = idr(&ffmpeg::open_group_video());
    assert_eq!((open[0], open[1..].contains(&true)), (true, false));
    assert!(!idr(ffmpeg::audio()).contains(&true));
}

#[test]
fn patching_moves_a_fragment_and_changes_nothing_else() {
    let (init, info, fragments) = split(ffmpeg::video());
    let before = Fragment::read(&fragments[1], &info).unwrap();
    let mut moved = fragments[1].clone();
    patch_tfdt(&mut moved, 15360 * 3600 * 100).unwrap();
    let after = Fragment::read(&moved, &info).unwrap();
    assert_eq!(after.base_decode_time, 15360 * 3600 * 100);
    assert_eq!(after.samples, before.samples);
    let packets = ffmpeg::packets(&[init, moved].concat());
    assert_eq!(packets[0][1], 15360 * 3600 * 100);
    assert_eq!(packets.len(), before.samples.len());
}

/// `write_fragment` with a `tfdt` of version 0.
fn short_tfdt(time: u32) -> Vec<u8> {
    let long = write_fragment(1, 1, u64::from(time), &[sample(1, b"x")]);
    let at = long.windows(4).position(|w| w == b"tfdt").expect("a tfdt");
    let mut short = [&long[..at + 8], &long[at + 12..]].concat();
    short[at + 4] = 0;
    for (kind, less) in [(b"moof", 4), (b"traf", 4), (b"tfdt", 4)] {
        let at = short.windows(4).position(|w| w == kind).expect("the box");
        short[at - 1] -= less; // the sizes are below 256
    }
    let run = short.windows(4).position(|w| w == b"trun").expect("a trun");
    short[run + 15] -= 4; // data offset
    short
}

fn sample(duration: u32, data: &[u8]) -> Sample<'_> {
    Sample {
        duration,
        composition_offset: 0,
        flags: Sample::INDEPENDENT,
        data,
    }
}

#[test]
fn a_short_tfdt_takes_what_fits_in_32_bits() {
    let (_, info, _) = split(ffmpeg::audio());
    let mut fragment = short_tfdt(7);
    assert_eq!(
        Fragment::read(&fragment, &info).unwrap().base_decode_time,
        7
    );
    patch_tfdt(&mut fragment, u64::from(u32::MAX)).unwrap();
    let patched = Fragment::read(&fragment, &info).unwrap();
    assert_eq!(patched.base_decode_time, u64::from(u32::MAX));
    assert_eq!(patched.samples[0].data, b"x");
    let before = fragment.clone();
    let refused = patch_tfdt(&mut fragment, 1 << 32).unwrap_err();
    assert!(matches!(refused, BoxError::Invalid { .. }));
    assert_eq!(fragment, before);
}

/// All samples of all fragments, cut anew into fragments of `per_fragment` samples.
fn recut(mp4: &[u8], per_fragment: usize) -> Vec<u8> {
    let (mut out, info, fragments) = split(mp4);
    let read = |bytes| Fragment::read(bytes, &info).expect("ffmpeg writes good fragments");
    let samples: Vec<Sample<'_>> = fragments.iter().flat_map(|f| read(f).samples).collect();
    let mut time = 0;
    for (n, samples) in (1..).zip(samples.chunks(per_fragment)) {
        out.extend(write_fragment(n, info.track_id, time, samples));
        time += samples.iter().map(|s| u64::from(s.duration)).sum::<u64>();
    }
    out
}

#[test]
fn audio_cut_anew_decodes_to_the_same_sound() {
    for per_fragment in [1, 100, 1000] {
        let ours = recut(ffmpeg::audio(), per_fragment);
        assert_eq!(ffmpeg::decode(&ours), ffmpeg::decode(ffmpeg::audio()));
        assert_eq!(ffmpeg::packets(&ours), ffmpeg::packets(ffmpeg::audio()));
    }
}

#[test]
fn video_cut_anew_keeps_its_order_of_pictures() {
    let ours = recut(ffmpeg::video(), 30);
    assert_eq!(ffmpeg::decode(&ours), ffmpeg::decode(ffmpeg::video()));
    assert_eq!(ffmpeg::packets(&ours), ffmpeg::packets(ffmpeg::video()));
}

type Owned = (u32, i32, u32, Vec<u8>);

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        sequence: u32,
        time in 0_u64..1 << 62,
        samples in prop::collection::vec(any::<Owned>(), 1..50),
        uniform: bool,
    ) {
        let (_, mut info, _) = split(ffmpeg::audio());
        info.track_id = 9;
        let same = |(_, _, _, data): &Owned| (1024, 0, Sample::INDEPENDENT, data.clone());
        let samples: Vec<Owned> =
            if uniform { samples.iter().map(same).collect() } else { samples };
        let borrowed: Vec<Sample<'_>> = samples.iter().map(|(duration, offset, flags, data)| {
            Sample { duration: *duration, composition_offset: *offset, flags: *flags, data }
        }).collect();
        let bytes = write_fragment(sequence, 9, time, &borrowed);
        let fragment = Fragment::read(&bytes, &info).unwrap();
        prop_assert_eq!(fragment.sequence, sequence);
        prop_assert_eq!(fragment.base_decode_time, time);
        prop_assert_eq!(fragment.samples, borrowed);
    }
}
