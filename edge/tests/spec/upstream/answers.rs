//! What comes back is sane, or an error: never stored as whole, never ended well.

use testkit::Reply;

use super::raw::{Raw, Said, fine, last_words, said};
use crate::setup::{Edge, cache_status};

async fn edge(origin: &Raw) -> Edge {
    Edge::before(&[origin.url()], |config| {
        config.eject_failures = u32::MAX;
        config.eject_ratio = 1.0;
    })
    .await
}

/// A head that would be stored, with these fields.
fn head(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n{fields}\r\n")
}

/// Says this once and then what is fine, so that what was stored of it would be seen.
async fn after(what: Said) -> (Reply, Reply) {
    let origin = Raw::start(move |n| if n == 0 { what.clone() } else { fine("fine") }).await;
    let edge = edge(&origin).await;
    (edge.get("/x").send().await, edge.get("/x").send().await)
}

#[tokio::test]
async fn interim_answers_are_read_and_dropped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 103 Early Hints\r\nlink: </early>\r\n\r\n";
    let answer = format!("{interim}{}hello", head("content-length: 5\r\n"));
    let (reply, again) = after(said(answer)).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (200, &b"hello"[..])
    );
    assert_eq!(reply.field("link"), "");
    assert!(cache_status(&again).starts_with("hit") && again.body == "hello");
}

