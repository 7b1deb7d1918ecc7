//! Good streams.

use std::time::Duration;

use player_test::{Options, PlayError, play};
use tokio::time::Instant;

use crate::{
    fast, report,
    server::{Say, Server, file},
    stream::{SECONDS, files},
};

#[tokio::test]
async fn a_good_stream_plays_to_its_end() {
    let server = Server::start(file).await;
    let report = report(fast(server.url("/a/master.m3u8"))).await;
    assert!(!report.broken && report.http_errors.is_empty(), "{report}");
    assert!(
        (report.played_secs - SECONDS as f64).abs() < 0.1,
        "{report}"
    );
    // All of one variant's segments and all of the sound's.
    let sound = files()
        .keys()
        .filter(|name| name.starts_with("s_2_"))
        .count();
    assert_eq!(report.segments as usize, SECONDS + sound);
    assert_eq!(report.stalls.count, 0);
    assert!(report.startup_ms.unwrap().max < 5_000.0, "{report}");
    assert!(report.average_bitrate > 300_000, "{report}");
}

#[tokio::test]
async fn a_fast_server_makes_it_switch_up() {
    let server = Server::start(file).await;
    let report = report(fast(server.url("/master.m3u8"))).await;
    assert_eq!(report.switches, 1, "{report}");
    assert!(
        report.variants["640x360"] > report.variants["320x180"],
        "{report}"
    );
}

#[tokio::test]
async fn a_slow_server_makes_it_switch_down() {
    // Fast for three segments of picture, then 1.2 Mbit/s.
    let is_late = |path: &str| {
        path.contains("/s_")
            && !["0.m4s", "1.m4s", "2.m4s"]
                .iter()
                .any(|end| path.ends_with(end))
    };
    let server = Server::start(move |path| match file(path) {
        Say::Body(body) if is_late(path) => {
            let seconds = body.len() as f64 * 8.0 / 1_200_000.0;
            Say::Late(body, Duration::from_secs_f64(seconds))
        }
        said => said,
    })
    .await;
    let report = report(fast(server.url("/master.m3u8"))).await;
    assert!(!report.broken && report.switches >= 2, "{report}");
    assert!(report.variants["320x180"] > 1.5, "{report}");
}

#[tokio::test]
async fn it_plays_in_real_time_and_stops_when_told() {
    let server = Server::start(file).await;
    let started = Instant::now();
    let url = server.url("/master.m3u8");
    let report = report(Options {
        url,
        seconds: Some(2.5),
        ..Options::default()
    })
    .await;
    assert!(!report.broken && report.stalls.count == 0, "{report}");
    assert!((report.played_secs - 2.5).abs() < 0.1, "{report}");
    assert!(started.elapsed() >= Duration::from_millis(2_500));
}

#[tokio::test]
async fn it_loads_no_further_ahead_than_its_buffer() {
    let server = Server::start(file).await;
    let options = Options {
        url: server.url("/v_0.m3u8"),
        buffer: Duration::from_secs(2),
        limit: Some(Duration::from_millis(1_500)),
        ..Options::default()
    };
    let report = report(options).await;
    assert!(report.segments <= 5, "{report}");
    assert!(report.reasons[0].contains("not at the end"), "{report}");
}

#[tokio::test]
async fn many_players_are_summed() {
    let server = Server::start(file).await;
    let options = Options {
        players: 5,
        ..fast(server.url("/v_0.m3u8"))
    };
    let report = report(options).await;
    assert!(!report.broken, "{report}");
    assert_eq!((report.players, report.segments as usize), (5, 5 * SECONDS));
    let startup = report.startup_ms.unwrap();
    assert!(startup.min <= startup.median && startup.p95 <= startup.max);
}

#[tokio::test]
async fn a_server_slower_than_the_picture_is_a_stall() {
    let server = Server::start(|path| match file(path) {
        Say::Body(body) if path.contains("/s_") => Say::Late(body, Duration::from_millis(1_200)),
        said => said,
    })
    .await;
    let report = report(Options {
        seconds: Some(3.0),
        ..fast(server.url("/v_0.m3u8"))
    })
    .await;
    assert!(!report.broken, "{report}");
    assert_eq!(
        (report.stalls.count, report.stalls.players),
        (2, 1),
        "{report}"
    );
    assert!((0.3..0.9).contains(&report.stalls.seconds), "{report}");
}

#[tokio::test]
async fn cache_hits_and_pops_are_counted() {
    let server = Server::start(|path| match file(path) {
        Say::Body(body) if path.ends_with("_0.m4s") => Say::Cached(body, "fra; fwd=uri-miss"),
        Say::Body(body) => Say::Cached(body, "origin; fwd=miss, fra; hit"),
        said => said,
    })
    .await;
    let report = report(fast(server.url("/v_0.m3u8"))).await;
    // Eight segments and the init segment; the first segment is the miss.
    assert_eq!((report.cache.hits, report.cache.misses), (8, 1));
    assert_eq!(report.cache.pops["fra"], 9);
    assert!((report.cache.hit_ratio.unwrap() - 8.0 / 9.0).abs() < 1e-9);
}

#[tokio::test]
async fn redirects_are_followed_and_relative_urls_start_there() {
    let server = Server::start(|path| match path {
        "/in/master.m3u8" => Say::To("/out/there/master.m3u8".to_owned()),
        _ if path.starts_with("/out/there/") => file(path),
        _ => Say::Problem(404, "/problems/not-found"),
    })
    .await;
    let report = report(fast(server.url("/in/master.m3u8"))).await;
    assert!(!report.broken, "{report}");
}

#[tokio::test]
async fn the_report_is_json_and_reads_well_and_hides_the_key() {
    let server = Server::start(file).await;
    let report = report(fast(server.url("/k/secret/v/a/master.m3u8"))).await;
    let json = serde_json::to_value(&report).unwrap();
    for key in [
        "broken",
        "reasons",
        "startup_ms",
        "stalls",
        "switches",
        "http_errors",
        "cache",
    ] {
        assert!(!json[key].is_null(), "{key}");
    }
    let shown = format!("{report}\n{json}");
    assert!(
        shown.ends_with('}') && !shown.contains("secret") && report.to_string().ends_with("ok")
    );
}

#[tokio::test]
async fn what_cannot_be_played_is_said_before_anything_is_sent() {
    let error = |url: &str, players| {
        play(Options {
            url: url.into(),
            players,
            ..Options::default()
        })
    };
    let https = error("https://example.org/m.m3u8", 1).await.unwrap_err();
    assert!(
        https.to_string().contains("https is not supported"),
        "{https}"
    );
    assert!(matches!(error("no url", 1).await, Err(PlayError::Url(_))));
    assert!(matches!(
        error("http://h/x", 0).await,
        Err(PlayError::Options(_))
    ));
}
