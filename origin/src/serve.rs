//! Listening, sweeping, stopping.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, http::Request};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, interval, timeout_at},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use crate::{
    Config, OriginError,
    app::{App, Shared},
    by::Peer,
    clock::now_ms,
    garbage::Sweeper,
    http::{self, router, tus},
    warming,
};

/// Longest wait for a request's head. Chosen: a slow phone needs less.
const HEAD_WAIT: Duration = Duration::from_secs(15);

/// A peer that takes no byte of its answer for this long is cut. Chosen.
const TAKE_WAIT: Duration = Duration::from_secs(30);

/// Longest time between two looks for jobs, uploads and bytes that nobody tends. Chosen;
/// a short lease makes it shorter.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// An origin with its catalogue and store open, ready to serve.
pub struct Origin {
    app: Shared,
}

impl Origin {
    /// Opens catalogue, store and secrets, making what is not there.
    ///
    /// # Errors
    /// A setting that can't be, a newer catalogue, or files that can't be read or made.
    pub async fn open(config: Config, shutdown: CancellationToken) -> Result<Self, OriginError> {
        let faults = config.faults();
        if !faults.is_empty() {
            return Err(OriginError::Config(faults.join("; ")));
        }
        Ok(Self {
            app: App::open(config, shutdown).await?,
        })
    }

    /// File of the token by which workers and edges join.
    #[must_use]
    pub fn join_file(&self) -> PathBuf {
        self.app.config.join_path()
    }

    /// File of the operator's token.
    #[must_use]
    pub fn admin_file(&self) -> PathBuf {
        self.app.config.admin_path()
    }
}

/// Serves until `origin`'s shutdown token is cancelled, then lets what runs finish, up to
/// [`Config::drain`].
///
/// # Errors
/// None once it listens; problems of single requests are answered.
pub async fn serve(listener: TcpListener, origin: Origin) -> Result<(), OriginError> {
    let app = origin.app;
    let mut sweeper = JoinSet::new();
    sweeper.spawn(sweep(app.clone()));
    let deadline = accept(listener, &app).await;
    sweeper.shutdown().await;
    app.tasks.close();
    let _ = timeout_at(deadline, app.tasks.wait()).await;
    app.catalogue.close().await;
    Ok(())
}

/// Returns once it stops and its connections have ended, or their deadline has passed.
async fn accept(listener: TcpListener, app: &Shared) -> Instant {
    let router = router(app.clone());
    let open = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(app.config.connections_max));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => match room.clone().try_acquire_owned() {
                Ok(permit) => connection((stream, peer), router.clone(), &open, permit),
                Err(_) => refuse(&stream),
            },
            Err(error) => {
                // Out of file handles, as a rule: wait for one rather than spin.
                tracing::warn!(%error, "can't accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // Closed before the drain: who comes now is refused at once and asks elsewhere.
    drop(listener);
    let deadline = Instant::now() + app.config.drain;
    if timeout_at(deadline, open.shutdown()).await.is_err() {
        let cut = app.config.connections_max - room.available_permits();
        tracing::warn!(cut, "stopped with connections still open");
    }
    deadline
}

/// No room: said in one write, or not at all.
fn refuse(stream: &TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = stream.try_write(FULL);
}

fn connection(
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    open: &GracefulShutdown,
    permit: tokio::sync::OwnedSemaphorePermit,
) {
    // Small answers must not wait for the peer's acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        router.call(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(TAKE_WAIT));
    let stream = TokioIo::new(Box::pin(stream));
    let connection = open.watch(builder.serve_connection(stream, service));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
        drop(permit);
    });
}

/// Gives up silent jobs, drops expired uploads, forgets ended keys, deletes garbage.
async fn sweep(app: Shared) {
    let mut ticks = interval(SWEEP_EVERY.min(app.config.lease));
    let mut garbage = Sweeper::default();
    loop {
        ticks.tick().await;
        let swept = [
            sweep_once(&app).await,
            tus::go_on(&app).await,
            garbage.round(&app).await,
        ];
        for swept in swept {
            if let Err(error) = swept {
                tracing::error!(error = &error as &dyn std::error::Error, "sweep failed");
            }
        }
    }
}

async fn sweep_once(app: &App) -> Result<(), OriginError> {
    let given_up = app.catalogue.give_up_silent().await?;
    if given_up > 0 {
        tracing::warn!(given_up, "jobs given up");
    }
    app.catalogue.time_passed();
    for upload in app.catalogue.give_up_errands().await? {
        http::drop_upload(app, &upload).await?;
    }
    app.catalogue.forget_errands().await?;
    for upload in app.catalogue.expired_uploads().await? {
        let Some(_busy) = app.busy_uploads.try_claim(&upload.id) else {
            continue;
        };
        if app.catalogue.drop_upload(&upload.id, now_ms()).await? {
            app.store.drop_upload(&upload).await?;
            tracing::info!(upload = %upload.id, "expired upload dropped");
        }
    }
    let retired = app.catalogue.forget_retired().await?;
    if retired > 0 {
        tracing::info!(retired, "versions forgotten that others took the place of");
    }
    warming::settle(app).await?;
    app.catalogue.forget_warmed().await?;
    app.catalogue.forget_finished_uploads().await?;
    app.catalogue.forget_answers().await?;
    app.catalogue.forget_ended_keys().await?;
    app.catalogue.forget_uses().await?;
    app.catalogue.forget_audit(app.config.audit_keep).await?;
    app.catalogue.retire_signers(now_ms()).await?;
    app.keyring.refresh(&app.catalogue).await
}
