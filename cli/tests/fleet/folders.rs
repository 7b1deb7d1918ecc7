//! `weir package`: a folder instead of a server.

use crate::{
    clip::Clip,
    fleet::assert_no_error,
    process::{Folder, run},
};

const REFUSED: i32 = 6;

#[tokio::test]
async fn a_packaged_folder_is_valid_however_it_was_made() {
    let home = Folder::new();
    let clip = Clip::with_keyframes(12.0);
    let file = clip.path().to_str().unwrap();
    for (out, options, tracks) in [
        ("copied", &["--copy"][..], "v360-source, a1"),
        (
            "encoded",
            &["--no-copy", "--ladder", "240,144", "--workers", "2"],
            "v240, v144, a1",
        ),
        (
            "both",
            &["--ladder", "240", "--segment", "2"],
            "v360-source, v240, a1",
        ),
    ] {
        let args = [&["package", file, "--out", out], options].concat();
        let packaged = run(home.path(), &args).await;
        assert_eq!(packaged.code, 0, "{packaged:?}");
        assert!(packaged.out.contains(tracks), "{packaged:?}");
        assert!(packaged.err.contains("packaging 100 %"), "{packaged:?}");
        let judged = run(home.path(), &["validate", out, "--json"]).await;
        assert_eq!(judged.code, 0, "{judged:?}");
        assert_no_error(&judged);
    }
}

#[tokio::test]
async fn a_refused_file_leaves_nothing_and_a_full_folder_is_left_alone() {
    let home = Folder::new();
    let notes = Clip::of_bytes("notes.mp4", &b"hello\nworld\n".repeat(100));
    let args = ["package", notes.path().to_str().unwrap(), "--out", "out"];
    let ended = run(home.path(), &args).await;
    assert_eq!(ended.code, REFUSED, "{ended:?}");
    assert!(ended.err.contains("not video or sound"), "{ended:?}");
    assert!(!home.path().join("out").exists());

    let mine = home.path().join("mine");
    std::fs::create_dir(&mine).unwrap();
    std::fs::write(mine.join("kept"), "kept").unwrap();
    let clip = Clip::with_keyframes(2.0);
    let args = ["package", clip.path().to_str().unwrap(), "--out", "mine"];
    let ended = run(home.path(), &args).await;
    assert_ne!(ended.code, 0, "{ended:?}");
    let left: Vec<_> = std::fs::read_dir(&mine).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
