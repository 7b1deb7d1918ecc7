//! What a server says of the files, judged on one file of each extension.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{
        ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE,
        CONTENT_TYPE, ETAG, HeaderName, ORIGIN, RANGE, USER_AGENT,
    },
};
use std::time::Duration;

use super::{context::Context, rules, source::Source};
use crate::{
    fetch::{Answer, Client, Limits},
    url::Url,
};

/// Waits and sizes as of a player.
const LIMITS: Limits = Limits {
    head: Duration::from_secs(10),
    pause: Duration::from_secs(10),
    len_max: 128 << 20,
};
/// A page that asks from elsewhere.
const PAGE: &str = "https://page.example";

/// Content types of an extension (checklist: RFC 8216bis §4, ISO/IEC 23009-1 annex C).
const TYPES: &[(&str, &[&str])] = &[
    ("m3u8", &["application/vnd.apple.mpegurl", "audio/mpegurl"]),
    ("mpd", &["application/dash+xml"]),
    ("mp4", &["video/mp4", "audio/mp4", "application/mp4"]),
    (
        "m4s",
        &[
            "video/mp4",
            "audio/mp4",
            "video/iso.segment",
            "audio/iso.segment",
            "application/mp4",
        ],
    ),
    ("vtt", &["text/vtt"]),
    ("jpg", &["image/jpeg"]),
];

/// Judges the examples that were kept while reading.
pub(super) async fn check(context: &mut Context) {
    let client = Client::new();
    for url in context.examples.clone() {
        let place = Source::show(&url);
        let Some(get) = ask(&client, &url, Method::GET, None).await else {
            continue;
        };
        if get.status.is_redirection() {
            continue;
        }
        check_headers(context, &place, &url, &get);
        if let Some(head) = ask(&client, &url, Method::HEAD, None).await {
            check_head(context, &place, &get, &head);
        }
        check_range(context, &place, &client, (&url, &get)).await;
    }
}

async fn ask(client: &Client, url: &Url, method: Method, range: Option<String>) -> Option<Answer> {
    let mut request = Request::builder()
        .method(method)
        .uri(url.to_uri())
        .header(USER_AGENT, "weir-validate")
        .header(ORIGIN, PAGE);
    if let Some(range) = range {
        request = request.header(RANGE, range);
    }
    let request = request.body(Full::<Bytes>::default()).ok()?;
    client.exchange(request, LIMITS).await.ok()
}

fn check_headers(context: &mut Context, place: &str, url: &Url, get: &Answer) {
    let uri = url.to_uri();
    let extension = uri.path().rsplit('.').next().unwrap_or_default();
    let found = get
        .header(&CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let due = TYPES.iter().find(|(known, _)| *known == extension);
    if let Some((_, due)) = due.filter(|(_, due)| !due.contains(&found.as_str())) {
        context.add(
            rules::HTTP_TYPE,
            place,
            format!("Content-Type {found:?}, not one of {due:?}"),
        );
    }
    let origins: Vec<_> = get
        .headers
        .get_all(ACCESS_CONTROL_ALLOW_ORIGIN)
        .iter()
        .collect();
    if origins.len() != 1 || (origins[0] != "*" && origins[0] != PAGE) {
        context.add(
            rules::HTTP_CORS,
            place,
            format!("Access-Control-Allow-Origin {origins:?} for {PAGE}"),
        );
    }
    if get.header(&CACHE_CONTROL).is_empty() {
        context.add(rules::HTTP_CACHE, place, "no Cache-Control");
    }
}

/// Without the numbers.
fn unaged(field: &str) -> String {
    field.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn check_head(context: &mut Context, place: &str, get: &Answer, head: &Answer) {
    if head.status != get.status || !head.body.is_empty() {
        let words = format!(
            "HEAD answers {} with {} bytes, GET {}",
            head.status,
            head.body.len(),
            get.status
        );
        context.add(rules::HTTP_HEAD, place, words);
    }
    let same: [HeaderName; 4] = [CONTENT_LENGTH, CONTENT_TYPE, ETAG, CACHE_CONTROL];
    for name in same {
        let (of_head, of_get) = (head.header(&name), get.header(&name));
        // The life of what is private ends with its key: it is shorter a second later.
        let ages = name == CACHE_CONTROL && unaged(of_head) == unaged(of_get);
        // HEAD may leave out what only a body tells.
        if of_head != of_get && !ages && !(name == CONTENT_LENGTH && of_head.is_empty()) {
            context.add(
                rules::HTTP_HEAD,
                place,
                format!("{name}: HEAD says {of_head:?}, GET {of_get:?}"),
            );
        }
    }
}

async fn check_range(
    context: &mut Context,
    place: &str,
    client: &Client,
    (url, get): (&Url, &Answer),
) {
    let len = get.body.len();
    if get.header(&ACCEPT_RANGES) != "bytes" {
        let words = format!("Accept-Ranges {:?}", get.header(&ACCEPT_RANGES));
        context.add(rules::HTTP_RANGE, place, words);
    }
    let end = len.min(8);
    if end < 2 {
        return;
    }
    let part = ask(
        client,
        url,
        Method::GET,
        Some(format!("bytes=1-{}", end - 1)),
    )
    .await;
    let due = format!("bytes 1-{}/{len}", end - 1);
    let right = part.as_ref().is_some_and(|part| {
        part.status == 206 && part.header(&CONTENT_RANGE) == due && part.body == get.body[1..end]
    });
    if let Some(part) = part.filter(|_| !right) {
        let words = format!(
            "bytes 1 to {}: {}, Content-Range {:?}, {} bytes",
            end - 1,
            part.status,
            part.header(&CONTENT_RANGE),
            part.body.len()
        );
        context.add(rules::HTTP_RANGE, place, words);
    }
    let beyond = ask(client, url, Method::GET, Some(format!("bytes={len}-"))).await;
    if let Some(beyond) = beyond.filter(|beyond| beyond.status != 416) {
        context.add(
            rules::HTTP_RANGE,
            place,
            format!(
                "bytes from {len} on, beyond its end: {}, not 416",
                beyond.status
            ),
        );
    }
}
