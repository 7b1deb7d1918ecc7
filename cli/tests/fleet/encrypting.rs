//! `weir package --key-file`.

use std::{fs::File, path::Path, process::Command};

use crate::{
    clip::Clip,
    fleet::assert_no_error,
    process::{Folder, run},
};

const CONFIG: i32 = 3;
const BROKEN: i32 = 7;
const SECRET: &str = "0f0e0d0c0b0a09080706050403020100";
const KEYS: &str = "00112233445566778899aabbccddeeff:0f0e0d0c0b0a09080706050403020100\n";

#[tokio::test]
async fn an_encrypted_folder_is_valid_and_its_frames_are_those_of_the_clear_one() {
    let home = Folder::new();
    std::fs::write(home.path().join("keys"), KEYS).unwrap();
    let clip = Clip::with_keyframes(26.0);
    let file = clip.path().to_str().unwrap();
    let package = async |out: &str, options: &[&str]| {
        let common = ["package", file, "--ladder", "144", "--out", out];
        let packaged = run(home.path(), &[&common, options].concat()).await;
        assert_eq!(packaged.code, 0, "{packaged:?}");
        assert!(!packaged.err.contains(SECRET) && !packaged.out.contains(SECRET));
    };
    package("clear", &[]).await;
    package("one", &["--key-file", "keys", "--workers", "1"]).await;
    package("many", &["--key-file", "keys", "--workers", "4"]).await;
    for out in ["one", "many"] {
        let judged = run(home.path(), &["validate", out, "--json"]).await;
        assert_eq!(judged.code, 0, "{judged:?}");
        assert_no_error(&judged);
        assert!(judged.out.contains("cmaf-encrypted"), "{judged:?}");
    }
    for track in ["v360-source", "v144", "a1"] {
        let whole = |out: &str| {
            let folder = home.path().join(out).join(track);
            let parts = (0..).map(|n| folder.join(format!("{n}.m4s")));
            let parts = parts.take_while(|part| part.exists());
            let parts = std::iter::once(folder.join("init.mp4")).chain(parts);
            parts
                .flat_map(|part| std::fs::read(part).unwrap())
                .collect::<Vec<u8>>()
        };
        let (clear, one) = (whole("clear"), whole("one"));
        assert!(one == whole("many"), "{track} depends on who encoded it");
        let file = |name: &str, bytes: &[u8]| {
            let path = home.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let clear = frames(&[], &file("clear.mp4", &clear));
        let encrypted = file("encrypted.mp4", &one);
        let decrypted = frames(&["-decryption_key", SECRET], &encrypted);
        assert!(clear.lines().count() > 100, "{track}: {clear}");
        assert_eq!(decrypted, clear, "{track}");
    }
}

#[tokio::test]
async fn hevc_is_encrypted_too_and_opus_is_refused() {
    let home = Folder::new();
    std::fs::write(home.path().join("keys"), KEYS).unwrap();
    let clip = Clip::with_keyframes(2.0);
    let file = clip.path().to_str().unwrap();
    let package = async |out: &str, options: &[&str]| {
        let common = ["package", file, "--ladder", "144", "--out", out];
        run(home.path(), &[&common, options].concat()).await
    };
    let hevc = ["--codecs", "h264,hevc"];
    let clear = package("clear", &hevc).await;
    let encrypted = package("out", &[&hevc[..], &["--key-file", "keys"]].concat()).await;
    assert_eq!((clear.code, encrypted.code), (0, 0), "{encrypted:?}");
    let judged = run(home.path(), &["validate", "out", "--json"]).await;
    assert_no_error(&judged);
    let joined = |out: &str| {
        let folder = home.path().join(out).join("v144-hevc");
        let parts = ["init.mp4", "0.m4s"].map(|name| std::fs::read(folder.join(name)).unwrap());
        let file = folder.join("joined.mp4");
        std::fs::write(&file, parts.concat()).unwrap();
        file
    };
    let clear = frames(&[], &joined("clear"));
    assert!(clear.lines().count() > 20, "{clear}");
    assert_eq!(frames(&["-decryption_key", SECRET], &joined("out")), clear);
    let opus = ["--codecs", "h264,opus", "--key-file", "keys"];
    let refused = package("none", &opus).await;
    assert_eq!(refused.code, CONFIG, "{refused:?}");
    assert!(
        refused.err.contains("h264, with AAC, and hevc alone"),
        "{refused:?}"
    );
}

/// RFC 8216 §4.3.2.4: HLS alone, beside what is written anyway.
#[tokio::test]
async fn a_copy_for_hls_is_encrypted_whole_and_the_rest_is_as_without() {
    let home = Folder::new();
    std::fs::write(home.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let clip = Clip::with_keyframes(6.0);
    let file = clip.path().to_str().unwrap();
    let options = ["--aes128-key", "secret", "--aes128-url", "../secret.key"];
    for (out, options) in [("plain", &[][..]), ("out", &options)] {
        let common = ["package", file, "--ladder", "144", "--out", out];
        let packaged = run(home.path(), &[&common, options].concat()).await;
        assert_eq!(packaged.code, 0, "{packaged:?}");
    }
    let same = Command::new("diff")
        .args(["-r", "--exclude=aes", "plain", "out"])
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(same.status.success(), "{same:?}");
    let aes = home.path().join("out/aes");
    let names = std::fs::read_dir(&aes).unwrap().flatten();
    let mut names: Vec<_> = names
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["a1", "master.m3u8", "v144", "v360-source"]);
    // Who has the key sees all of it, who has another sees that, and who has none is told.
    let key = media::bmff::cbcs::key_bytes(SECRET).unwrap();
    for (key, code, says) in [
        (None, 0, "cmaf-encrypted"),
        (Some([1; 16]), BROKEN, "hls-aes-128"),
        (Some(key), 0, ""),
    ] {
        if let Some(key) = key {
            std::fs::write(aes.join("secret.key"), key).unwrap();
        }
        let judged = run(home.path(), &["validate", "out/aes", "--json"]).await;
        assert_eq!(judged.code, code, "{judged:?}");
        assert!(judged.out.contains(says), "{judged:?}");
    }
    let judged = run(home.path(), &["validate", "out/aes", "--json"]).await;
    assert!(!judged.out.contains("cmaf-encrypted"), "{judged:?}");
    for track in ["v144", "a1"] {
        let frames = |folder: &str| {
            let decoded = Command::new("ffmpeg")
                .args(["-v", "error", "-allowed_extensions", "ALL", "-i"])
                .arg(home.path().join(folder).join(track).join("index.m3u8"))
                .args(["-f", "framemd5", "-"])
                .output()
                .unwrap();
            assert!(
                decoded.status.success() && decoded.stderr.is_empty(),
                "{decoded:?}"
            );
            String::from_utf8(decoded.stdout).unwrap()
        };
        let clear = frames("plain");
        assert!(clear.lines().count() > 100, "{clear}");
        assert_eq!(frames("out/aes"), clear, "{track}");
    }
}

#[tokio::test]
async fn a_key_file_that_is_none_is_refused_and_not_repeated() {
    let home = Folder::new();
    let clip = Clip::with_keyframes(2.0);
    let file = clip.path().to_str().unwrap();
    for (keys, says) in [
        (format!("video {KEYS}"), "no line is for audio"),
        (KEYS.replace(":0f", ":"), "line 1: the key is wrong"),
        (format!("{KEYS}{SECRET}"), "line 2: "),
    ] {
        std::fs::write(home.path().join("keys"), keys).unwrap();
        let args = ["package", file, "--out", "out", "--key-file", "keys"];
        let ended = run(home.path(), &args).await;
        assert_eq!(ended.code, CONFIG, "{ended:?}");
        assert!(ended.err.contains(says), "{ended:?}");
        assert!(!ended.err.contains(&SECRET[4..]), "{ended:?}");
        assert!(!home.path().join("out").exists());
    }
}

/// Digests of all decoded frames, with their times. By a pipe: of a file that can be sought
/// in, ffmpeg 5.1 reads all `moof` first, and then takes the last one's map for all.
fn frames(options: &[&str], file: &Path) -> String {
    let (frames, said) = framemd5(options, file);
    assert!(said.is_empty(), "{said}");
    frames
}

/// How many frames are decoded, and what was said of faults.
pub(crate) fn decoded(options: &[&str], file: &Path) -> (usize, String) {
    let (frames, said) = framemd5(options, file);
    let frames = frames.lines().filter(|line| !line.starts_with('#'));
    (frames.count(), said)
}

fn framemd5(options: &[&str], file: &Path) -> (String, String) {
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(options)
        .args(["-i", "pipe:0", "-f", "framemd5", "-"])
        .stdin(File::open(file).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&decoded.stderr).into_owned();
    (String::from_utf8(decoded.stdout).unwrap(), said)
}
