//! The whole chain, watched: the real program, two edges, Debian's Chromium and hls.js.

mod codecs;
mod demo;
mod encrypted;
mod front;
mod page;
mod players;
mod source;
mod streams;

use std::time::Duration;

use demo::{Demo, Facts};
use front::Front;
use page::Page;
use serde_json::json;
use tokio::time::{Instant, timeout};

/// Seconds that must play without a stall.
const WATCHED_SECS: f64 = 20.0;

/// Far above what a first frame takes on an idle machine (under 3 s): this one is shared.
const FIRST_FRAME_MAX_MS: f64 = 30_000.0;

/// Longest time for everything.
const LIMIT: Duration = Duration::from_secs(480);

/// One demo, watched from before there is anything to see until its keys are gone. The
/// steps are in one test because they are one life of one asset, and each needs the state
/// that the one before ends in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_is_watched_from_its_upload_to_the_end_of_its_keys() {
    let life = async {
        let mut demo = Demo::start().await;
        a_page_opened_too_early_waits_and_starts_by_itself(&mut demo).await;
        what_is_playable_plays_from_0_while_the_rest_is_encoded(&mut demo).await;
        demo.until("ready").await;
        what_is_ready_plays_on_in_any_quality_when_another_edge_takes_over(&demo).await;
        the_same_path_plays_at_the_other_edge(&demo).await;
        streams::both_edges_give_the_same_bytes(&demo).await;
        streams::virtual_players_find_nothing_broken_at_either_edge(&demo).await;
        streams::nothing_is_wrong_with_either_manifest(&demo).await;
        players::each_player_plays_seeks_and_switches(demo.facts(), &[]).await;
        a_page_says_which_keys_open_nothing_and_plays_on_with_a_good_one(&demo).await;
        demo.stop().await;
    };
    timeout(LIMIT, life).await.expect("all of it ends in time");
}

async fn a_page_opened_too_early_waits_and_starts_by_itself(demo: &mut Demo) {
    let facts = demo.until("packaging").await;
    let page = Page::open(&facts.watch).await;
    page.until("weir.state === 'preparing'").await;
    assert_eq!(page.notice().await, "Being prepared");
    demo.let_it_encode();
    page.until("weir.state === 'playing'").await;
    page.until_watched(1.0).await;
    assert_eq!(page.notice().await, "", "it goes when the picture comes");
    assert!(page.watched().await.first < 0.5);
    page.close().await;
}

async fn what_is_playable_plays_from_0_while_the_rest_is_encoded(demo: &mut Demo) {
    let facts = demo.until("playable").await;
    let page = Page::open(&facts.watch).await;
    page.until_first_frame("playable").await;
    let growing = page.ask("weir.stats().growing").await;
    assert_eq!(growing, true, "it was opened while it was encoded");
    page.until_watched(WATCHED_SECS).await;
    page.played_from_0_without_a_stall().await;
    page.close().await;
}

async fn what_is_ready_plays_on_in_any_quality_when_another_edge_takes_over(demo: &Demo) {
    let front = Front::to(demo.edge(0)).await;
    let page = Page::open_forgetful(&front.url_of(&demo.facts().watch)).await;
    page.until_first_frame("ready").await;
    page.until_watched(3.0).await;
    page.overlay_names("fra").await;
    page.picture().await;

    front.turn_to(demo.edge(1));
    for height in [360, 720] {
        page.choose(height).await;
        page.overlay_names("sin").await;
    }
    page.until_watched(WATCHED_SECS).await;
    page.played_from_0_without_a_stall().await;
    page.console_is_clean().await;
    page.close().await;
}

async fn the_same_path_plays_at_the_other_edge(demo: &Demo) {
    let Facts { edges, watch, .. } = demo.facts();
    let page = Page::open(&watch.replace(&edges[0], &edges[1])).await;
    page.until_watched(2.0).await;
    page.overlay_names("sin").await;
    page.played_from_0_without_a_stall().await;
    page.close().await;
}

async fn a_page_says_which_keys_open_nothing_and_plays_on_with_a_good_one(demo: &Demo) {
    let short = demo.mint("3s").await;
    let long = demo.mint("1h").await;
    demo.revoke(&long).await;
    demo.until_refused(&long, "key-revoked").await;
    demo.until_refused(&short, "key-expired").await;

    let page = Page::open(&demo.watch_with(&short)).await;
    page.refuses("key-expired", "This link has expired").await;
    page.go(&demo.watch_with(&long)).await;
    page.refuses("key-revoked", "This link was withdrawn").await;
    page.go(&demo.facts().watch).await;
    page.until_watched(1.0).await;
    assert_eq!(page.ask("weir.error").await, json!(null));
    page.close().await;
}

/// Tells how long a step took, for whoever reads the test's output.
async fn timed<T>(what: &str, step: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = step.await;
    println!("{:6.1} s  {what}", started.elapsed().as_secs_f64());
    done
}