#[tokio::test]
async fn a_head_that_contradicts_itself_or_is_none_is_502() {
    let flood = "x: y\r\n".repeat(200);
    let long = format!("x: {}\r\n", "y".repeat(100_000));
    for answer in [
        head("content-length: 5\r\ntransfer-encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n",
        head("content-length: 5\r\ncontent-length: 6\r\n") + "hello",
        head("content-length: 5\r\ncontent-length: 5\r\n") + "hello",
        head("content-length: 5, 5\r\n") + "hello",
        head("content-length: +5\r\n") + "hello",
        head("content-length: 99999999999999999999\r\n") + "hello",
        head("transfer-encoding: gzip, chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n",
        head("transfer-encoding: identity\r\n") + "hello",
        head(&flood) + "hello",
        head(&long) + "hello",
        head("a b: c\r\ncontent-length: 5\r\n") + "hello",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nhello".to_owned(),
        "HTTP/1.1 999 No\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "HTTP/2.0 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "hello".to_owned(),
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
    ] {
        let (reply, again) = after(last_words(&answer)).await;
        let told = (reply.status.as_u16(), reply.problem());
        let start = &answer[..answer.len().min(90)];
        assert_eq!(told, (502, "origin-unreachable".to_owned()), "{start:?}");
        assert_eq!(again.body, "fine", "{start:?}");
    }
}

/// All that a client is written until its connection ends, which it may do before an answer
/// began; and the next answer.
async fn cut(what: Said) -> (String, Reply) {
    let origin = Raw::start(move |n| if n == 0 { what.clone() } else { fine("fine") }).await;
    let edge = edge(&origin).await;
    let request = b"GET /x HTTP/1.1\r\nhost: edge.test\r\n\r\n";
    let written = testkit::raw(edge.addr, request).await;
    (written, edge.get("/x").send().await)
}

/// Whether there is a whole answer in it.
fn is_whole(written: &str) -> bool {
    let Some((head, body)) = written.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => body.len() >= length.parse::<usize>().unwrap(),
        None => body.ends_with("0\r\n\r\n"),
    }
}

#[tokio::test]
async fn a_body_that_is_not_as_it_was_said_is_cut_and_not_stored() {
    let chunked = head("transfer-encoding: chunked\r\n");
    for answer in [
        head("content-length: 10\r\n") + "hello",
        chunked.clone() + "5\r\nhello\r\n",
        chunked.clone() + "5\r\nhello, world\r\n0\r\n\r\n",
        chunked.clone() + "5\r\nhello\r\nzz\r\n0\r\n\r\n",
        chunked.clone() + "fffffffffffffffff\r\nhello",
        chunked + "-5\r\nhello\r\n0\r\n\r\n",
    ] {
        let (written, again) = cut(last_words(&answer)).await;
        assert!(!is_whole(&written), "{answer:?}: {written:?}");
        assert_eq!(
            (again.cut, &again.body[..]),
            (false, &b"fine"[..]),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn bytes_after_an_answer_are_never_the_next_ones_answer() {
    let second = head("content-length: 4\r\n") + "evil";
    let answer = head("content-length: 5\r\n") + "hello" + &second;
    let origin = Raw::start(move |n| match n {
        0 => said(answer.clone()),
        _ => fine("fine"),
    });
    let origin = origin.await;
    let edge = edge(&origin).await;
    assert_eq!(edge.get("/x").send().await.body, "hello");
    assert_eq!(edge.get("/y").send().await.body, "fine");
}

#[tokio::test]
async fn what_is_as_it_was_said_is_whole() {
    for answer in [
        head("content-length: 5\r\nconnection: close\r\n") + "hello",
        head("transfer-encoding: chunked\r\nconnection: close\r\n") + "5\r\nhello\r\n0\r\n\r\n",
    ] {
        let (reply, again) = after(last_words(&answer)).await;
        assert_eq!(
            (reply.cut, &reply.body[..]),
            (false, &b"hello"[..]),
            "{answer:?}"
        );
        assert!(cache_status(&again).starts_with("hit"), "{answer:?}");
    }
}

#[tokio::test]
async fn bytes_after_an_answer_without_a_body_are_nobodys() {
    for (start, status) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        (
            &*head("content-length: 0\r\ncache-control: no-store\r\n"),
            200,
        ),
    ] {
        let answer = format!("{start}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
        let (reply, again) = after(said(answer)).await;
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (status, &b""[..]));
        assert_eq!(again.body, "fine", "{start:?}");
    }
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_is_passed_on_and_not_stored() {
    let (reply, again) = after(last_words(head("") + "hello")).await;
    assert_eq!((reply.cut, &reply.body[..]), (false, &b"hello"[..]));
    assert_eq!(again.body, "fine");
}

#[tokio::test]
async fn a_connection_is_used_again_after_each_kind_of_whole_answer() {
    let kinds = [
        head("content-length: 5\r\n") + "hello",
        head("transfer-encoding: chunked\r\n") + "5\r\nhello\r\n0\r\nx: y\r\n\r\n",
        head("content-length: 0\r\n"),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
    ];
    let count = kinds.len();
    let origin = Raw::start(move |n| said(&kinds[n % count])).await;
    let edge = edge(&origin).await;
    for n in 0..2 * count {
        assert!(!edge.get(&format!("/{n}")).send().await.cut);
    }
    assert_eq!((origin.heads().len(), origin.connections()), (2 * count, 1));
}

#[tokio::test]
async fn a_connection_that_is_to_be_closed_is_not_used_again() {
    for fields in [
        "content-length: 2\r\nconnection: x, Close\r\n",
        "transfer-encoding: chunked\r\nconnection: close\r\n",
    ] {
        let body = if fields.contains("chunked") {
            "2\r\nhi\r\n0\r\n\r\n"
        } else {
            "hi"
        };
        let origin = Raw::saying(said(head(fields) + body)).await;
        let edge = edge(&origin).await;
        for n in 0..2 {
            assert_eq!(edge.get(&format!("/{n}")).send().await.body, "hi");
        }
        assert_eq!(origin.connections(), 2, "{fields:?}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_instead_of_a_second_answer_is_replaced() {
    let script = |n| if n == 1 { last_words("") } else { fine("fine") };
    let origin = Raw::start(script).await;
    let edge = Edge::before(&[origin.url()], |config| config.eject_failures = 1).await;
    for n in 0..3 {
        assert_eq!(edge.get(&format!("/{n}")).send().await.body, "fine");
    }
    assert_eq!((origin.heads().len(), origin.connections()), (4, 2));
}

#[tokio::test]
async fn the_origin_is_asked_for_its_own_host() {
    let origin = Raw::saying(fine("fine")).await;
    let edge = edge(&origin).await;
    edge.get("/x?y")
        .header("x-forwarded-host", "evil")
        .send()
        .await;
    let head = origin.heads().remove(0).to_ascii_lowercase();
    assert!(head.starts_with("get /x?y http/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("\r\nhost: {}\r\n", origin.addr)),
        "{head}"
    );
    assert!(
        !head.contains("evil") && !head.contains("edge.test"),
        "{head}"
    );
}
