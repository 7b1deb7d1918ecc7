//! Encryption of real encoder output, undone by ffmpeg.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use media::bmff::{
    BoxError, Fragment, boxes,
    cbcs::{Encryptor, Key, KeyId, key_bytes},
    init_info,
};

use crate::ffmpeg::{self, split};

const ID: &str = "00112233445566778899aabbccddeeff";
const SECRET: &str = "0f0e0d0c0b0a09080706050403020100";

fn key() -> Key {
    let id = KeyId(key_bytes(ID).unwrap());
    Key::new(id, key_bytes(SECRET).unwrap(), None)
}

/// The same track, encrypted; each fragment by itself.
fn encrypted(clear: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (init, _, fragments) = split(clear);
    let encryptor = Encryptor::new(&init, &key()).unwrap();
    let encrypt = |fragment: &Vec<u8>| encryptor.fragment(fragment).unwrap();
    let fragments = fragments.iter().map(encrypt).collect();
    (encryptor.init().to_vec(), fragments)
}

fn joined(clear: &[u8]) -> Vec<u8> {
    let (init, fragments) = encrypted(clear);
    [init, fragments.concat()].concat()
}

/// Video as encoders write it: with and without CABAC, weights, fields, slices, references
/// and colours.
const VIDEO: [(&str, &str); 6] = [
    (
        "yuv420p",
        "-profile:v main -x264-params keyint=30:bframes=3:b-pyramid=normal:weightp=2:ref=5",
    ),
    (
        "yuv420p",
        "-profile:v baseline -x264-params keyint=30:cabac=0:ref=3:slices=4",
    ),
    (
        "yuv420p",
        "-x264-params keyint=30:interlaced=1:bframes=2:weightp=0:weightb=1:slices=3",
    ),
    (
        "yuv420p",
        "-vf fade=in:0:60 -x264-params keyint=60:bframes=0:weightp=2:no-deblock=1",
    ),
    (
        "yuv444p",
        "-profile:v high444 -x264-params keyint=30:bframes=2",
    ),
    (
        "gray",
        "-profile:v high -x264-params keyint=30:weightp=2:aud=1",
    ),
];

/// HEVC as x265 writes it: with and without weights, slices, rows apart, references, scaling
/// lists and colours.
const HEVC: [(&str, &str); 6] = [
    ("yuv420p", "bframes=4:b-pyramid=1:ref=4:weightb=1"),
    ("yuv420p10le", "slices=3:ctu=16:weightp=1"),
    ("yuv420p10le", "wpp=0:pools=none:weightp=1"),
    (
        "yuv420p",
        "no-sao=1:no-deblock=1:bframes=0:scaling-list=default",
    ),
    ("yuv420p", "ctu=16:no-temporal-mvp=1:cbqpoffs=2:aud=1"),
    ("yuv444p", "bframes=2:deblock=1,1:amp=1:rect=1"),
];

fn hevc((pixels, options): (&str, &str)) -> Vec<u8> {
    let codec = format!(
        "-vf fade=in:0:40 -c:v libx265 -tag:v hvc1 -preset veryfast \
         -x265-params log-level=none:keyint=30:open-gop=0:{options}"
    );
    encoded(pixels, &codec)
}

fn video((pixels, options): (&str, &str)) -> Vec<u8> {
    encoded(pixels, &format!("-c:v libx264 -preset veryfast {options}"))
}

fn encoded(pixels: &str, codec: &str) -> Vec<u8> {
    let source = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2";
    let flags = "-movflags +frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets";
    let codec = format!("-pix_fmt {pixels} {codec}");
    ffmpeg::run(
        "ffmpeg",
        &format!("{source} {codec} {flags} -f mp4 pipe:1"),
        &[],
    )
}

#[test]
fn with_the_key_every_frame_is_what_it_was() {
    let tracks = VIDEO.into_iter().map(video);
    let tracks = tracks.chain(HEVC.into_iter().map(hevc));
    for clear in tracks.chain([ffmpeg::audio().to_vec()]) {
        assert_eq!(decrypted(&joined(&clear)), ffmpeg::decode(&clear));
    }
}

