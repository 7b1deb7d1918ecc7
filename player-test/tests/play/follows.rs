//! Streams that are not all there yet.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use player_test::Options;

use crate::{
    fast, reason, report,
    server::{Say, Server, file},
    stream::{SECONDS, growing, text},
};

/// Lists `step` more segments of `v_0.m3u8` each time it is asked for.
async fn growing_by(step: usize, most: usize) -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |path| match path {
        "/v_0.m3u8" => {
            let count = step * (1 + asked.fetch_add(1, Ordering::Relaxed));
            Say::Body(growing("v_0.m3u8", count.min(most)).into())
        }
        _ => file(path),
    })
    .await
}

#[tokio::test]
async fn a_growing_playlist_is_followed_from_its_start_to_its_end() {
    let server = growing_by(3, usize::MAX).await;
    let report = report(fast(server.url("/v_0.m3u8"))).await;
    assert!(!report.broken, "{report}");
    assert_eq!(report.segments as usize, SECONDS);
}

#[tokio::test]
async fn a_playlist_that_stops_growing_without_an_end_is_broken() {
    let server = growing_by(3, 3).await;
    let options = Options {
        stuck: Duration::from_millis(1_200),
        ..fast(server.url("/v_0.m3u8"))
    };
    let report = report(options).await;
    assert!(reason(&report).contains("no new segment for"), "{report}");
    assert_eq!(report.segments, 3);
}

#[tokio::test]
async fn a_playlist_that_takes_back_what_it_listed_is_broken() {
    let asked = AtomicUsize::new(4);
    let server = Server::start(move |path| match path {
        "/v_0.m3u8" => Say::Body(growing("v_0.m3u8", asked.fetch_sub(1, Ordering::Relaxed)).into()),
        _ => file(path),
    })
    .await;
    let report = report(fast(server.url("/v_0.m3u8"))).await;
    assert!(reason(&report).contains("went back"), "{report}");
}

#[tokio::test]
async fn a_playlist_that_changes_what_it_listed_is_broken() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |path| match path {
        "/v_0.m3u8" if asked.fetch_add(1, Ordering::Relaxed) < 2 => {
            Say::Body(growing("v_0.m3u8", 3).replace("s_0_1", "s_1_1").into())
        }
        _ => file(path),
    })
    .await;
    let report = report(fast(server.url("/v_0.m3u8"))).await;
    assert!(reason(&report).contains("changed a segment"), "{report}");
}

#[tokio::test]
async fn the_start_that_a_playlist_names_is_honoured() {
    for (offset, segments) in [("5.2", 3), ("-2.5", 3), ("0", SECONDS)] {
        let tag = format!("#EXT-X-START:TIME-OFFSET={offset}\n#EXT-X-MAP");
        let server = Server::start(move |path| match path {
            "/v_0.m3u8" => Say::Body(text("v_0.m3u8").replace("#EXT-X-MAP", &tag).into()),
            _ => file(path),
        })
        .await;
        let report = report(fast(server.url("/v_0.m3u8"))).await;
        assert!(!report.broken, "{report}");
        assert_eq!(report.segments as usize, segments, "{offset}");
    }
}

#[tokio::test]
async fn a_stream_that_is_not_yet_playable_is_waited_for() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |path| match path {
        "/master.m3u8" if asked.fetch_add(1, Ordering::Relaxed) < 2 => {
            Say::Problem(404, "/problems/not-yet-playable")
        }
        _ => file(path),
    })
    .await;
    let report = report(fast(server.url("/master.m3u8"))).await;
    assert!(!report.broken && report.http_errors.is_empty(), "{report}");
    assert_eq!(report.waited_ms, 400);
}

#[tokio::test]
async fn a_stream_that_never_becomes_playable_is_broken() {
    let server = Server::start(|_| Say::Problem(404, "/problems/not-yet-playable")).await;
    let wait = Duration::from_millis(500);
    let report = report(Options {
        wait,
        ..fast(server.url("/master.m3u8"))
    })
    .await;
    assert!(reason(&report).contains("not yet playable"), "{report}");
    assert_eq!((report.startup_ms, report.waited_ms), (None, 400));
}

#[tokio::test]
async fn a_server_that_is_away_for_a_moment_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |path| match path {
        "/s_0_3.m4s" if asked.fetch_add(1, Ordering::Relaxed) < 2 => {
            Say::Problem(503, "/problems/overloaded")
        }
        _ => file(path),
    })
    .await;
    let report = report(fast(server.url("/v_0.m3u8"))).await;
    assert!(!report.broken, "{report}");
    assert_eq!(report.http_errors["503"], 2);
}
