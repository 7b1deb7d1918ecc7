//! Requests of an edge, as far as they matter here.

use std::{io, ops::Range};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
};

use crate::object::LANGUAGES;

/// Longest body that is taken, bytes.
const BODY_MAX: u64 = 1 << 16;

#[derive(Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) range: Option<String>,
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
    /// Which client asks, as far as it is told.
    pub(super) client: Option<String>,
    language: Option<String>,
}

impl Request {
    pub(super) fn language(&self) -> u64 {
        let asked = self.language.as_deref().unwrap_or_default();
        let known = LANGUAGES.iter().position(|known| *known == asked);
        known.unwrap_or(0) as u64
    }

    /// `bytes=a-b` and `bytes=a-`.
    pub(super) fn part(&self, len: u64) -> Option<Range<u64>> {
        let (first, last) = self
            .range
            .as_ref()?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let first: u64 = first.parse().ok()?;
        let last = last.parse().unwrap_or(len - 1).min(len - 1);
        (first <= last).then_some(first..last + 1)
    }
}

/// The next on this connection.
pub(super) async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut request = Request::default();
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    request.method = words.next().unwrap_or_default();
    request.path = words.next().unwrap_or_default();
    let mut len = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        let value = Some(value.to_owned());
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = value,
            "if-match" => request.if_match = value,
            "if-none-match" => request.if_none_match = value,
            "accept-language" => request.language = value,
            "x-client" => request.client = value,
            "content-length" => len = value.and_then(|len| len.parse().ok()).unwrap_or(0),
            _ => {}
        }
    }
    let mut body = Vec::new();
    stream
        .take(len.min(BODY_MAX))
        .read_to_end(&mut body)
        .await?;
    Ok(Some(request))
}
