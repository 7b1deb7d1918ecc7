//! What both edges serve under the same path.

use std::collections::BTreeSet;

use player_test::{Options, ValidateOptions, play, validate};

use crate::{demo::Demo, timed};

/// What is looked for in a 36 s video of segments of 2 s and 4 s: playlists of three
/// renditions and the sound, an init segment each, and some ten segments each.
const FILES_MIN: usize = 4 * (1 + 1 + 8);

/// Every file of the stream has the same bytes at `sin` as at `fra`.
pub(crate) async fn both_edges_give_the_same_bytes(demo: &Demo) {
    let mut paths = vec![path_of(&demo.facts().hls), path_of(&demo.facts().dash)];
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        let [fra, sin] = [demo.edge(0), demo.edge(1)].map(|edge| testkit::get(edge, &path));
        let (fra, sin) = tokio::join!(fra.send(), sin.send());
        assert_eq!((fra.status.as_u16(), sin.status.as_u16()), (200, 200));
        assert!(fra.body == sin.body && !fra.cut && !sin.cut, "{path}");
        if path.ends_with(".m3u8") {
            let text = String::from_utf8_lossy(&fra.body);
            paths.extend(links(&path, &text).filter(|path| seen.insert(path.clone())));
        }
    }
    assert!(seen.len() >= FILES_MIN, "only {seen:?}");
    println!("{} files are the same at both edges", seen.len());
}

pub(crate) async fn virtual_players_find_nothing_broken_at_either_edge(demo: &Demo) {
    for (edge, pop) in demo.facts().edges.iter().zip(["weir-fra", "weir-sin"]) {
        let options = Options {
            url: format!("{edge}{}", path_of(&demo.facts().hls)),
            players: 2,
            fast: true,
            ..Options::default()
        };
        let report = timed(&format!("played at {pop}"), play(options)).await;
        let report = report.expect("the options are good");
        assert!(!report.broken, "{report}");
        // Both players, all of the video's 36 s.
        assert!((report.played_secs - 72.0).abs() < 0.5, "{report}");
        let pops: Vec<_> = report.cache.pops.keys().map(String::as_str).collect();
        assert_eq!(pops, [pop], "{report}");
    }
}

pub(crate) async fn nothing_is_wrong_with_either_manifest(demo: &Demo) {
    for (edge, url) in demo.facts().edges.iter().flat_map(|edge| {
        let facts = demo.facts();
        [&facts.hls, &facts.dash].map(|url| (edge, url))
    }) {
        let options = ValidateOptions {
            target: format!("{edge}{}", path_of(url)),
            sample: None,
        };
        let checked = validate(options).await.expect("it is reached");
        assert!(checked.valid(), "{checked}");
    }
}

/// The path of a URL.
fn path_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("a URL");
    let (_, path) = rest.split_once('/').expect("a path");
    format!("/{path}")
}

/// The paths that a playlist names: on lines of their own, and as `URI="…"`.
fn links(playlist: &str, text: &str) -> impl Iterator<Item = String> {
    let (folder, _) = playlist.rsplit_once('/').expect("a path");
    text.lines().filter_map(move |line| {
        let link = match line.split_once("URI=\"") {
            Some((_, rest)) => rest.split_once('"')?.0,
            None if line.is_empty() || line.starts_with('#') => return None,
            None => line,
        };
        Some(format!("{folder}/{link}"))
    })
}
