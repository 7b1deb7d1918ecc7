//! A server of the good presentation, with one fault in its answers.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use player_test::{ValidateOptions, Validation, validate};
use tokio::net::TcpListener;

use crate::presentation::Files;

/// What a server does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Type,
    NoOrigin,
    OriginTwice,
    NoRanges,
    WrongRange,
    NoCacheControl,
    HeadDiffers,
}

const FAULTS: [(&str, Fault); 7] = [
    ("http-content-type", Fault::Type),
    ("http-cors", Fault::NoOrigin),
    ("http-cors", Fault::OriginTwice),
    ("http-range", Fault::NoRanges),
    ("http-range", Fault::WrongRange),
    ("http-cache-control", Fault::NoCacheControl),
    ("http-head", Fault::HeadDiffers),
];

/// The rules that are broken here.
pub(crate) const RULES: [&str; 5] = [
    "http-content-type",
    "http-cors",
    "http-range",
    "http-cache-control",
    "http-head",
];

/// Validates what a server with a fault serves below `/k/secret/`.
async fn report(fault: Fault) -> Validation {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let files = Arc::new(Files::good());
    let server = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let files = files.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let answered = answer(&request, &files, fault);
                async move { Ok::<_, Infallible>(answered) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(connection), service));
        }
    });
    let target = format!("http://127.0.0.1:{port}/k/secret/master.m3u8");
    let report = validate(ValidateOptions {
        target,
        sample: None,
    })
    .await
    .expect("the parts are valid");
    server.abort();
    report
}

fn answer(request: &Request<Incoming>, files: &Files, fault: Fault) -> Response<Full<Bytes>> {
    let name = request
        .uri()
        .path()
        .strip_prefix("/k/secret/")
        .unwrap_or_default();
    let Some(body) = files.0.get(name) else {
        return Response::builder()
            .status(404)
            .body(Full::default())
            .expect("the parts are valid");
    };
    let kind = match name.rsplit('.').next().unwrap_or_default() {
        _ if fault == Fault::Type => "text/plain",
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "vtt" => "text/vtt; charset=utf-8",
        _ => "video/mp4",
    };
    let mut response = Response::builder().header("content-type", kind);
    let origins = match fault {
        Fault::NoOrigin => 0,
        Fault::OriginTwice => 2,
        _ => 1,
    };
    for _ in 0..origins {
        response = response.header("access-control-allow-origin", "*");
    }
    if fault != Fault::NoCacheControl {
        response = response.header("cache-control", "max-age=60");
    }
    response = response.header(
        "etag",
        if fault == Fault::HeadDiffers && request.method() == Method::HEAD {
            "\"b\""
        } else {
            "\"a\""
        },
    );
    if fault == Fault::NoRanges {
        return response
            .body(Full::from(body.clone()))
            .expect("the parts are valid");
    }
    ranged(
        response.header("accept-ranges", "bytes"),
        request,
        body,
        fault,
    )
}

fn ranged(
    response: hyper::http::response::Builder,
    request: &Request<Incoming>,
    body: &[u8],
    fault: Fault,
) -> Response<Full<Bytes>> {
    let range = request
        .headers()
        .get("range")
        .and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
    let Some((from, to)) = range.and_then(|range| range.split_once('-')) else {
        return response
            .body(Full::from(body.to_vec()))
            .expect("the parts are valid");
    };
    let from: usize = from.parse().expect("the validator sends numbers");
    if from >= body.len() {
        return response
            .status(416)
            .body(Full::default())
            .expect("the parts are valid");
    }
    let to: usize = to.parse().expect("the validator sends numbers");
    let told = if fault == Fault::WrongRange {
        to + 1
    } else {
        to
    };
    response
        .status(206)
        .header(
            "content-range",
            format!("bytes {from}-{told}/{}", body.len()),
        )
        .body(Full::from(body[from..=to].to_vec()))
        .expect("the parts are valid")
}

#[tokio::test]
async fn a_good_server_breaks_no_rule_and_its_key_is_inherited_and_not_shown() {
    let report = report(Fault::None).await;
    assert!(report.findings.is_empty(), "{report}");
    assert_eq!(report.checked.documents, 7);
}

#[tokio::test]
async fn each_fault_of_a_server_is_found() {
    for (rule, fault) in FAULTS {
        let report = report(fault).await;
        let found = report.findings.iter().find(|finding| finding.rule == rule);
        let found = found.unwrap_or_else(|| panic!("{rule} of {fault:?} is not found: {report}"));
        assert!(!found.place.contains("secret"), "{}", found.place);
        let others = report
            .findings
            .iter()
            .filter(|finding| finding.rule != rule);
        assert_eq!(others.count(), 0, "{report}");
    }
}
