//! A purge is a fact: what was asked for before it is dead, wherever it is.

mod asked;
mod disk;

use std::time::Duration;

use testkit::{Answer, FakeOrigin, Gate, Still};

use crate::{
    operator::Operator,
    setup::{SEGMENT, cache_status, segment},
};

async fn plain() -> (FakeOrigin, Operator) {
    let origin = FakeOrigin::start().await;
    let operator = Operator::of(&origin, None).await;
    (origin, operator)
}

/// Stores it, and says what a second request gets.
async fn stored(operator: &Operator, target: &str) {
    operator.edge.get(target).send().await;
    assert!(is_hit(operator, target).await, "{target}");
}

async fn is_hit(operator: &Operator, target: &str) -> bool {
    let reply = operator.edge.get(target).send().await;
    cache_status(&reply).starts_with("hit")
}

#[tokio::test]
async fn a_url_is_fetched_again_and_its_neighbours_are_not() {
    let (origin, operator) = plain().await;
    for target in ["/a", "/a?x=1", "/a/b"] {
        origin.route(target, Answer::ok("x").cache("max-age=60"));
        stored(&operator, target).await;
    }
    assert_eq!(operator.purge(r#"{"urls":["/a"]}"#).await, 1);
    assert!(!is_hit(&operator, "/a").await);
    assert!(is_hit(&operator, "/a").await);
    assert!(is_hit(&operator, "/a?x=1").await && is_hit(&operator, "/a/b").await);
}

#[tokio::test]
async fn a_url_may_be_whole_and_spelt_otherwise() {
    let (origin, operator) = plain().await;
    origin.route("/a-b", Answer::ok("x").cache("max-age=60"));
    stored(&operator, "/a-b").await;
    let taken = operator
        .purge(r#"{"urls":["http://edge.test/%61%2db"]}"#)
        .await;
    assert_eq!(taken, 1);
    assert!(!is_hit(&operator, "/a-b").await);
}

#[tokio::test]
async fn what_is_stored_in_blocks_is_taken_too_hard_or_soft() {
    let (origin, operator) = plain().await;
    let len = 3 << 20;
    for (purge, from) in [
        (r#"{"urls":["/x"]}"#, 0),
        (r#"{"prefixes":["/"],"soft":true}"#, 1),
        (r#"{"tags":["t"]}"#, 2),
    ] {
        let answer = Answer::ok(vec![from; len]).cache("max-age=60").etag("same");
        origin.route("/x", answer.header("surrogate-key", "t").ranges());
        let first = || operator.edge.get("/x").header("range", "bytes=0-9").send();
        first().await;
        let before = origin.fetches("/x");
        assert_eq!(first().await.body[..], [from; 10]);
        assert_eq!(origin.fetches("/x"), before);
        operator.purge(purge).await;
        // Softly purged blocks stay while the origin says that it has them still.
        let tag = if purge.contains("soft") {
            "new"
        } else {
            "same"
        };
        let answer = Answer::ok(vec![9; len]).cache("max-age=60").etag(tag);
        origin.route("/x", answer.header("surrogate-key", "t").ranges());
        assert_eq!(first().await.body[..], [9; 10], "{purge}");
        operator.purge(r#"{"prefixes":["/"]}"#).await;
    }
}

#[tokio::test]
async fn a_prefix_takes_all_below() {
    let (origin, operator) = plain().await;
    for target in ["/a/1", "/a/2?q", "/b/1"] {
        origin.route(target, Answer::ok("x").cache("max-age=60"));
        stored(&operator, target).await;
    }
    assert_eq!(operator.purge(r#"{"prefixes":["/a/"]}"#).await, 2);
    assert!(!is_hit(&operator, "/a/1").await && !is_hit(&operator, "/a/2?q").await);
    assert!(is_hit(&operator, "/b/1").await);
    assert_eq!(operator.purge(r#"{"prefixes":["/"]}"#).await, 3);
}

#[tokio::test]
async fn a_tag_takes_what_bears_it() {
    let (origin, operator) = plain().await;
    let answer = || Answer::ok("x").cache("max-age=60");
    origin.route("/1", answer().header("surrogate-key", "red green"));
    origin.route("/2", answer().header("cache-tag", "blue, red"));
    origin.route("/3", answer().header("cache-tag", "redder"));
    for target in ["/1", "/2", "/3"] {
        stored(&operator, target).await;
    }
    assert_eq!(operator.purge(r#"{"tags":["red"]}"#).await, 2);
    assert!(!is_hit(&operator, "/1").await && !is_hit(&operator, "/2").await);
    assert!(is_hit(&operator, "/3").await);
}

#[tokio::test]
async fn what_is_purged_softly_is_asked_about_anew_and_kept_if_it_holds() {
    let (origin, operator) = plain().await;
    origin.route(SEGMENT, segment());
    stored(&operator, SEGMENT).await;
    let purge = format!(r#"{{"urls":["{SEGMENT}"],"soft":true}}"#);
    assert_eq!(operator.purge(&purge).await, 1);
    let reply = operator.edge.get(SEGMENT).send().await;
    assert_eq!(cache_status(&reply), "fwd=stale; fwd-status=304; stored");
    assert!(is_hit(&operator, SEGMENT).await);
    let asked = &origin.requests(SEGMENT)[1];
    assert_eq!(asked.headers["if-none-match"], "\"seg\"");
}

#[tokio::test]
async fn what_is_purged_hard_is_not_asked_about_but_fetched() {
    let (origin, operator) = plain().await;
    origin.route(SEGMENT, segment());
    stored(&operator, SEGMENT).await;
    operator
        .purge(&format!(r#"{{"urls":["{SEGMENT}"]}}"#))
        .await;
    let reply = operator.edge.get(SEGMENT).send().await;
    assert_eq!(cache_status(&reply), "fwd=miss; stored");
    let asked = &origin.requests(SEGMENT)[1];
    assert!(!asked.headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn a_soft_purge_begins_the_time_of_stale_while_revalidate() {
    let (origin, operator) = plain().await;
    let clock = Still::now();
    let control = "max-age=600, stale-while-revalidate=10";
    let answer = |text: &'static str| Answer::ok(text).cache(control);
    for (wait_secs, gets) in [(5, "old"), (11, "new")] {
        origin.route("/x", answer("old"));
        operator.purge(r#"{"urls":["/x"]}"#).await;
        stored(&operator, "/x").await;
        origin.route("/x", answer("new"));
        operator.purge(r#"{"urls":["/x"],"soft":true}"#).await;
        clock.advance(Duration::from_secs(wait_secs)).await;
        assert_eq!(operator.edge.get("/x").send().await.body, gets);
        while operator.edge.get("/x").send().await.body == "old" {}
    }
}

#[tokio::test]
async fn while_the_origin_is_gone_what_was_purged_softly_is_served_and_what_was_hard_is_not() {
    let (origin, operator) = plain().await;
    for target in ["/soft", "/hard"] {
        origin.route(target, Answer::ok("x").cache("max-age=60"));
        stored(&operator, target).await;
    }
    operator.purge(r#"{"urls":["/soft"],"soft":true}"#).await;
    operator.purge(r#"{"urls":["/hard"]}"#).await;
    origin.stop().await;
    assert_eq!(operator.edge.get("/soft").send().await.status, 200);
    assert_eq!(operator.edge.get("/hard").send().await.status, 502);
}

#[tokio::test]
async fn nobody_joins_a_fetch_that_began_before_a_purge_and_it_is_not_stored() {
    let (origin, operator) = plain().await;
    for purge in [
        r#"{"urls":["/x"]}"#,
        r#"{"prefixes":["/"]}"#,
        r#"{"tags":["red"]}"#,
        r#"{"tags":["red"],"soft":true}"#,
    ] {
        operator.purge(r#"{"prefixes":["/"]}"#).await;
        let gate = Gate::closed();
        let old = Answer::ok("old ").then_held(&gate).then("end");
        let old = old.cache("max-age=60").header("surrogate-key", "red");
        origin.route("/x", old);
        let mut first = operator.edge.get("/x").open().await;
        assert_eq!(first.piece().await.unwrap().unwrap(), "old ");
        operator.purge(purge).await;
        origin.route("/x", Answer::ok("new").cache("max-age=60"));
        assert_eq!(operator.edge.get("/x").send().await.body, "new", "{purge}");
        gate.open();
        // Who asked before the purge gets what was asked for.
        assert_eq!(first.piece().await.unwrap().unwrap(), "end");
        assert!(first.piece().await.is_none());
        let reply = operator.edge.get("/x").send().await;
        assert_eq!(reply.body, "new");
        assert!(crate::setup::is_hit(&reply, 60), "{}", cache_status(&reply));
    }
}

#[tokio::test]
async fn a_fetch_whose_head_has_not_come_may_bear_any_tag() {
    let (origin, operator) = plain().await;
    let gate = Gate::closed();
    let before = origin.fetches("/x");
    origin.route("/x", Answer::ok("old").cache("max-age=60").held(&gate));
    let first = tokio::spawn(operator.edge.get("/x").send());
    origin.asked("/x", before + 1).await;
    operator.purge(r#"{"tags":["red"]}"#).await;
    origin.route("/x", Answer::ok("new").cache("max-age=60"));
    assert_eq!(operator.edge.get("/x").send().await.body, "new");
    gate.open();
    assert_eq!(first.await.unwrap().body, "old");
    assert_eq!(operator.edge.get("/x").send().await.body, "new");
}

#[tokio::test]
async fn no_304_brings_back_what_was_purged_while_it_was_asked_about() {
    let (origin, operator) = plain().await;
    let clock = Still::now();
    let answer = Answer::ok("x").etag("1");
    origin.route("/x", answer.clone().cache("max-age=2"));
    stored(&operator, "/x").await;
    clock.advance(Duration::from_secs(3)).await;
    let gate = Gate::closed();
    origin.route("/x", answer.clone().cache("max-age=60").held(&gate));
    let asked = tokio::spawn(operator.edge.get("/x").send());
    origin.asked("/x", 2).await;
    operator.purge(r#"{"urls":["/x"]}"#).await;
    gate.open();
    asked.await.unwrap();
    origin.route("/x", answer.cache("max-age=60"));
    let reply = operator.edge.get("/x").send().await;
    assert_eq!(cache_status(&reply), "fwd=miss; stored");
}

#[tokio::test]
async fn each_purge_has_a_position_above_the_last() {
    let (_origin, operator) = plain().await;
    let mut positions = Vec::new();
    for _ in 0..3 {
        let (_, purged) = operator.ask("POST /purge", r#"{"urls":["/x"]}"#).await;
        let position = purged["position"].as_str().unwrap().to_owned();
        let (epoch, offset) = position.split_once('.').unwrap();
        positions.push((epoch.to_owned(), offset.parse::<u64>().unwrap()));
    }
    let [(epoch, first), second, third] = &positions[..] else {
        panic!("three purges");
    };
    assert_eq!(
        (second, third),
        (&(epoch.clone(), first + 1), &(epoch.clone(), first + 2))
    );
}
