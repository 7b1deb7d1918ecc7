//! What every role needs around it: logs, metrics, signals, listeners.

mod recorder;

use std::{
    fs::File,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use bytes::Bytes;
use http::{Method, StatusCode, header::CONTENT_TYPE};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

use self::recorder::{Counted, Counting};
use crate::{
    client::Client,
    config::{Log, LogFormat},
    exit::{Exit, error},
    inherited,
};

/// How often the recorder folds what it gathered. Chosen.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What `/metrics` is written in, as Prometheus 3 wants to be told.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Connections that may wait to be accepted by the admin listener. Chosen.
const BACKLOG: u32 = 128;

/// Longest wait for a role's own answer whether it is ready.
const READY_WAIT: Duration = Duration::from_secs(2);

/// How to log, found good.
pub(crate) struct Logging {
    filter: EnvFilter,
    format: LogFormat,
}

impl Logging {
    /// Checks the settings.
    pub(crate) fn of(log: &Log) -> anyhow::Result<Self> {
        let filter = EnvFilter::try_new(&log.filter)
            .map_err(|fault| error(Exit::Config, format!("log.filter: {fault}")))?;
        Ok(Self {
            filter,
            format: log.format,
        })
    }

    /// Starts logging, to the end of a file or to standard error. Once a process.
    pub(crate) fn start(self, file: Option<&Path>) -> anyhow::Result<()> {
        let writer = match file {
            Some(path) => {
                let open = File::options().create(true).append(true).open(path)?;
                BoxMakeWriter::new(Mutex::new(open))
            }
            None => BoxMakeWriter::new(std::io::stderr),
        };
        let builder = tracing_subscriber::fmt()
            .with_env_filter(self.filter)
            .with_writer(writer)
            .with_ansi(false);
        match self.format {
            LogFormat::Text => builder.init(),
            LogFormat::Json => builder.json().init(),
        }
        Ok(())
    }
}

/// Cancelled by SIGTERM and SIGINT; a second one ends the process at once.
pub(crate) fn shutdown() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if cancelled.is_cancelled() {
                std::process::exit(Exit::Interrupted as i32);
            }
            tracing::info!("stopping");
            cancelled.cancel();
        }
    });
    Ok(token)
}

/// Listens, on a socket that is open already or a new one, or says which flag names another
/// address.
pub(crate) async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    if let Some(listener) = inherited::take(flag)? {
        return Ok(listener);
    }
    let bound = TcpListener::bind(address).await;
    said(bound, address, flag)
}

/// The same, where another process of this user may listen too: for the moment in which
/// one takes over from the other.
fn listen_beside(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    if let Some(listener) = inherited::take(flag)? {
        return Ok(listener);
    }
    let bind = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    said(bind(), address, flag)
}

fn said(
    bound: std::io::Result<TcpListener>,
    address: SocketAddr,
    flag: &str,
) -> anyhow::Result<TcpListener> {
    bound.map_err(|fault| {
        let what = match fault.kind() {
            std::io::ErrorKind::AddrInUse => format!("{address} is taken by another program"),
            _ => format!("can't listen on {address}: {fault}"),
        };
        error(Exit::Listen, format!("{what}; {flag} names another"))
    })
}

/// Starts counting. Once a process.
fn metrics() -> anyhow::Result<Counted> {
    let counting = Counting::new();
    let counted = counting.counted();
    metrics::set_global_recorder(counting)
        .map_err(|_| anyhow::anyhow!("metrics are counted already"))?;
    let upkeep = counted.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(counted)
}

/// Whether the roles of this process can serve: what `/readyz` of the admin listener tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness(Arc<OnceLock<Vec<SocketAddr>>>);

impl Readiness {
    /// From now on it is ready when every role that listens at `addresses` says so of
    /// itself; with none, always. Only the first call counts.
    pub(crate) fn ask(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let _ = self.0.set(addresses.into_iter().collect());
    }

    async fn answer(&self) -> (StatusCode, String) {
        let unready = |why: String| {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {why}\n"),
            )
        };
        let Some(addresses) = self.0.get() else {
            return unready("starting".to_owned());
        };
        for address in addresses {
            if !role_is_ready(*address).await {
                return unready(address.to_string());
            }
        }
        (StatusCode::OK, "ready\n".to_owned())
    }
}

/// Asks a role of this process at its own listener.
async fn role_is_ready(mut address: SocketAddr) -> bool {
    // 0.0.0.0 is where to listen, not where to go.
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let Ok(client) = Client::new(&format!("http://{address}"), None) else {
        return false;
    };
    let asked = client.send(Method::GET, "/readyz", &[], Bytes::new());
    let answer = tokio::time::timeout(READY_WAIT, asked).await;
    matches!(answer, Ok(Ok(answer)) if answer.status().is_success())
}

/// Serves `/metrics`, `/healthz` and `/readyz` where `address` says, until the process ends.
/// `beside` lets another process do the same.
pub(crate) async fn admin(
    address: Option<SocketAddr>,
    flag: &str,
    beside: bool,
) -> anyhow::Result<Readiness> {
    let counted = metrics()?;
    let readiness = Readiness::default();
    let Some(address) = address else {
        return Ok(readiness);
    };
    let listener = match beside {
        true => listen_beside(address, flag)?,
        false => listen(address, flag).await?,
    };
    let router = Router::new()
        .route(
            "/metrics",
            get(async move || ([(CONTENT_TYPE, TEXT_FORMAT)], counted.render())),
        )
        .route("/healthz", get(async || "ok\n"))
        .route(
            "/readyz",
            get(async |State(r): State<Readiness>| r.answer().await),
        )
        .with_state(readiness.clone());
    tokio::spawn(async move {
        if let Err(fault) = axum::serve(listener, router).await {
            tracing::error!(error = %fault, "the admin listener failed");
        }
    });
    Ok(readiness)
}
