//! A role in a process of its own; the edge has a file too.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::secret::read_secret;
use crate::{
    args::{AdminArgs, OriginArgs, WorkerArgs},
    config::Config,
    exit::{Exit, error},
    ops,
};

/// `weir origin`.
pub(super) async fn origin(mut config: Config, args: OriginArgs) -> anyhow::Result<()> {
    let settings = &mut config.origin;
    settings.listen = args.listen.unwrap_or(settings.listen);
    settings.data_dir = args.data_dir.unwrap_or_else(|| settings.data_dir.clone());
    settings.open_uploads |= args.open_uploads;
    let (shutdown, readiness) = start(&mut config, args.admin).await?;
    let settings = config.origin;
    let (copies, work_dir) = (settings.copies, settings.data_dir.join("work"));
    let done = shutdown.clone();
    let listener = ops::listen(settings.listen, "--listen").await?;
    let origin = open_origin(settings, shutdown).await?;
    let address = listener.local_addr()?;
    readiness.ask([address]);
    tracing::info!(%address, join_file = %origin.join_file().display(), "origin serves");
    if !copies {
        return Ok(origin::serve(listener, origin).await?);
    }
    let join = read_secret("origin.join_file", &origin.join_file())?;
    let copier = packager::run(copier(config.worker, address, work_dir), join, done);
    // Neither ends before the other: a copier that fails ends the origin.
    tokio::try_join!(
        async {
            origin::serve(listener, origin)
                .await
                .map_err(anyhow::Error::from)
        },
        async { copier.await.context("the worker beside the store failed") },
    )?;
    Ok(())
}

/// The worker beside the store: it only copies.
fn copier(config: packager::Config, origin: SocketAddr, work_dir: PathBuf) -> packager::Config {
    // Where it listens on every address, it is on this one too.
    let ip = match origin.ip() {
        ip if ip.is_unspecified() && ip.is_ipv6() => Ipv6Addr::LOCALHOST.into(),
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    packager::Config {
        origin: format!("http://{}", SocketAddr::new(ip, origin.port())),
        work_dir,
        kinds: vec![wire::TaskKind::Copy],
        // What is outside is called by workers of their own.
        outward: packager::outward::Config {
            fetches: 0,
            deliveries: 0,
            ..config.outward
        },
        ..config
    }
}

/// Opens an origin; a setting that can't be is a code of its own.
pub(super) async fn open_origin(
    settings: origin::Config,
    shutdown: CancellationToken,
) -> anyhow::Result<origin::Origin> {
    match origin::Origin::open(settings, shutdown).await {
        Err(fault @ origin::OriginError::Config(_)) => Err(error(Exit::Config, fault.to_string())),
        opened => opened.context("can't open the origin's data"),
    }
}

/// `weir worker`.
pub(super) async fn worker(mut config: Config, args: WorkerArgs) -> anyhow::Result<()> {
    let settings = &mut config.worker;
    if let Some(origin) = args.origin {
        (settings.origin, settings.origins) = (origin, Vec::new());
    }
    settings.work_dir = args.work_dir.unwrap_or_else(|| settings.work_dir.clone());
    let (shutdown, readiness) = start(&mut config, args.admin).await?;
    if let Some(fault) = config.worker.fault() {
        return Err(error(Exit::Config, fault));
    }
    let join = read_secret("--join-file", &args.join_file)?;
    super::jail::warn(&config.worker);
    // It has no listener of its own to ask.
    readiness.ask([]);
    Ok(packager::run(config.worker, join, shutdown).await?)
}

/// Signals first: one that comes while a role starts must end it as any other.
pub(super) async fn start(
    config: &mut Config,
    admin: AdminArgs,
) -> anyhow::Result<(CancellationToken, ops::Readiness)> {
    let shutdown = ops::shutdown()?;
    config.admin.listen = admin.listen.unwrap_or_else(|| config.admin.listen.clone());
    ops::Logging::of(&config.log)?.start(None)?;
    let beside = config.edge.take_over.is_some();
    let readiness = ops::admin(config.admin.address()?, "--admin", beside).await?;
    Ok((shutdown, readiness))
}
