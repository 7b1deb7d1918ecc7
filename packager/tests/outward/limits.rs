use std::time::Duration;

use http::HeaderMap;
use packager::outward::{Connector, Limits, OutwardError};

use crate::{
    LIMITS, LONG, config, get,
    server::{Says, Server, answer},
};

const SHORT: Duration = Duration::from_millis(100);

fn hasty(port: u16) -> Connector {
    let config = packager::outward::Config {
        answer_timeout: SHORT,
        idle_timeout: SHORT,
        ..config(&[port])
    };
    Connector::open(config).unwrap()
}

/// What reading all of an answer ends with.
async fn reading(
    connector: &Connector,
    url: &str,
    limits: Limits,
) -> Result<Vec<u8>, OutwardError> {
    let url = url.parse().unwrap();
    let answer = connector.get(&url, &HeaderMap::new(), limits).await?;
    answer.body.collect().await
}

async fn slowly(says: fn() -> Says) -> Server {
    Server::at([127, 0, 0, 1].into(), move |_| says()).await
}

#[tokio::test]
async fn who_never_answers_is_left() {
    let server = slowly(|| vec![(LONG, vec![])]).await;
    let error = get(&hasty(server.port), &server.url("/"))
        .await
        .unwrap_err();
    assert!(matches!(error, OutwardError::Silent(_)) && !error.is_permanent());
}

#[tokio::test]
async fn who_drips_a_head_is_left() {
    let drip = || {
        vec![
            (
                Duration::from_millis(20),
                b"HTTP/1.1 200 OK\r\nX: ".to_vec()
            );
            50
        ]
    };
    let server = slowly(drip).await;
    let error = get(&hasty(server.port), &server.url("/"))
        .await
        .unwrap_err();
    assert!(matches!(error, OutwardError::Silent(_)), "{error}");
}

#[tokio::test]
async fn who_falls_silent_inside_a_body_is_left() {
    let stall = || {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome".to_vec();
        vec![(Duration::ZERO, head), (LONG, vec![])]
    };
    let server = slowly(stall).await;
    let error = reading(&hasty(server.port), &server.url("/"), LIMITS).await;
    assert!(matches!(error, Err(OutwardError::Silent(_))), "{error:?}");
}

#[tokio::test]
async fn who_drips_a_body_is_left_when_the_time_of_the_call_is_over() {
    let drip = || {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".to_vec();
        let mut says = vec![(Duration::ZERO, head)];
        says.extend(vec![(Duration::from_millis(20), b"x".to_vec()); 500]);
        says
    };
    let server = slowly(drip).await;
    let limits = Limits {
        whole: Duration::from_millis(300),
        ..LIMITS
    };
    let error = reading(&hasty(server.port), &server.url("/"), limits).await;
    assert!(matches!(error, Err(OutwardError::TooLong)), "{error:?}");
}

#[tokio::test]
async fn more_than_is_allowed_is_not_read() {
    let server = Server::saying(answer("200 OK", "", "123456789")).await;
    let connector = Connector::open(config(&[server.port])).unwrap();
    let limits = |len_max| Limits { len_max, ..LIMITS };
    let all = reading(&connector, &server.url("/"), limits(9)).await;
    assert_eq!(all.unwrap(), b"123456789");
    let error = reading(&connector, &server.url("/"), limits(8)).await;
    assert!(matches!(error, Err(OutwardError::TooLarge(8))), "{error:?}");
}

#[tokio::test]
async fn a_head_without_end_is_not_read() {
    let long = format!("X: {}\r\n", "x".repeat(1 << 20));
    let many = "X: x\r\n".repeat(1000);
    for fields in [long, many] {
        let server = Server::saying(answer("200 OK", &fields, "")).await;
        let connector = Connector::open(config(&[server.port])).unwrap();
        let error = get(&connector, &server.url("/")).await.unwrap_err();
        assert!(matches!(error, OutwardError::Broken(_)), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_no_end() {
    for head in ["Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n"] {
        let some = format!("HTTP/1.1 200 OK\r\n{head}\r\n4\r\nsome");
        let server = Server::saying(some).await;
        let connector = Connector::open(config(&[server.port])).unwrap();
        let error = reading(&connector, &server.url("/"), LIMITS).await;
        assert!(
            matches!(error, Err(OutwardError::Broken(_))),
            "{head}: {error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let server = Server::saying("SSH-2.0-OpenSSH_9.9\r\n").await;
    let connector = Connector::open(config(&[server.port])).unwrap();
    let error = get(&connector, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, OutwardError::Broken(_)), "{error}");
}
