use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use packager::outward::{Connector, OutwardError};

use crate::{
    LIMITS, config, get,
    server::{Server, answer},
};

/// Sends everybody to `location`.
async fn sending_to(location: &str) -> Server {
    Server::saying(answer(
        "302 Found",
        &format!("Location: {location}\r\n"),
        "",
    ))
    .await
}

#[tokio::test]
async fn a_redirect_is_followed_to_where_it_leads() {
    let to = Server::saying(answer("200 OK", "", "there")).await;
    let from = sending_to(&to.url("/x?y=1")).await;
    let connector = Connector::open(config(&[from.port, to.port])).unwrap();
    let body = get(&connector, &from.url("/")).await.unwrap().body;
    assert_eq!(body.collect().await.unwrap(), b"there");
    assert!(to.heard()[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_redirect_leads_nowhere_where_a_request_would_not() {
    for (location, says) in [
        ("http://169.254.169.254/latest/meta-data/", "link-local"),
        ("http://[::ffff:169.254.169.254]/", "mapped"),
        ("http://[fd00:ec2::254]/", "private"),
        ("http://127.0.0.1:22/", "port 22"),
        ("http://2130706433/", "a number"),
        ("http://user:secret@127.0.0.1/", "user"),
        ("file:///etc/passwd", "http://"),
        ("gopher://127.0.0.1/", "http://"),
        ("", "more than 5 redirects"),
    ] {
        let from = sending_to(location).await;
        let connector = Connector::open(config(&[from.port, 80])).unwrap();
        let refused = get(&connector, &from.url("/")).await.unwrap_err();
        let said = refused.to_string();
        assert!(
            said.contains(says) && !said.contains("secret"),
            "{location}: {said}"
        );
        assert!(refused.is_permanent(), "{location}");
    }
}

#[tokio::test]
async fn who_is_sent_in_circles_stops() {
    let server = sending_to("/again").await;
    let connector = Connector::open(config(&[server.port])).unwrap();
    let error = get(&connector, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, OutwardError::Redirects(5)), "{error}");
    assert_eq!(server.came(), 6);
}

#[tokio::test]
async fn what_is_sent_to_an_address_is_sent_to_no_other() {
    let to = Server::saying(answer("200 OK", "", "")).await;
    let from = sending_to(&to.url("/")).await;
    let connector = Connector::open(config(&[from.port, to.port])).unwrap();
    let url = from.url("/").parse().unwrap();
    let body = Bytes::from_static(b"signed");
    let answer = connector.post(&url, &HeaderMap::new(), body, LIMITS).await;
    assert_eq!(answer.unwrap().status, 302);
    assert_eq!(to.came(), 0);
}

#[tokio::test]
async fn redirects_share_the_time_of_one_call() {
    let server = Server::at([127, 0, 0, 1].into(), |_| {
        let again = answer("302 Found", "Location: /again\r\n", "");
        vec![(Duration::from_millis(200), again)]
    })
    .await;
    let connector = Connector::open(config(&[server.port])).unwrap();
    let limits = packager::outward::Limits {
        whole: Duration::from_millis(500),
        ..LIMITS
    };
    let url = server.url("/").parse().unwrap();
    let error = connector.get(&url, &HeaderMap::new(), limits).await;
    assert!(matches!(error, Err(OutwardError::Silent(_))));
}
