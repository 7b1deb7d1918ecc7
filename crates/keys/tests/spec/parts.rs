//! Keys for parts of an asset.

use keys::{Parts, play_parts};

use crate::*;

fn key(version: Option<&str>, tracks: &[&str]) -> Verified {
    let parts = Parts {
        asset: "ab",
        version,
        tracks,
    };
    let claims = play_parts(&parts, NOW, NOW + 60, "j".to_owned());
    verify(&mint(&signing(), &claims)).expect("it is minted as it should be")
}

/// What any player asks for before it can choose.
const FIRST: [&str; 5] = [
    "/v/ab/master.m3u8",
    "/v/ab/manifest.mpd",
    "/v/ab/info.json",
    "/v/ab/events",
    "/v/ab/license",
];

fn opens(key: &Verified, good: &[&str], bad: &[&str]) {
    for path in FIRST.iter().chain(good) {
        assert!(key.opens(path), "{path}");
    }
    let elsewhere = [
        "/v/ab",
        "/v/ab/",
        "/v/abc/master.m3u8",
        "/v/x/ab/master.m3u8",
        "/ab/x",
    ];
    for path in bad.iter().chain(&elsewhere) {
        assert!(!key.opens(path), "{path}");
    }
}

#[test]
fn a_key_for_a_version_opens_that_one_alone() {
    opens(
        &key(Some("x-1"), &[]),
        &[
            "/v/ab/x-1/poster.jpg",
            "/v/ab/x-1/v720/0.m4s",
            "/v/ab/x-1/a1/index.m3u8",
        ],
        &[
            "/v/ab/x-2/v720/0.m4s",
            "/v/ab/x-1a/v720/0.m4s",
            "/v/ab/x-2/poster.jpg",
            "/v/ab/y/x-1/0.m4s",
        ],
    );
}

#[test]
fn a_key_for_tracks_opens_those_of_every_version() {
    opens(
        &key(None, &["v360", "a1"]),
        &[
            "/v/ab/x1/poster.jpg",
            "/v/ab/x1/v360/0.m4s",
            "/v/ab/x2/a1/init.mp4",
        ],
        &[
            "/v/ab/x1/v720/0.m4s",
            "/v/ab/x1/v3600/0.m4s",
            "/v/ab/x1/a10/0.m4s",
            "/v/ab/x1/v720/v360/0.m4s",
        ],
    );
}

#[test]
fn a_key_for_tracks_of_a_version_opens_the_least() {
    opens(
        &key(Some("x1"), &["a1"]),
        &["/v/ab/x1/poster.jpg", "/v/ab/x1/a1/0.m4s"],
        &[
            "/v/ab/x2/a1/0.m4s",
            "/v/ab/x1/v720/0.m4s",
            "/v/ab/x2/poster.jpg",
        ],
    );
}

#[test]
fn a_key_for_all_parts_is_one_for_the_asset() {
    let parts = Parts {
        asset: "ab",
        version: None,
        tracks: &[],
    };
    let all = play_parts(&parts, NOW, NOW + 60, "j".to_owned());
    assert_eq!(all, play("ab", NOW, NOW + 60, "j".to_owned()));
}

#[test]
fn names_are_taken_as_they_are_never_as_patterns() {
    let key = key(Some("x.1"), &["a.1", "b|.*"]);
    assert!(key.opens("/v/ab/x.1/a.1/0.m4s"));
    for path in [
        "/v/ab/x-1/a.1/0.m4s",
        "/v/ab/x.1/a-1/0.m4s",
        "/v/ab/x.1/v720/0.m4s",
    ] {
        assert!(!key.opens(path), "{path}");
    }
}
