//! An origin that serves well mostly, and else does all that origins do wrong.

mod answer;
mod fault;
mod request;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use self::{fault::Fault, request::Request};
use crate::{chance::Chance, world::World};

/// Addresses of the same origin.
const ADDRESSES: usize = 2;

/// Serves until the program ends.
pub(crate) async fn start(world: &Arc<World>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for _ in 0..ADDRESSES {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        tokio::spawn(accept(listener, world.clone()));
    }
    addresses
}

async fn accept(listener: TcpListener, world: Arc<World>) {
    while let Ok((stream, _)) = listener.accept().await {
        let world = world.clone();
        let chance = world.chance();
        tokio::spawn(async move {
            // Whoever leaves is no fault here.
            let _ = serve(stream, chance, &world).await;
        });
    }
}

async fn serve(stream: TcpStream, mut chance: Chance, world: &World) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = request::read(&mut stream).await? {
        let goes_on = if request.path.starts_with("/api/") {
            news(stream.get_mut(), &request, world).await?
        } else {
            let fault = Fault::by(&mut chance);
            answer::answer(stream.get_mut(), &request, fault, world).await?
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// The keys, by long poll. Never faulty: what is revoked must be heard.
async fn news(stream: &mut TcpStream, request: &Request, world: &World) -> io::Result<bool> {
    let number = |name: &str| {
        let query = request.path.split_once('?')?.1;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|pair| pair.0 == name)?.1.parse().ok()
    };
    let wait = Duration::from_secs(number("wait").unwrap_or(0));
    let news = match request.path.starts_with("/api/keys?") {
        true => world.keys.news(number("after").unwrap_or(0), wait).await,
        false => None,
    };
    let text = match news {
        Some(json) => format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        ),
        None => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
    };
    stream.write_all(text.as_bytes()).await?;
    Ok(true)
}
