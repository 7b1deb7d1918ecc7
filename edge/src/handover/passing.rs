//! Sockets in a message (unix(7), SCM_RIGHTS), with a line that says what each is for.

use std::{
    io::{self, ErrorKind, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::{
    io::Interest,
    net::{TcpListener, UnixStream},
};

use crate::Listeners;

/// What a later process may find; the words are what they say to each other.
const HTTP: &str = "http";
const TLS: &str = "tls";
const ADMIN: &str = "admin";
/// Sockets, and bytes of the line, at most. Chosen: more than there are.
const SOCKETS_MAX: usize = 4;
const LINE_MAX: usize = 64;

/// What was received.
pub(super) struct Sockets {
    pub(super) http: TcpListener,
    pub(super) tls: Option<TcpListener>,
    pub(super) admin: Option<TcpListener>,
}

/// Listening sockets, held open to be sent.
pub(super) struct Copies {
    line: String,
    sockets: Vec<OwnedFd>,
}

impl Copies {
    pub(super) fn of(listeners: &Listeners, admin: Option<&TcpListener>) -> io::Result<Self> {
        let named = [
            (HTTP, Some(&listeners.http)),
            (TLS, listeners.tls.as_ref()),
            (ADMIN, admin),
        ];
        let named = named.into_iter().filter_map(|(name, it)| Some((name, it?)));
        let (names, sockets): (Vec<_>, Vec<_>) = named.unzip();
        let copies = sockets
            .into_iter()
            .map(|it| it.as_fd().try_clone_to_owned());
        Ok(Self {
            line: format!("{}\n", names.join(" ")),
            sockets: copies.collect::<io::Result<_>>()?,
        })
    }

    pub(super) async fn send(&self, stream: &UnixStream) -> io::Result<()> {
        let sockets: Vec<_> = self.sockets.iter().map(AsFd::as_fd).collect();
        let send = || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
            let mut message = SendAncillaryBuffer::new(&mut space);
            if !message.push(SendAncillaryMessage::ScmRights(&sockets)) {
                return Err(io::Error::new(ErrorKind::InvalidInput, "too many sockets"));
            }
            let line = [IoSlice::new(self.line.as_bytes())];
            Ok(sendmsg(stream, &line, &mut message, SendFlags::NOSIGNAL)?)
        };
        stream.async_io(Interest::WRITABLE, send).await.map(drop)
    }
}

/// What [`Copies::send`] sent.
pub(super) async fn receive(stream: &UnixStream) -> io::Result<Sockets> {
    let mut line = [0; LINE_MAX];
    let mut sockets = Vec::new();
    let read = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut message = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(&mut line)];
        let read = recvmsg(stream, &mut into, &mut message, RecvFlags::CMSG_CLOEXEC)?;
        for part in message.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = part {
                sockets.extend(fds);
            }
        }
        Ok(read.bytes)
    };
    let len = stream.async_io(Interest::READABLE, read).await?;
    let line = str::from_utf8(&line[..len]).map_err(|_| odd("its line is no text"))?;
    let (mut http, mut tls, mut admin) = (None, None, None);
    for (name, socket) in line.split_whitespace().zip(sockets) {
        match name {
            HTTP => http = Some(listener(socket)?),
            TLS => tls = Some(listener(socket)?),
            ADMIN => admin = Some(listener(socket)?),
            // Of a later version than this: it stays with the old process.
            _ => {}
        }
    }
    let http = http.ok_or_else(|| odd("it sent no listening socket"))?;
    Ok(Sockets { http, tls, admin })
}

fn listener(socket: OwnedFd) -> io::Result<TcpListener> {
    if !rustix::net::sockopt::socket_acceptconn(&socket)? {
        return Err(odd(&format!("{} does not listen", socket.as_raw_fd())));
    }
    let listener = net::TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn odd(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}
