//! A key server: gives the content keys of a version.
//!
//! It is asked by `POST` with a [`KeyRequest`] and answers 200 with [`ClearKeys`], a ClearKey
//! licence whose keys say by `kind` what they are for. Asked again for the same version, it
//! may give the same keys or others: the first that the origin hears of are used. It stands
//! outside of the fleet, so a worker asks it: the origin dials nobody.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;
use wire::{ClearKey, ClearKeys, ContentKey, ContentKeys, KeyRequest};

use crate::{PackagerError, worker::call::causes};

/// Longest wait for its whole answer. Chosen: the attempt is repeated, later and later.
const WAIT: Duration = Duration::from_secs(10);
/// Longest answer, bytes. Chosen: two keys are 300.
const ANSWER_LEN_MAX: usize = 16 << 10;

const VIDEO: &str = "video";
const AUDIO: &str = "audio";

/// Asks for a version's keys, once.
///
/// # Errors
/// No answer in time, or none that gives a key for each kind. None shows what was answered.
pub(crate) async fn ask(
    url: &str,
    asset: &str,
    version: &str,
) -> Result<ContentKeys, PackagerError> {
    let request = KeyRequest {
        asset: asset.to_owned(),
        version: version.to_owned(),
        kinds: vec![VIDEO.to_owned(), AUDIO.to_owned()],
    };
    let fault = |permanent, reason: String| PackagerError::KeyServer {
        server: shown(url),
        permanent,
        reason,
    };
    let exchange = exchange(url, &request);
    let answered = timeout(WAIT, exchange).await;
    let (status, body) = answered
        .map_err(|_| fault(false, format!("no answer within {WAIT:?}")))?
        .map_err(|reason| fault(false, reason))?;
    if status != StatusCode::OK {
        return Err(fault(is_final(status), format!("it answered {status}")));
    }
    read(&body).map_err(|reason| fault(false, reason.to_owned()))
}

/// The scheme, host and port of an address: what else it has may open something.
fn shown(url: &str) -> String {
    let uri: http::Uri = url.parse().unwrap_or_default();
    match (uri.scheme_str(), uri.host(), uri.port_u16()) {
        (Some(scheme), Some(host), Some(port)) => format!("{scheme}://{host}:{port}"),
        (Some(scheme), Some(host), None) => format!("{scheme}://{host}"),
        _ => "at a wrong address".to_owned(),
    }
}

/// Asking the same again changes nothing.
fn is_final(status: StatusCode) -> bool {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_client_error() && !passing.contains(&status)
}

async fn exchange(url: &str, request: &KeyRequest) -> Result<(StatusCode, Bytes), String> {
    let body = serde_json::to_vec(request).expect("wire types are always JSON");
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| "its address is no URL".to_owned())?;
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(WAIT / 2));
    let http: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let answer = http.request(request).await.map_err(|e| causes(&e))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_LEN_MAX);
    let body = body.collect().await.map_err(|e| e.to_string())?;
    Ok((status, body.to_bytes()))
}

/// The keys of an answer. Errors are ours alone: a parser's could repeat a key.
fn read(answer: &[u8]) -> Result<ContentKeys, &'static str> {
    let answer: ClearKeys =
        serde_json::from_slice(answer).map_err(|_| "its answer is no ClearKey licence")?;
    let of = |kind: &str| {
        let named = |wanted: Option<&str>| {
            let mut keys = answer.keys.iter();
            keys.find(move |key| key.kind.as_deref() == wanted)
        };
        named(Some(kind)).or_else(|| named(None))
    };
    let video = of(VIDEO).ok_or("it gave no key for video")?;
    let audio = of(AUDIO).ok_or("it gave no key for audio")?;
    let (video, audio) = (key(video)?, key(audio)?);
    match video.id == audio.id && video.secret != audio.secret {
        true => Err("it gave two keys with one id"),
        false => Ok(ContentKeys { video, audio }),
    }
}