#[test]
fn without_the_key_nothing_is() {
    let (_, _, clear) = split(ffmpeg::video());
    let (init, fragments) = encrypted(ffmpeg::video());
    let info = init_info(&init).unwrap();
    for (clear, encrypted) in clear.iter().zip(&fragments) {
        let clear = Fragment::read(clear, &info).unwrap();
        let encrypted = Fragment::read(encrypted, &info).unwrap();
        for (a, b) in clear.samples.iter().zip(&encrypted.samples) {
            assert_eq!(a.data.len(), b.data.len());
            // Each picture of more than a few bytes differs.
            assert!(a.data != b.data || a.data.len() < 60, "{}", a.data.len());
        }
    }
    // Of sound all but each frame's last bytes.
    let (init, _, clear) = split(ffmpeg::audio());
    let (_, fragments) = encrypted(ffmpeg::audio());
    let info = init_info(&init).unwrap();
    let clear = Fragment::read(&clear[0], &info).unwrap();
    let encrypted = Fragment::read(&fragments[0], &info).unwrap();
    for (a, b) in clear.samples.iter().zip(&encrypted.samples) {
        let whole = a.data.len() / 16 * 16;
        assert_eq!(a.data[whole..], b.data[whole..]);
        let blocks = a.data.chunks_exact(16).zip(b.data.chunks_exact(16));
        assert!(blocks.into_iter().all(|(a, b)| a != b));
    }
}

/// ISO/IEC 23001-7 §10.4.2; where a header ends is read by ffmpeg's `trace_headers`.
#[test]
fn slices_are_protected_from_behind_their_headers_on() {
    let tracks = VIDEO.into_iter().map(|options| (options, video(options)));
    for (options, clear) in tracks.chain(HEVC.map(|options| (options, hevc(options)))) {
        let mut headers = slice_headers(&clear).into_iter();
        let (_, info, fragments) = split(&clear);
        let (_, encrypted) = encrypted(&clear);
        for (clear, encrypted) in fragments.iter().zip(&encrypted) {
            let clear = Fragment::read(clear, &info).unwrap();
            let due: Vec<_> = clear
                .samples
                .iter()
                .map(|s| map(s.data, info.codec.starts_with("hvc1"), &mut headers))
                .collect();
            assert_eq!(maps(encrypted), due, "{options:?}");
        }
        assert_eq!(headers.next(), None, "{options:?}");
    }
}

/// `saiz` has one byte for the length of a sample's map: 42 parts (ISO/IEC 14496-12 §8.7.8).
#[test]
fn of_a_picture_of_very_many_slices_the_shortest_stay_clear() {
    let clear = video(("yuv420p", "-x264-params keyint=30:slice-max-mbs=4"));
    assert_eq!(decrypted(&joined(&clear)), ffmpeg::decode(&clear));
    let (_, encrypted) = encrypted(&clear);
    let map = maps(&encrypted[0]).remove(0);
    let protected = map.iter().filter(|(_, protected)| *protected > 0).count();
    // One for what is clear behind them.
    assert!(map.len() <= 42 && protected >= 41, "{map:?}");
    let (_, info, fragments) = split(&clear);
    let sample = Fragment::read(&fragments[0], &info).unwrap().samples[0].data;
    let secret: usize = map.iter().map(|(_, protected)| protected).sum();
    // Of 60 slices so many, and those the longest.
    assert!(
        secret * 60 > sample.len() * 41,
        "{secret} of {}",
        sample.len()
    );
}

#[test]
fn an_encrypted_init_segment_tells_what_the_clear_one_did() {
    for clear in [ffmpeg::video(), ffmpeg::audio()] {
        let (_, info, _) = split(clear);
        let (init, _) = encrypted(clear);
        assert_eq!(init_info(&init), Ok(info));
        for (name, count) in [
            ("sinf", 1),
            ("schm", 1),
            ("tenc", 1),
            ("pssh", 1),
            ("cbcs", 1),
        ] {
            let found = init.windows(4).filter(|w| *w == name.as_bytes());
            assert_eq!(found.count(), count, "{name}");
        }
        let again = Encryptor::new(&init, &key());
        assert!(matches!(again.err(), Some(BoxError::Invalid { .. })));
    }
}

#[test]
fn the_same_key_gives_the_same_bytes_and_another_does_not() {
    let (init, _, fragments) = split(ffmpeg::video());
    let with = |key| {
        let encryptor = Encryptor::new(&init, &key).unwrap();
        encryptor.fragment(&fragments[1]).unwrap()
    };
    assert_eq!(with(key()), with(key()));
    assert_ne!(with(key()), with(Key::new(key().id(), [1; 16], None)));
    assert_ne!(
        with(key()),
        with(Key::new(key().id(), [1; 16], Some([2; 16])))
    );
}

