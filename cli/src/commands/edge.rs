//! `weir edge`.

use std::net::SocketAddr;

use edge::EdgeError;
use tokio::net::TcpListener;

use super::{roles::start, secret::read_secret};
use crate::{
    args::EdgeArgs,
    config::Config,
    exit::{Exit, error},
    ops,
};

pub(super) async fn run(mut config: Config, args: EdgeArgs) -> anyhow::Result<()> {
    let EdgeArgs {
        join_file, admin, ..
    } = args.clone();
    take(&mut config.edge, args)?;
    let join = join_file.map(|file| read_secret("--join-file", &file));
    let join = join.transpose()?;
    config.edge.validate().map_err(refused)?;
    let (shutdown, readiness) = start(&mut config, admin).await?;
    let listeners = listeners(&config.edge).await?;
    readiness.ask([listeners.http.local_addr()?]);
    let served = edge::serve(listeners, config.edge, join, shutdown).await;
    served.map_err(refused)
}

/// Flags stand over the file.
fn take(settings: &mut edge::Config, args: EdgeArgs) -> anyhow::Result<()> {
    settings.listen = args.listen.unwrap_or(settings.listen);
    settings.tls_listen = args.tls_listen.or(settings.tls_listen);
    if !args.tls_cert.is_empty() || !args.tls_key.is_empty() {
        settings.tls_cert = args.tls_cert;
        settings.tls_key = args.tls_key;
    }
    settings.take_over = args.take_over.or_else(|| settings.take_over.clone());
    if let Some(origin) = args.origin {
        if !settings.site.is_empty() && args.join_file.is_none() {
            let why = "--origin would not be asked: edge.site lists what is; leave one of them out";
            return Err(error(Exit::Config, why));
        }
        (settings.origin, settings.origins) = (origin, Vec::new());
        settings.origin_weights = Vec::new();
    }
    settings.pop = args.pop.unwrap_or_else(|| settings.pop.clone());
    settings.ram = args.ram.unwrap_or(settings.ram);
    settings.cache_dir = args.cache_dir.or_else(|| settings.cache_dir.clone());
    if args.disk.is_some() && settings.cache_dir.is_none() {
        let why = "--disk needs a folder: --cache-dir, or edge.cache_dir";
        return Err(error(Exit::Config, why));
    }
    settings.disk = args.disk.unwrap_or(settings.disk);
    settings.profile = args.profile.map_or(settings.profile, Into::into);
    settings.heuristic = args.heuristic.unwrap_or(settings.heuristic);
    Ok(())
}

/// Why it does not start, with the code for that.
fn refused(fault: EdgeError) -> anyhow::Error {
    let exit = match fault {
        EdgeError::Admin { .. } | EdgeError::TakeOver { .. } => Exit::Listen,
        _ => Exit::Config,
    };
    error(exit, fault.to_string())
}

/// Those of the edge before this one, or new ones.
async fn listeners(settings: &edge::Config) -> anyhow::Result<edge::Listeners> {
    let taken = match &settings.take_over {
        Some(path) => edge::take_over(path).await,
        None => Ok(None),
    };
    let mut listeners = match taken.map_err(refused)? {
        Some(taken) if listens_on(&taken.http, settings.listen) => taken,
        Some(mut taken) => {
            taken.http = ops::listen(settings.listen, "--listen").await?;
            taken
        }
        None => ops::listen(settings.listen, "--listen").await?.into(),
    };
    listeners.tls = match (settings.tls_listen, listeners.tls) {
        (None, _) => None,
        (Some(address), Some(taken)) if listens_on(&taken, address) => Some(taken),
        (Some(address), _) => Some(ops::listen(address, "--tls-listen").await?),
    };
    Ok(listeners)
}

/// Whether a socket is where the settings want one.
fn listens_on(listener: &TcpListener, address: SocketAddr) -> bool {
    listener
        .local_addr()
        .is_ok_and(|own| own == address || (address.port() == 0 && own.ip() == address.ip()))
}
