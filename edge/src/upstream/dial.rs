//! From an origin's place to a connection that a request can be sent on.

use std::{future::pending, io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{conn::Conn, error::Fault, place::Place, resolve::Name, tls::Trust, wire::Wire};

/// How long one address has before the next is tried besides (RFC 8305 §8).
const HEAD_START: Duration = Duration::from_millis(250);

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
        let wire = match &self.tls {
            None => Wire::new(stream),
            Some(trust) => Wire::new(trust.connect(self.place.host(), stream).await?),
        };
        let conn = Conn::new(wire).await;
        let conn = conn.map_err(|error| Fault::NoWay(error.to_string()))?;
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
