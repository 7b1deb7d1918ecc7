//! `weir package --key-file`.

use std::{fs::File, path::Path, process::Command};

use crate::{
    clip::Clip,
    fleet::assert_no_error,
    process::{Folder, run},
};

const CONFIG: i32 = 3;
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
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(options)
        .args(["-i", "pipe:0", "-f", "framemd5", "-"])
        .stdin(File::open(file).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&decoded.stderr);
    assert!(decoded.status.success() && said.is_empty(), "{said}");
    String::from_utf8(decoded.stdout).unwrap()
}
