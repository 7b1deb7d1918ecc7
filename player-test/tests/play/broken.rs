//! Streams with something wrong.

use crate::{
    fast, reason, report,
    server::{Say, Server, file},
    stream::{files, text},
};

/// Plays `v_0.m3u8` with one file replaced, and tells why that is broken.
async fn without(name: &'static str, said: impl Fn() -> Say + Send + Sync + 'static) -> String {
    let server = Server::start(move |path| {
        if path.ends_with(name) {
            said()
        } else {
            file(path)
        }
    })
    .await;
    let report = report(fast(server.url("/v_0.m3u8"))).await;
    let reason = reason(&report);
    assert!(reason.contains(name), "{reason}");
    reason.to_owned()
}

/// The playlist with one text replaced.
async fn with_playlist(from: &'static str, to: &'static str) -> String {
    without("v_0.m3u8", move || {
        Say::Body(text("v_0.m3u8").replacen(from, to, 1).into())
    })
    .await
}

fn segment(name: &str) -> Vec<u8> {
    files()[name].to_vec()
}

#[tokio::test]
async fn a_missing_segment_is_broken() {
    let reason = without("s_0_3.m4s", || Say::Problem(404, "/problems/not-found")).await;
    assert!(reason.contains("answered 404 (not-found)"), "{reason}");
}

#[tokio::test]
async fn a_segment_cut_off_by_its_connection_is_broken() {
    let reason = without("s_0_3.m4s", || Say::Half(segment("s_0_3.m4s").into())).await;
    assert!(reason.contains("body ended after"), "{reason}");
}

#[tokio::test]
async fn a_segment_stored_short_is_broken() {
    let half = || segment("s_0_3.m4s")[..9_000].to_vec();
    let reason = without("s_0_3.m4s", move || Say::Body(half().into())).await;
    assert!(reason.contains("box mdat does not fit"), "{reason}");
}

#[tokio::test]
async fn another_segment_in_its_place_is_broken() {
    let reason = without("s_0_3.m4s", || Say::Body(segment("s_0_4.m4s").into())).await;
    assert!(
        reason.contains("begins at 4.0000 s where 3.0000 s was due"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_segment_that_is_an_error_page_is_broken() {
    let reason = without("s_0_3.m4s", || Say::Body("<html>sorry</html>".into())).await;
    assert!(reason.contains("does not fit"), "{reason}");
}

#[tokio::test]
async fn a_segment_that_needs_the_one_before_is_broken() {
    let mut bytes = segment("s_0_3.m4s");
    let trun = bytes.windows(4).position(|word| word == b"trun").unwrap();
    // After version, count and data offset: the first sample's flags.
    bytes[trun + 16..trun + 20].copy_from_slice(&[1, 1, 0, 0]);
    let reason = without("s_0_3.m4s", move || Say::Body(bytes.clone().into())).await;
    assert!(
        reason.contains("does not begin with a sync sample"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_missing_or_wrong_init_segment_is_broken() {
    let reason = without("init_0.mp4", || Say::Problem(404, "/problems/not-found")).await;
    assert!(reason.contains("answered 404"), "{reason}");
    let reason = without("init_0.mp4", || Say::Body(segment("s_0_0.m4s").into())).await;
    assert!(reason.contains("no ftyp box"), "{reason}");
}

#[tokio::test]
async fn a_playlist_that_says_other_times_than_its_segments_is_broken() {
    let server = Server::start(|path| match path {
        "/v_0.m3u8" => Say::Body(
            text("v_0.m3u8")
                .replace("EXTINF:1.000000", "EXTINF:0.9")
                .into(),
        ),
        _ => file(path),
    })
    .await;
    let report = report(fast(server.url("/v_0.m3u8"))).await;
    assert!(
        reason(&report).contains("lasts 1.0000 s, and the playlist says 0.9000 s"),
        "{report}"
    );
}

#[tokio::test]
async fn a_playlist_that_breaks_its_own_rules_is_broken() {
    for (from, to, says) in [
        ("#EXTM3U", "#EXT", "#EXTM3U"),
        (
            "EXTINF:1.000000",
            "EXTINF:1.6",
            "longer than EXT-X-TARGETDURATION",
        ),
        ("EXTINF:1.000000", "EXTINF:0", "not a positive number"),
        ("#EXT-X-MAP", "#MAP", "no EXT-X-MAP"),
        ("s_0_3.m4s", "https://h/x", "https is not supported"),
    ] {
        let reason = with_playlist(from, to).await;
        assert!(reason.contains(says), "{reason}");
    }
}

#[tokio::test]
async fn sound_that_begins_at_another_time_than_the_picture_is_broken() {
    // The sound's list lacks its first second; its segments say what they said before.
    let server = Server::start(|path| match path {
        "/v_2.m3u8" => {
            let whole = text("v_2.m3u8");
            let (first, second) = (whole.find("#EXTINF").unwrap(), whole.find("s_2_0").unwrap());
            Say::Body(
                format!(
                    "{}{}",
                    &whole[..first],
                    &whole[second + "s_2_0.m4s\n".len()..]
                )
                .into(),
            )
        }
        _ => file(path),
    })
    .await;
    let report = report(fast(server.url("/master.m3u8"))).await;
    assert!(reason(&report).contains("differ by"), "{report}");
}

#[tokio::test]
async fn a_refused_key_is_told_by_its_problem() {
    let server = Server::start(|_| Say::Problem(401, "/problems/key-expired")).await;
    let report = report(fast(server.url("/k/secret/v/a/master.m3u8"))).await;
    let reason = reason(&report);
    assert!(
        reason.ends_with("/k/…/v/a/master.m3u8: answered 401 (key-expired)"),
        "{reason}"
    );
    assert_eq!(report.http_errors["401"], 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_after_a_few_tries() {
    let server = Server::start(file).await;
    let url = server.url("/master.m3u8");
    drop(server);
    tokio::task::yield_now().await;
    let report = report(fast(url)).await;
    assert!(reason(&report).contains("no answer"), "{report}");
    assert_eq!(report.http_errors["no answer"], 4);
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let server = Server::start(|_| Say::To("/again.m3u8".to_owned())).await;
    let report = report(fast(server.url("/master.m3u8"))).await;
    assert!(reason(&report).contains("answered 307"), "{report}");
}
