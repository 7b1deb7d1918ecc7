//! What every role needs around it: logs, metrics, signals, listeners.

use std::{fs::File, net::SocketAddr, path::Path, sync::Mutex, time::Duration};

use axum::{Router, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

use crate::{
    config::{Log, LogFormat},
    exit::{Exit, error},
};

/// How often the recorder folds what it gathered. Chosen.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts logging, to a file or to standard error.
pub(crate) fn log(log: &Log, file: Option<&Path>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|fault| error(Exit::Config, format!("log.filter: {fault}")))?;
    let writer = match file {
        Some(path) => BoxMakeWriter::new(Mutex::new(File::create(path)?)),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false);
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
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
                std::process::exit(130);
            }
            tracing::info!("stopping");
            cancelled.cancel();
        }
    });
    Ok(token)
}

/// Listens, or says which flag names another address.
pub(crate) async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|fault| {
        let what = match fault.kind() {
            std::io::ErrorKind::AddrInUse => format!("{address} is taken by another program"),
            _ => format!("can't listen on {address}: {fault}"),
        };
        error(Exit::Listen, format!("{what}; {flag} names another"))
    })
}

/// Starts counting. Once a process.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Serves `/metrics` where `address` says, until the process ends.
pub(crate) async fn admin(address: Option<SocketAddr>, flag: &str) -> anyhow::Result<()> {
    let handle = metrics()?;
    let Some(address) = address else {
        return Ok(());
    };
    let listener = listen(address, flag).await?;
    let router = Router::new()
        .route("/metrics", get(async move || handle.render()))
        .route("/healthz", get(async || "ok\n"));
    tokio::spawn(async move {
        if let Err(fault) = axum::serve(listener, router).await {
            tracing::error!(error = %fault, "the admin listener failed");
        }
    });
    Ok(())
}
