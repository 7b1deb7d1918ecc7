//! Keys for a version or for tracks, as the edge judges them.

use keys::Parts;
use testkit::{Answer, FakeOrigin, unix_now};

use crate::setup::{Edge, segment};

#[tokio::test]
async fn a_key_for_parts_opens_what_a_player_asks_first_and_those_parts() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    let (master, poster) = ("/v/a/master.m3u8", "/v/a/x1/poster.jpg");
    let media = [
        "/v/a/x1/v360/0.m4s",
        "/v/a/x1/v720/0.m4s",
        "/v/a/x2/v360/0.m4s",
    ];
    for path in [master, poster] {
        origin.route(path, Answer::ok("x").cache("max-age=60").keyed());
    }
    for path in media {
        origin.route(path, segment().keyed());
    }
    let now = unix_now();
    for (version, tracks, opened) in [
        (Some("x1"), &["v360"][..], [200, 403, 403]),
        (Some("x1"), &[], [200, 200, 403]),
        (None, &["v360"], [200, 403, 200]),
    ] {
        let parts = Parts {
            asset: "a",
            version,
            tracks,
        };
        let claims = keys::play_parts(&parts, now, now + 60, "j".to_owned());
        let key = origin.mint(&claims);
        let status = async |path: &str| edge.get(&format!("/k/{key}{path}")).send().await.status;
        for path in [master, poster] {
            assert_eq!(status(path).await, 200, "{path}");
        }
        for (path, expected) in media.iter().zip(opened) {
            assert_eq!(
                status(path).await,
                expected,
                "{version:?} {tracks:?} {path}"
            );
        }
    }
    // What no key opened was not fetched for one either.
    assert_eq!(origin.fetches("/v/a/x2/v360/0.m4s"), 1);
}
