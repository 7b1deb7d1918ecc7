//! Ranges, conditional requests, HEAD.

use testkit::{Answer, FakeOrigin, Gate};

use crate::setup::{Edge, SEGMENT, bytes, segment};

/// An edge that has the segment in memory.
async fn warm() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    origin.route(SEGMENT, segment());
    edge.get(SEGMENT).send().await;
    (origin, edge)
}

#[tokio::test]
async fn a_range_of_a_stored_object_is_served_from_memory() {
    let (origin, edge) = warm().await;
    let body = bytes(50_000);
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=49000-", 49_000, 50_000),
        ("bytes=-10", 49_990, 50_000),
    ] {
        let part = edge.get(SEGMENT).header("range", range).send().await;
        assert_eq!(part.status, 206);
        assert_eq!(part.body, body[start..end]);
        let content = format!("bytes {start}-{}/50000", end - 1);
        assert_eq!(part.field("content-range"), content);
        assert_eq!(part.field("content-length"), (end - start).to_string());
    }
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn a_range_past_the_end_is_416_with_the_length() {
    let (_origin, edge) = warm().await;
    let reply = edge
        .get(SEGMENT)
        .header("range", "bytes=50000-")
        .send()
        .await;
    assert_eq!(reply.status, 416);
    assert_eq!(reply.field("content-range"), "bytes */50000");
    assert_eq!(reply.field("access-control-allow-origin"), "*");
    assert!(reply.body.is_empty());
}

#[tokio::test]
async fn several_ranges_or_strange_ones_get_the_whole() {
    let (_origin, edge) = warm().await;
    for range in ["bytes=0-1,5-6", "bytes=9-2", "lines=1-2", "bytes"] {
        let reply = edge.get(SEGMENT).header("range", range).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.body.len()),
            (200, 50_000),
            "{range}"
        );
    }
}

#[tokio::test]
async fn if_range_with_another_tag_gets_the_whole() {
    let (_origin, edge) = warm().await;
    for (tag, status) in [("\"seg\"", 206), ("\"old\"", 200), ("W/\"seg\"", 200)] {
        let asked = edge.get(SEGMENT).header("range", "bytes=0-9");
        let reply = asked.header("if-range", tag).send().await;
        assert_eq!(reply.status, status, "{tag}");
    }
}

#[tokio::test]
async fn a_range_on_a_miss_fetches_the_whole_once_from_an_origin_without_ranges() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    origin.route(SEGMENT, segment());
    let part = edge
        .get(SEGMENT)
        .header("range", "bytes=100-199")
        .send()
        .await;
    assert_eq!(
        (part.status.as_u16(), &part.body[..]),
        (206, &bytes(50_000)[100..200])
    );
    assert_eq!(edge.get(SEGMENT).send().await.body, bytes(50_000));
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn a_range_of_a_running_fill_ends_without_waiting_for_the_rest() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let gate = Gate::closed();
    let answer = Answer::ok("0123456789").then_held(&gate).then("rest");
    origin.route("/x", answer.cache("max-age=60"));
    let part = edge.get("/x").header("range", "bytes=2-4").send().await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"234"[..]));
    gate.open();
}

#[tokio::test]
async fn a_range_of_an_unstored_answer_is_served() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let body = bytes(3_000_000);
    origin.route("/x", Answer::ok(body.clone()).cache("no-store"));
    let part = edge
        .get("/x")
        .header("range", "bytes=2000000-2000999")
        .send()
        .await;
    assert_eq!(
        (part.status.as_u16(), &part.body[..]),
        (206, &body[2_000_000..2_001_000])
    );
}

#[tokio::test]
async fn who_has_it_already_gets_304() {
    let (origin, edge) = warm().await;
    for tags in ["\"seg\"", "W/\"seg\"", "\"x\", \"seg\"", "*"] {
        let reply = edge.get(SEGMENT).header("if-none-match", tags).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.body.len()),
            (304, 0),
            "{tags}"
        );
        assert_eq!(reply.field("etag"), "\"seg\"");
        assert_eq!(reply.field("access-control-allow-origin"), "*");
        assert_eq!(reply.field("content-length"), "");
    }
    let other = edge
        .get(SEGMENT)
        .header("if-none-match", "\"y\"")
        .send()
        .await;
    assert_eq!(other.status, 200);
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn a_condition_on_a_miss_does_not_keep_the_object_from_the_store() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    origin.route(SEGMENT, segment());
    let known = edge
        .get(SEGMENT)
        .header("if-none-match", "\"seg\"")
        .send()
        .await;
    assert_eq!(known.status, 304);
    assert_eq!(edge.get(SEGMENT).send().await.body, bytes(50_000));
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn head_of_a_stored_object_has_its_length_and_no_body() {
    let (_origin, edge) = warm().await;
    let head = edge.head(SEGMENT).header("range", "bytes=0-1").send().await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.field("content-length"), "50000");
    assert!(head.field("cache-status").contains("; hit"));
    let known = edge.head(SEGMENT).header("if-none-match", "*").send().await;
    assert_eq!(known.status, 304);
}

#[tokio::test]
async fn an_object_of_many_pieces_is_stored_and_cut_right() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let body = bytes(5_000_001);
    origin.route("/x", Answer::ok(body.clone()).chunked().cache("max-age=60"));
    assert!(edge.get("/x").send().await.body == body);
    let hit = edge.get("/x").send().await;
    assert!(hit.body == body);
    assert_eq!(hit.field("content-length"), "5000001");
    let part = edge
        .get("/x")
        .header("range", "bytes=1048570-3145740")
        .send()
        .await;
    assert!(part.body == body[1_048_570..=3_145_740]);
    assert_eq!(origin.fetches("/x"), 1);
}
