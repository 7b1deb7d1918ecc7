//! An origin that serves well mostly, and else does all that origins do wrong.

use std::{
    io,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use crate::{chance::Chance, object::Object};

const PIECE: u64 = 64 << 10;
/// By how much it lies about a length, bytes.
pub(crate) const LIE: u64 = 7;

#[derive(Clone, Copy)]
enum Fault {
    None,
    /// Pauses between pieces.
    Slow,
    /// Nothing for long.
    Silent,
    /// Ends in the middle.
    Cut,
    /// Ends before the head.
    HangUp,
    /// Claims more than it sends.
    Short,
    /// Sends more than it claims.
    Long,
    ServerError,
    Garbage,
}

pub(crate) async fn start(chance: Chance) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let chance = Arc::new(Mutex::new(chance));
    let began = Instant::now();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let chance = chance.clone();
            tokio::spawn(async move {
                // Whoever leaves is no fault here.
                let _ = serve(stream, &chance, began).await;
            });
        }
    });
    addr
}

fn fault(chance: &Mutex<Chance>) -> Fault {
    match chance.lock().unwrap().below(100) {
        0..5 => Fault::Slow,
        5 => Fault::Silent,
        6..9 => Fault::Cut,
        9..11 => Fault::HangUp,
        11..13 => Fault::Short,
        13 => Fault::Long,
        14..18 => Fault::ServerError,
        18 => Fault::Garbage,
        _ => Fault::None,
    }
}

#[derive(Default)]
struct Request {
    id: u64,
    is_head: bool,
    range: Option<String>,
    if_match: Option<String>,
    if_none_match: Option<String>,
}

async fn serve(stream: TcpStream, chance: &Mutex<Chance>, began: Instant) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        let fault = fault(chance);
        let object = Object::now(request.id, began);
        if !answer(stream.get_mut(), &request, object, fault).await? {
            break;
        }
    }
    Ok(())
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut request = Request::default();
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    request.is_head = words.next() == Some("HEAD");
    let id = words.next().and_then(|path| path.rsplit('/').next());
    request.id = id.and_then(|id| id.parse().ok()).unwrap_or(0);
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Ok(Some(request));
        };
        let value = Some(value.to_owned());
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = value,
            "if-match" => request.if_match = value,
            "if-none-match" => request.if_none_match = value,
            _ => {}
        }
    }
}

/// Whether the connection can go on.
async fn answer(
    stream: &mut TcpStream,
    request: &Request,
    object: Object,
    fault: Fault,
) -> io::Result<bool> {
    match fault {
        Fault::HangUp => return Ok(false),
        Fault::Silent => {
            sleep(Duration::from_secs(15)).await;
            return Ok(false);
        }
        Fault::Garbage => {
            stream.write_all(b"\x16\x03garbage\r\n\r\n").await?;
            return Ok(false);
        }
        Fault::ServerError => {
            let text = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno";
            let text = if request.is_head {
                &text[..text.len() - 2]
            } else {
                &text[..]
            };
            stream.write_all(text).await?;
            return Ok(true);
        }
        _ => {}
    }
    let tag = object.tag();
    let control = format!(
        "etag: {tag}\r\ncache-control: max-age=5, stale-while-revalidate=3, stale-if-error=20\r\n"
    );
    if request.if_none_match.as_deref() == Some(&tag) {
        let head = format!("HTTP/1.1 304 Not Modified\r\n{control}\r\n");
        stream.write_all(head.as_bytes()).await?;
        return Ok(true);
    }
    if request
        .if_match
        .as_deref()
        .is_some_and(|wanted| wanted != tag)
    {
        let head = "HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        return Ok(true);
    }
    let len = object.len();
    let part = request.range.as_deref().and_then(|range| parse(range, len));
    let (status, range) = match &part {
        Some(part) => {
            let last = part.end - 1;
            let field = format!("content-range: bytes {}-{last}/{len}\r\n", part.start);
            (format!("206 Partial Content\r\n{field}"), part.clone())
        }
        None => ("200 OK\r\n".to_owned(), 0..len),
    };
    let said = match fault {
        Fault::Short => range.end - range.start + LIE,
        Fault::Long => (range.end - range.start).saturating_sub(LIE),
        _ => range.end - range.start,
    };
    let head = format!("HTTP/1.1 {status}{control}content-length: {said}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    if request.is_head {
        return Ok(true);
    }
    send(stream, object, range, fault).await?;
    Ok(matches!(fault, Fault::None | Fault::Slow))
}

async fn send(
    stream: &mut TcpStream,
    object: Object,
    range: Range<u64>,
    fault: Fault,
) -> io::Result<()> {
    let middle = range.start + (range.end - range.start) / 2;
    let mut at = range.start;
    while at < range.end {
        let next = (at + PIECE).min(range.end);
        if matches!(fault, Fault::Cut) && next > middle {
            return Ok(());
        }
        stream.write_all(&object.bytes(at..next)).await?;
        if matches!(fault, Fault::Slow) {
            sleep(Duration::from_millis(200)).await;
        }
        at = next;
    }
    Ok(())
}

/// `bytes=a-b` and `bytes=a-`.
fn parse(field: &str, len: u64) -> Option<Range<u64>> {
    let (first, last) = field.strip_prefix("bytes=")?.split_once('-')?;
    let first: u64 = first.parse().ok()?;
    let last = last.parse().unwrap_or(len - 1).min(len - 1);
    (first <= last).then_some(first..last + 1)
}
