//! One client: asks for all in all ways, and knows each byte that is right.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    Tally,
    chance::Chance,
    object::{COUNT, Object},
    origin,
};

/// Longest wait for a whole answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(addr: SocketAddr, mut chance: Chance, tally: Arc<Tally>) {
    loop {
        let asked = timeout(PATIENCE, ask(addr, &mut chance, &tally)).await;
        if !matches!(asked, Ok(Ok(()))) {
            tally.unreachable.fetch_add(1, Relaxed);
            sleep(Duration::from_millis(50)).await;
        }
        if chance.below(20) == 0 {
            sleep(Duration::from_millis(chance.below(500))).await;
        }
    }
}

struct Head {
    status: u16,
    tag: Option<String>,
    range: Option<String>,
    len: Option<u64>,
}

async fn ask(addr: SocketAddr, chance: &mut Chance, tally: &Tally) -> std::io::Result<()> {
    let id = chance.skewed_below(COUNT);
    let len = Object { id, generation: 0 }.len();
    let kind = chance.below(10);
    let (method, range) = match kind {
        0 => ("HEAD", String::new()),
        1..4 => {
            let first = chance.below(len);
            let last = first + chance.below(len);
            ("GET", format!("range: bytes={first}-{last}\r\n"))
        }
        4 => (
            "GET",
            format!("range: bytes=-{}\r\n", 1 + chance.below(len)),
        ),
        _ => ("GET", String::new()),
    };
    let mut stream = BufReader::new(TcpStream::connect(addr).await?);
    let request =
        format!("{method} /o/{id} HTTP/1.1\r\nhost: soak\r\nconnection: close\r\n{range}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let head = read_head(&mut stream).await?;
    if method == "HEAD" {
        return Ok(());
    }
    if head.status != 200 && head.status != 206 {
        tally.errors.fetch_add(1, Relaxed);
        return Ok(());
    }
    let leaves_at = (chance.below(15) == 0).then(|| chance.below(len));
    let is_slow = chance.below(30) == 0;
    judge(&mut stream, &head, id, leaves_at, is_slow, tally).await;
    Ok(())
}

async fn judge(
    stream: &mut BufReader<TcpStream>,
    head: &Head,
    id: u64,
    leaves_at: Option<u64>,
    is_slow: bool,
    tally: &Tally,
) {
    let object = head.tag.as_deref().and_then(Object::of_tag);
    let Some(object) = object.filter(|object| object.id == id) else {
        return wrong(tally, format!("/o/{id} has the tag {:?}", head.tag));
    };
    let start = match &head.range {
        None => 0,
        Some(range) => {
            let Some((first, len)) = content_range(range) else {
                return wrong(tally, format!("/o/{id}: {range}"));
            };
            if len.abs_diff(object.len()) > origin::LIE {
                return wrong(tally, format!("/o/{id}: {range} of {}", object.len()));
            }
            first
        }
    };
    let expected = head.len.unwrap_or(object.len() - start);
    let mut got = 0;
    let mut buffer = vec![0; 32 << 10];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        for (byte, offset) in buffer[..count].iter().zip(start + got..) {
            if *byte != object.byte(offset) {
                return wrong(tally, format!("/o/{id} {} at {offset}", object.tag()));
            }
        }
        got += count as u64;
        if leaves_at.is_some_and(|at| got > at) {
            tally.left.fetch_add(1, Relaxed);
            return;
        }
        if is_slow {
            sleep(Duration::from_millis(20)).await;
        }
    }
    tally.bytes.fetch_add(got, Relaxed);
    match got.cmp(&expected) {
        std::cmp::Ordering::Equal => {
            tally.right.fetch_add(1, Relaxed);
        }
        std::cmp::Ordering::Less => {
            tally.cut.fetch_add(1, Relaxed);
        }
        _ => wrong(
            tally,
            format!("/o/{id}: {got} bytes of {expected}, {}", object.len()),
        ),
    }
}

fn wrong(tally: &Tally, what: String) {
    println!("WRONG {what}");
    tally.wrong.fetch_add(1, Relaxed);
}

/// `bytes 0-9/100`: first and length.
fn content_range(field: &str) -> Option<(u64, u64)> {
    let (range, len) = field.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split('-').next()?.parse().ok()?, len.parse().ok()?))
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> std::io::Result<Head> {
    use tokio::io::AsyncBufReadExt;
    let ended = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
    let mut head = Head {
        status: status.ok_or_else(ended)?,
        tag: None,
        range: None,
        len: None,
    };
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(ended());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Ok(head);
        };
        match name {
            "etag" => head.tag = Some(value.to_owned()),
            "content-range" => head.range = Some(value.to_owned()),
            "content-length" => head.len = value.parse().ok(),
            _ => {}
        }
    }
}
