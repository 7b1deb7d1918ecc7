//! One answer, with one fault or none.

use std::{io, ops::Range, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use super::{fault::Fault, request::Request};
use crate::{
    object::{Changes, LIE, Object, Sharing, Site, changes, is_lied_about, sharing, tags, varies},
    world::World,
};

const PIECE: u64 = 64 << 10;
/// Of a slow answer: the pause after each piece, and how many pauses it has at most.
const PAUSE: Duration = Duration::from_millis(150);
const PAUSES: u64 = 24;
/// Longer than the edge waits.
const SILENCE: Duration = Duration::from_secs(15);

/// Whether the connection can go on.
pub(super) async fn answer(
    stream: &mut TcpStream,
    request: &Request,
    fault: Fault,
    world: &World,
) -> io::Result<bool> {
    let Some((site, id)) = Site::of_path(&request.path) else {
        let text = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(text).await.map(|()| true);
    };
    if request.method == "POST" {
        world.change(id);
    }
    if fault.does_harm(id) {
        world.disturb(id);
    }
    match fault {
        Fault::HangUp => return Ok(false),
        Fault::Silent => {
            sleep(SILENCE).await;
            world.disturb(id);
            return Ok(false);
        }
        Fault::Garbage => {
            stream.write_all(b"\x16\x03garbage\r\n\r\n").await?;
            return Ok(false);
        }
        Fault::ServerError => {
            let body = if request.method == "HEAD" { "" } else { "no" };
            let text = format!("HTTP/1.1 503 Unavailable\r\ncontent-length: 2\r\n\r\n{body}");
            return stream.write_all(text.as_bytes()).await.map(|()| true);
        }
        _ => {}
    }
    let language = match varies(id, site) {
        true => request.language(),
        false => 0,
    };
    let object = Object {
        id,
        generation: world.generation(id),
        language,
    };
    let fields = fields(object, site, request);
    let etag = object.etag();
    if etag.is_some() && request.if_none_match == etag {
        let head = format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n");
        return stream.write_all(head.as_bytes()).await.map(|()| true);
    }
    if request.if_match.is_some() && request.if_match != etag {
        let head = b"HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(head).await.map(|()| true);
    }
    if request.method == "POST" {
        let head = format!("HTTP/1.1 200 OK\r\nx-soak: {object}\r\ncontent-length: 0\r\n\r\n");
        return stream.write_all(head.as_bytes()).await.map(|()| true);
    }
    whole_or_part(stream, object, &fields, request, fault).await
}

async fn whole_or_part(
    stream: &mut TcpStream,
    object: Object,
    fields: &str,
    request: &Request,
    fault: Fault,
) -> io::Result<bool> {
    let len = object.len();
    let is_head = request.method == "HEAD";
    let part = request.part(len).filter(|_| !is_head);
    let (status, range) = match &part {
        Some(part) => {
            let last = part.end - 1;
            let field = format!("content-range: bytes {}-{last}/{len}\r\n", part.start);
            (format!("206 Partial Content\r\n{field}"), part.clone())
        }
        None => ("200 OK\r\n".to_owned(), 0..len),
    };
    let asked = range.end - range.start;
    let said = match fault {
        Fault::Short if !is_head => asked + LIE,
        Fault::Long if !is_head && is_lied_about(object.id) => asked.saturating_sub(LIE),
        _ => asked,
    };
    let head = format!("HTTP/1.1 {status}{fields}content-length: {said}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    if is_head {
        return Ok(true);
    }
    send(stream, object, range, fault).await?;
    Ok(said == asked && matches!(fault, Fault::None | Fault::Slow | Fault::Long))
}

fn fields(object: Object, site: Site, request: &Request) -> String {
    let id = object.id;
    let mut fields = format!("x-soak: {object}\r\nsurrogate-key: {}\r\n", tags(id));
    if let Some(etag) = object.etag() {
        fields += &format!("etag: {etag}\r\n");
    }
    if varies(id, site) {
        fields += "vary: accept-language\r\n";
    }
    if site == Site::Keyed {
        fields += "weir-access: keyed\r\n";
    }
    let client = request.client.as_deref().unwrap_or_default();
    let sharing = sharing(id, site);
    if sharing == Sharing::Cookie {
        fields += &format!("set-cookie: client={client}\r\n");
    }
    fields += &match (sharing, changes(id)) {
        (Sharing::Private, _) => format!("x-for: {client}\r\ncache-control: private\r\n"),
        // Asked about each time.
        (_, Changes::InTime) if id % 12 == 1 => "cache-control: no-cache\r\n".to_owned(),
        (_, Changes::InTime) => {
            "cache-control: max-age=5, stale-while-revalidate=3, stale-if-error=20\r\n".to_owned()
        }
        _ => "cache-control: max-age=3600\r\n".to_owned(),
    };
    fields
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
        if next > middle {
            match fault {
                Fault::Cut => return Ok(()),
                Fault::Reset => return stream.set_zero_linger(),
                Fault::Stalls => {
                    sleep(SILENCE).await;
                    return Ok(());
                }
                _ => {}
            }
        }
        stream.write_all(&object.bytes(at..next)).await?;
        if fault == Fault::Slow && (at - range.start) / PIECE < PAUSES {
            sleep(PAUSE).await;
        }
        at = next;
    }
    Ok(())
}
