//! From an origin's place to a connection that a request can be sent on.

use std::{future::pending, io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{conn::Conn, error::Fault, place::Place, resolve::Name, tls::Trust, upload::Upload};

/// How long one address has before the next is tried besides (RFC 8305 §8).
const HEAD_START: Duration = Duration::from_millis(250);
/// Longest head of an answer, bytes. Chosen: four times what servers send at most.
const HEAD_LEN_MAX: usize = 64 << 10;
/// Longest piece of a body that is read at once, bytes; also what a connection that waits may
/// still hold. Chosen: hyper's own 400 KiB left a third more in the allocator than was stored.
const PIECE_LEN_MAX: usize = 128 << 10;

/// Makes connections to one origin.
pub(crate) struct Dial {
    name: Name,
    tls: Option<Trust>,
    place: Place,
    patience: Duration,
}

impl Dial {
    /// `trust` says which certificates count, where the place wants one.
    pub(crate) fn new(place: &Place, keep: Duration, patience: Duration, trust: &Trust) -> Self {
        Self {
            name: Name::new(place, keep),
            tls: place.tls.then(|| trust.clone()),
            place: place.clone(),
            patience,
        }
    }

    /// A new connection, name and TLS included in the time that it may take.
    pub(crate) async fn connect(&self) -> Result<Conn, Fault> {
        let made = timeout(self.patience, self.make()).await;
        made.unwrap_or(Err(Fault::Slow(self.patience)))
    }

    async fn make(&self) -> Result<Conn, Fault> {
        let addresses = self.name.addresses().await?;
        let (stream, address) = first(&addresses).await?;
        let _ = stream.set_nodelay(true);
        let conn = match &self.tls {
            None => speak(stream).await,
            Some(trust) => speak(trust.connect(self.place.host(), stream).await?).await,
        }?;
        self.name.worked(address);
        Ok(conn)
    }
}

/// Tries the addresses in order, each a little after the one before or when that failed,
/// until one takes the connection.
async fn first(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), Fault> {
    let mut left = addresses.iter().copied();
    let mut tries = FuturesUnordered::new();
    let mut fault = Fault::Name("it has no address".to_owned());
    loop {
        if let Some(address) = left.next() {
            tries.push(async move { (address, TcpStream::connect(address).await) });
        } else if tries.is_empty() {
            return Err(fault);
        }
        let more = left.len() > 0;
        let next = async {
            if more {
                sleep(HEAD_START).await;
            } else {
                pending::<()>().await;
            }
        };
        tokio::select! {
            Some((address, tried)) = tries.next() => match tried {
                Ok(stream) => return Ok((stream, address)),
                Err(error) => fault = refused(&error),
            },
            () = next => {}
        }
    }
}

fn refused(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::Refused,
        _ => Fault::NoWay(error.to_string()),
    }
}

async fn speak<S>(stream: S) -> Result<Conn, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.max_header_size(HEAD_LEN_MAX)
        .max_buf_size(PIECE_LEN_MAX);
    let made = http.handshake::<_, Upload>(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| Fault::NoWay(error.to_string()))?;
    let task = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(Conn { sender, task })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::upstream::resolve::{Looking, scripted};

    async fn free() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn each_address_is_tried_until_one_takes_the_connection() {
        let ((_, dead), (_, gone), (_listener, live)) = (free().await, free().await, free().await);
        let (_, address) = first(&[dead, gone, live]).await.unwrap();
        assert_eq!(address, live);
        assert_eq!(first(&[dead, gone]).await.unwrap_err(), Fault::Refused);
    }

    #[tokio::test]
    async fn a_name_with_several_addresses_is_tried_at_the_one_that_worked_first() {
        let ((_, dead), (listener, live)) = (free().await, free().await);
        let place = Place::parse("http://o.example").unwrap();
        let answer = move || Ok(vec![dead, live]);
        let name = Name::with(&place, Duration::from_secs(30), scripted(answer));
        let trust = Trust::load("").unwrap();
        let patience = Duration::from_secs(3);
        let dial = Dial {
            name,
            ..Dial::new(&place, patience, patience, &trust)
        };
        let (conn, accepted) = tokio::join!(dial.connect(), listener.accept());
        assert!(conn.is_ok() && accepted.is_ok());
        assert_eq!(dial.name.addresses().await, Ok(vec![live, dead]));
    }

    #[tokio::test]
    async fn a_name_server_that_says_nothing_has_the_time_of_a_connection() {
        let place = Place::parse("http://o.example").unwrap();
        let silent = Box::new(|_, _| -> Looking { Box::pin(pending()) });
        let name = Name::with(&place, Duration::from_secs(30), silent);
        let patience = Duration::from_millis(10);
        let trust = Trust::load("").unwrap();
        let dial = Dial {
            name,
            ..Dial::new(&place, patience, patience, &trust)
        };
        assert_eq!(dial.connect().await.err(), Some(Fault::Slow(patience)));
    }
}