#[test]
fn pictures_that_are_none_are_errors_and_no_panic() {
    let (init, _, fragments) = split(ffmpeg::video());
    let encryptor = Encryptor::new(&init, &key()).unwrap();
    let whole = &fragments[0];
    let mdat = whole.windows(4).position(|w| w == b"mdat").unwrap() + 4;
    for at in 0..64 {
        for value in [0, 0x55, 0xff] {
            let mut broken = whole.clone();
            broken[mdat + at] = value;
            // Some still are pictures: then what is said of them adds up.
            if let Ok(encrypted) = encryptor.fragment(&broken) {
                assert_eq!(encrypted.len() - whole.len(), encrypted_more(&encrypted));
            }
        }
    }
    let mut length = whole.clone();
    length[mdat] = 0x7f;
    assert!(encryptor.fragment(&length).is_err());
}

/// Bytes of the boxes that encryption adds.
fn encrypted_more(fragment: &[u8]) -> usize {
    let traf = inside(inside(fragment, b"moof"), b"traf");
    let kinds: [&[u8; 4]; 3] = [b"saiz", b"saio", b"senc"];
    kinds.iter().map(|kind| inside(traf, kind).len() + 8).sum()
}

fn decrypted(mp4: &[u8]) -> Vec<String> {
    let options = format!("-decryption_key {SECRET} -i pipe:0 -f framemd5 pipe:1");
    let text = String::from_utf8(ffmpeg::run("ffmpeg", &options, mp4)).unwrap();
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    frames.map(str::to_owned).collect()
}

fn inside<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let mut all = boxes(bytes).map(Result::unwrap);
    all.find(|found| found.kind.0 == *kind).unwrap().body
}

/// Clear and protected bytes of each subsample of each sample, as `senc` says.
fn maps(fragment: &[u8]) -> Vec<Vec<(usize, usize)>> {
    let senc = inside(inside(inside(fragment, b"moof"), b"traf"), b"senc");
    let mut rest = &senc[8..];
    let mut number = |len: usize| {
        let (taken, behind) = rest.split_at(len);
        rest = behind;
        taken.iter().fold(0, |n, byte| n << 8 | usize::from(*byte))
    };
    let count = usize::try_from(u32::from_be_bytes(senc[4..8].try_into().unwrap())).unwrap();
    let mut maps = Vec::new();
    for _ in 0..count {
        let subsamples = number(2);
        maps.push((0..subsamples).map(|_| (number(2), number(4))).collect());
    }
    maps
}

/// The same, from the lengths of its slices' headers.
fn map(
    sample: &[u8],
    is_hevc: bool,
    headers: &mut impl Iterator<Item = usize>,
) -> Vec<(usize, usize)> {
    let (mut map, mut clear, mut rest) = (Vec::new(), 0, sample);
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let (nal, behind) = behind.split_at(u32::from_be_bytes(*len) as usize);
        rest = behind;
        let slice = match is_hevc {
            true => nal[0] >> 1 < 32,
            false => matches!(nal[0] & 0x1f, 1 | 5),
        };
        let header = match slice {
            true => headers.next().expect("a header for each slice"),
            false => nal.len(),
        };
        match nal.len() - header {
            0..16 => clear += 4 + nal.len(),
            protected => {
                map.push((clear + 4 + header, protected));
                clear = 0;
            }
        }
    }
    if clear > 0 {
        map.push((clear, 0));
    }
    map
}

/// Length of each slice's header, bytes, the NAL unit's own included.
fn slice_headers(mp4: &[u8]) -> Vec<usize> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clear.mp4");
    std::fs::write(&file, mp4).unwrap();
    let traced = std::process::Command::new("ffmpeg")
        .arg("-i")
        .arg(&file)
        .args("-c copy -bsf:v trace_headers -f null -".split(' '))
        .output()
        .unwrap();
    let text = String::from_utf8(traced.stderr).unwrap();
    let mut lens = Vec::new();
    let mut in_slice = false;
    for line in text.lines() {
        let Some((_, line)) = line
            .split_once("[trace_headers @ ")
            .and_then(|(_, l)| l.split_once("] "))
        else {
            continue;
        };
        let mut words = line.split_whitespace();
        match words.next().unwrap().parse::<usize>() {
            // Position, name, bits, "=", value.
            Ok(at) if in_slice => {
                let bits = words.nth(1).unwrap().len();
                *lens.last_mut().unwrap() = (at + bits).div_ceil(8);
            }
            Ok(_) => {}
            Err(_) => {
                in_slice = matches!(line, "Slice Header" | "Slice Segment Header");
                if in_slice {
                    lens.push(0);
                }
            }
        }
    }
    lens
}
