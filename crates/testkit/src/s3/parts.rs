//! What browsers that send parts need, and s3s-fs lacks.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, PoisonError},
};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use s3s::Body;

/// What the server called parts, by upload and number.
pub(super) type ETags = Mutex<HashMap<(String, String), String>>;

/// What a request has to do with parts.
pub(super) enum Asked {
    Put { upload: String, number: String },
    List { upload: String },
    Else,
}

impl Asked {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let field = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(it, _)| *it == name);
            values.next().map(|(_, value)| value.to_owned())
        };
        match (request.method(), field("uploadId"), field("partNumber")) {
            (&Method::PUT, Some(upload), Some(number)) => Self::Put { upload, number },
            (&Method::GET, Some(upload), _) => Self::List { upload },
            _ => Self::Else,
        }
    }
}

/// As a bucket's rules allow every page.
pub(super) fn preflight() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "PUT"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    allow(headers);
    answer
}

fn allow(headers: &mut HeaderMap) {
    let (any, etag) = (
        HeaderValue::from_static("*"),
        HeaderValue::from_static("ETag"),
    );
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, etag);
}

/// Adds what pages need, and ETags to a list of parts.
pub(super) async fn complete(
    mut answer: Response<Body>,
    asked: Asked,
    etags: &ETags,
) -> io::Result<Response<Body>> {
    allow(answer.headers_mut());
    match asked {
        Asked::Put { upload, number } => {
            let etag = answer.headers().get(header::ETAG);
            if let Some(etag) = etag.and_then(|etag| etag.to_str().ok()) {
                let mut etags = etags.lock().unwrap_or_else(PoisonError::into_inner);
                etags.insert((upload, number), etag.to_owned());
            }
            Ok(answer)
        }
        Asked::List { upload } if answer.status().is_success() => {
            let (mut head, body) = answer.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let text = with_etags(&String::from_utf8_lossy(&body), &upload, etags);
            head.headers.remove(header::CONTENT_LENGTH);
            Ok(Response::from_parts(head, Body::from(text)))
        }
        _ => Ok(answer),
    }
}

fn with_etags(list: &str, upload: &str, etags: &ETags) -> String {
    const END: &str = "</PartNumber>";
    let etags = etags.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::new();
    let mut rest = list;
    while let Some((before, after)) = rest.split_once(END) {
        let number = before.rsplit('>').next().unwrap_or_default();
        text.push_str(before);
        text.push_str(END);
        if let Some(etag) = etags.get(&(upload.to_owned(), number.to_owned())) {
            text.push_str(&format!("<ETag>{}</ETag>", etag.replace('"', "&quot;")));
        }
        rest = after;
    }
    text + rest
}