fn key(key: &ClearKey) -> Result<ContentKey, &'static str> {
    let bytes = |text: &str| -> Option<[u8; 16]> {
        let text = text.trim_end_matches('=');
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
    };
    let hex = |bytes: [u8; 16]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match (key.kty.as_str(), bytes(&key.kid), bytes(&key.k)) {
        ("oct", Some(id), Some(secret)) => Ok(ContentKey {
            id: hex(id),
            secret: hex(secret),
        }),
        ("oct", ..) => Err("a key or its id is not 16 bytes in base64url"),
        _ => Err("a key is not of type \"oct\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AAECAwQFBgcICQoLDA0ODw";
    const K: &str = "ABEiM0RVZneImaq7zN3u_w";

    #[test]
    fn one_key_is_for_all_or_each_kind_has_its_own() {
        let all = format!(r#"{{"keys":[{{"kty":"oct","kid":"{ID}","k":"{K}"}}]}}"#);
        let keys = read(all.as_bytes()).unwrap();
        assert_eq!(keys.video, keys.audio);
        assert_eq!(keys.video.id, "000102030405060708090a0b0c0d0e0f");
        assert_eq!(keys.video.secret, "00112233445566778899aabbccddeeff");
        let each = format!(
            r#"{{"keys":[{{"kty":"oct","kid":"{K}","k":"{ID}","kind":"audio"}},
                {{"kty":"oct","kid":"{ID}","k":"{K}","kind":"video"}}],"type":"temporary"}}"#
        );
        let keys = read(each.as_bytes()).unwrap();
        assert_eq!(
            (keys.video.id, keys.audio.id),
            (keys.audio.secret, keys.video.secret)
        );
    }

    #[test]
    fn an_answer_that_gives_no_keys_is_named_and_not_repeated() {
        let of = |kty: &str, k: &str, kind: &str| {
            format!(r#"{{"keys":[{{"kty":"{kty}","kid":"{ID}","k":"{k}","kind":"{kind}"}}]}}"#)
        };
        for (answer, says) in [
            (String::new(), "no ClearKey licence"),
            (format!("{{\"keys\":\"{K}\"}}"), "no ClearKey licence"),
            (of("oct", K, "video"), "no key for audio"),
            (of("oct", K, "other"), "no key for video"),
            (
                of("oct", K, "video").replace(
                    "}]",
                    &format!(r#"}},{{"kty":"oct","kid":"{ID}","k":"{ID}"}}]"#),
                ),
                "two keys with one id",
            ),
            (
                of("oct", "AAEC", "video").replace("}]", ",\"kind\":null}]"),
                "no ClearKey licence",
            ),
            (
                of("RSA", K, "video").replace(",\"kind\":\"video\"", ""),
                "of type",
            ),
            (
                of("oct", "AAEC", "video").replace(",\"kind\":\"video\"", ""),
                "16 bytes",
            ),
        ] {
            let told = read(answer.as_bytes()).unwrap_err();
            assert!(told.contains(says) && !told.contains(K), "{told}");
        }
    }

    #[tokio::test]
    async fn an_error_shows_of_the_address_where_the_server_is_and_nothing_else() {
        // Nobody listens on port 1.
        for url in [
            "http://user:secret@127.0.0.1:1/secret?token=secret",
            "secret://",
        ] {
            let error = ask(url, "asset", "").await.unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("secret"), "{told}");
        }
        assert_eq!(shown("http://user:pw@[::1]:80/a"), "http://[::1]:80");
        assert_eq!(shown("http://keys/new?token=1"), "http://keys");
    }

    #[test]
    fn a_refusal_is_final_and_an_outage_is_not() {
        assert!(is_final(StatusCode::FORBIDDEN) && is_final(StatusCode::NOT_FOUND));
        assert!(!is_final(StatusCode::TOO_MANY_REQUESTS) && !is_final(StatusCode::BAD_GATEWAY));
    }
}
