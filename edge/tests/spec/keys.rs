//! Who may read.

use std::time::Duration;

use testkit::{Answer, FakeOrigin, Gate, JOIN, Reply, Still, unix_now};

use crate::setup::{Edge, SEGMENT, bytes, cache_status, heard, is_hit, segment};

/// An edge before an origin with the keyed asset `a`.
async fn weir() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    origin.route(SEGMENT, segment().keyed());
    (origin, edge)
}

async fn with(edge: &Edge, token: &str) -> Reply {
    edge.get(&format!("/k/{token}{SEGMENT}")).send().await
}

fn is_refused(reply: &Reply, status: u16, kind: &str) {
    assert_eq!(
        (reply.status.as_u16(), reply.problem().as_str()),
        (status, kind)
    );
    assert_eq!(reply.field("cache-control"), "no-store");
    assert_eq!(reply.field("content-type"), "application/problem+json");
    assert_eq!(reply.field("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_key_opens_its_asset_in_the_edge_s_name() {
    let (origin, edge) = weir().await;
    let reply = with(&edge, &origin.key("a")).await;
    assert_eq!(reply.body, bytes(50_000));
    assert_eq!(reply.field("weir-access"), "");
    let asked = &origin.requests(SEGMENT)[0];
    assert_eq!(asked.headers["authorization"], format!("Bearer {JOIN}"));
}

#[tokio::test]
async fn what_is_known_about_an_asset_is_read_like_its_media() {
    let (origin, edge) = weir().await;
    let (info, body) = ("/v/a/info.json", r#"{"title":"holiday.mp4"}"#);
    let answer = Answer::ok(body).header("content-type", "application/json");
    origin.route(info, answer.keyed());
    let reply = edge.get(&format!("/k/{}{info}", origin.key("a")));
    let reply = reply.send().await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (200, body.as_bytes())
    );
    assert_eq!(reply.field("content-type"), "application/json");
    is_refused(&edge.get(info).send().await, 401, "key-missing");
}

#[tokio::test]
async fn all_keys_of_an_asset_share_one_object() {
    let (origin, edge) = weir().await;
    let now = unix_now();
    for n in 0..3 {
        let claims = keys::play("a", now, now + 60, format!("j{n}"));
        assert_eq!(with(&edge, &origin.mint(&claims)).await.status, 200);
    }
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn an_expired_key_is_401_without_origin_work() {
    let (origin, edge) = weir().await;
    let now = unix_now();
    let claims = keys::play("a", now - 60, now - 1, "j".to_owned());
    let reply = with(&edge, &origin.mint(&claims)).await;
    is_refused(&reply, 401, "key-expired");
    assert_eq!(reply.field("www-authenticate"), "Bearer");
    assert_eq!(origin.fetches(SEGMENT), 0);
}

#[tokio::test]
async fn a_malformed_or_foreign_key_is_401() {
    let (origin, edge) = weir().await;
    let now = unix_now();
    let foreign = keys::SigningKey::from_seed([9; 32]);
    let claims = keys::play("a", now, now + 60, "j".to_owned());
    let early = keys::play("a", now + 600, now + 900, "j".to_owned());
    // Longer to live than the key whose signature it carries.
    let (good, longer) = (
        origin.mint(&claims),
        keys::play("a", now, now + 61, "j".to_owned()),
    );
    let signature = good.rsplit_once('.').unwrap().1;
    let forged = keys::mint(&foreign, &longer);
    let forged = format!("{}.{signature}", forged.rsplit_once('.').unwrap().0);
    let forged = forged.replacen(
        forged.split_once('.').unwrap().0,
        good.split_once('.').unwrap().0,
        1,
    );
    let tokens = [
        keys::mint(&foreign, &claims),
        origin.mint(&early),
        forged,
        "x".into(),
    ];
    for token in tokens {
        is_refused(&with(&edge, &token).await, 401, "key-invalid");
    }
    assert_eq!(origin.fetches(SEGMENT), 0);
}

#[tokio::test]
async fn a_key_for_another_asset_is_403() {
    let (origin, edge) = weir().await;
    is_refused(&with(&edge, &origin.key("b")).await, 403, "key-scope");
    assert_eq!(origin.fetches(SEGMENT), 0);
}

#[tokio::test]
async fn a_revoked_key_is_401_also_for_what_is_stored() {
    let (origin, edge) = weir().await;
    let key = origin.key("a");
    assert_eq!(with(&edge, &key).await.status, 200);
    origin.revoke("jti-a");
    heard(&origin, 2).await;
    is_refused(&with(&edge, &key).await, 401, "key-revoked");
}

#[tokio::test]
async fn a_keyed_object_is_not_given_to_who_has_no_key() {
    let (origin, edge) = weir().await;
    with(&edge, &origin.key("a")).await;
    is_refused(&edge.get(SEGMENT).send().await, 401, "key-missing");
    let asked = origin.requests(SEGMENT);
    assert_eq!(asked.len(), 2);
    assert!(!asked[1].headers.contains_key("authorization"));
    // And it is still there for who has one.
    let again = with(&edge, &origin.key("a")).await;
    assert!(is_hit(&again, 31_536_000), "{}", cache_status(&again));
}

#[tokio::test]
async fn an_object_of_unstated_class_is_keyed() {
    let (origin, edge) = weir().await;
    origin.route(SEGMENT, segment());
    assert_eq!(with(&edge, &origin.key("a")).await.status, 200);
    is_refused(&edge.get(SEGMENT).send().await, 401, "key-missing");
}

#[tokio::test]
async fn a_public_object_is_given_to_all() {
    let (origin, edge) = weir().await;
    origin.route(SEGMENT, segment().public());
    assert_eq!(with(&edge, &origin.key("a")).await.status, 200);
    assert_eq!(edge.get(SEGMENT).send().await.body, bytes(50_000));
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn that_a_key_is_needed_is_kept_one_second_for_the_asset() {
    let (origin, edge) = weir().await;
    let clock = Still::now();
    let other = "/v/a/1/v720/1.m4s";
    origin.route(other, segment().keyed());
    is_refused(&edge.get(SEGMENT).send().await, 401, "key-missing");
    let kept = edge.get(other).send().await;
    is_refused(&kept, 401, "key-missing");
    assert_eq!(cache_status(&kept), "hit; detail=negative");
    assert_eq!((origin.fetches(SEGMENT), origin.fetches(other)), (1, 0));
    clock.advance(Duration::from_secs(1)).await;
    is_refused(&edge.get(other).send().await, 401, "key-missing");
    assert_eq!(origin.fetches(other), 1);
}

#[tokio::test]
async fn a_kept_refusal_does_not_meet_who_has_a_key() {
    let (origin, edge) = weir().await;
    is_refused(&edge.get(SEGMENT).send().await, 401, "key-missing");
    assert_eq!(with(&edge, &origin.key("a")).await.status, 200);
}

#[tokio::test]
async fn what_was_said_to_nobody_is_not_kept_for_holders_of_keys() {
    let (origin, edge) = weir().await;
    origin.route(SEGMENT, Answer::status(404).cache("public, max-age=60"));
    assert_eq!(edge.get(SEGMENT).send().await.status, 404);
    origin.route(SEGMENT, segment().keyed());
    assert_eq!(with(&edge, &origin.key("a")).await.status, 200);
}

#[tokio::test]
async fn without_a_key_nobody_joins_a_keyed_fill() {
    let (origin, edge) = weir().await;
    let gate = Gate::closed();
    let held = Answer::ok("first ").then_held(&gate).then("second");
    origin.route(SEGMENT, held.keyed().cache("max-age=60"));
    let mut keyed = edge
        .get(&format!("/k/{}{SEGMENT}", origin.key("a")))
        .open()
        .await;
    keyed.piece().await.unwrap().unwrap();
    is_refused(&edge.get(SEGMENT).send().await, 401, "key-missing");
    gate.open();
    assert_eq!(keyed.piece().await.unwrap().unwrap(), "second");
}

#[tokio::test]
async fn revalidation_can_turn_a_public_object_into_a_keyed_one() {
    let (origin, edge) = weir().await;
    let clock = Still::now();
    let answer = segment();
    origin.route(
        "/v/a/x.m3u8",
        Answer::ok("x").cache("max-age=2").etag("1").public(),
    );
    assert_eq!(edge.get("/v/a/x.m3u8").send().await.status, 200);
    drop(answer);
    origin.route(
        "/v/a/x.m3u8",
        Answer::ok("x").cache("max-age=2").etag("1").keyed(),
    );
    clock.advance(Duration::from_secs(2)).await;
    is_refused(&edge.get("/v/a/x.m3u8").send().await, 401, "key-missing");
}

#[tokio::test]
async fn an_answer_to_a_key_is_private_and_ends_with_it() {
    let (origin, edge) = weir().await;
    let answer = segment()
        .keyed()
        .header("cdn-cache-control", "max-age=99999999");
    origin.route(SEGMENT, answer.header("surrogate-key", "a a/1"));
    for _ in 0..2 {
        let reply = with(&edge, &origin.key("a")).await;
        let control = reply.field("cache-control");
        let left = control.strip_prefix("private, max-age=").unwrap();
        let left: u64 = left.parse().unwrap();
        assert!((3590..=3600).contains(&left), "{control}");
        assert_eq!(reply.field("cdn-cache-control"), "");
        assert_eq!(reply.field("surrogate-key"), "");
    }
}

#[tokio::test]
async fn a_long_stored_segment_is_fresh_to_who_has_a_short_key() {
    let (origin, edge) = weir().await;
    let clock = Still::now();
    with(&edge, &origin.key("a")).await;
    clock.advance(Duration::from_secs(86_400)).await;
    let reply = with(&edge, &origin.key("a")).await;
    assert_eq!(reply.field("age"), "0");
    assert_eq!(cache_status(&reply), "hit; ttl=31449600");
}

#[tokio::test]
async fn what_lives_shorter_than_the_key_keeps_its_own_time() {
    let (origin, edge) = weir().await;
    let clock = Still::now();
    let list = "/v/a/1/v720/index.m3u8";
    let answer = Answer::ok("x").cache("public, max-age=20, must-revalidate");
    origin.route(list, answer.keyed());
    let target = format!("/k/{}{list}", origin.key("a"));
    edge.get(&target).send().await;
    clock.advance(Duration::from_secs(7)).await;
    let reply = edge.get(&target).send().await;
    assert_eq!(reply.field("cache-control"), "private, max-age=20");
    assert_eq!(reply.field("age"), "7");
}

#[tokio::test]
async fn a_bearer_key_is_consumed_at_the_edge() {
    let (origin, edge) = weir().await;
    let bearer = format!("Bearer {}", origin.key("a"));
    let asked = edge.get(SEGMENT).header("authorization", &bearer);
    let reply = asked
        .header("weir-access", "public")
        .header("cookie", "a=b")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    assert!(reply.field("cache-control").starts_with("private, "));
    let sent = &origin.requests(SEGMENT)[0].headers;
    assert_eq!(sent["authorization"], format!("Bearer {JOIN}"));
    assert!(!sent.contains_key("weir-access") && !sent.contains_key("cookie"));
}

#[tokio::test]
async fn pages_beside_media_are_fetched_without_any_credential() {
    let (origin, edge) = weir().await;
    origin.route("/watch/a", Answer::ok("page").cache("max-age=60"));
    let asked = edge.get("/watch/a").header("authorization", "Bearer x");
    assert_eq!(asked.send().await.body, "page");
    assert!(
        !origin.requests("/watch/a")[0]
            .headers
            .contains_key("authorization")
    );
}

#[tokio::test]
async fn keys_are_judged_while_the_origin_is_away() {
    let (origin, edge) = weir().await;
    let (good, other) = (origin.key("a"), origin.key("b"));
    with(&edge, &good).await;
    origin.stop().await;
    assert_eq!(with(&edge, &good).await.status, 200);
    is_refused(&with(&edge, &other).await, 403, "key-scope");
}

#[tokio::test]
async fn an_edge_is_ready_when_it_can_judge_keys() {
    let origin = FakeOrigin::start().await;
    origin.answer_keys(false);
    let edge = Edge::start(&origin, Some(JOIN), |_| {}).await;
    origin.asked("/api/keys?after=0&wait=0", 1).await;
    assert_eq!(edge.get("/readyz").send().await.status, 503);
    assert_eq!(edge.get("/healthz").send().await.status, 200);
    assert_eq!(with(&edge, &origin.key("a")).await.status, 503);
    origin.answer_keys(true);
    heard(&origin, 1).await;
    assert_eq!(edge.get("/readyz").send().await.status, 200);
}

#[tokio::test]
async fn an_origin_that_refuses_the_join_token_is_no_fault_of_the_viewer() {
    let (origin, edge) = weir().await;
    origin.route(SEGMENT, Answer::status(401));
    let reply = with(&edge, &origin.key("a")).await;
    is_refused(&reply, 502, "origin-unreachable");
}
