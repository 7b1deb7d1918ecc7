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

use super::{
    conn::{Conn, Upload},
    error::Fault,
    place::Place,
    resolve::Name,
    tls::Trust,
};

/// How long one address has before the next is tried besides (RFC 8305 §8).
const HEAD_START: Duration = Duration::from_millis(250);
/// Longest head of an answer, bytes. Chosen: four times what servers send at most.
const HEAD_LEN_MAX: usize = 64 << 10;

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
    http.max_header_size(HEAD_LEN_MAX);
    let made = http.handshake::<_, Upload>(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| Fault::NoWay(error.to_string()))?;
    let task = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(Conn { sender, task })
}
