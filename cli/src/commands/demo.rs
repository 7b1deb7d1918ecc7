//! `weir demo`: origin, one worker and two edges in one process, and a video in.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use http::Method;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use wire::{AssetPage, AssetState, AssetStatus, MintRequest, MintedKey, Priority};

use super::{jail, roles, source, upload};
use crate::{
    args::Demo,
    client::Client,
    commands::secret::read_secret,
    config::Config,
    facts::{Facts, Watching},
    ops, tus,
};

/// How often the asset's state is asked for.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// An upload to our own process that does not get through for this long is a fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells scripts where the demo is; in the data folder.
const FACTS: &str = "demo.json";

/// Names of the two edges: Frankfurt and Singapore.
const POPS: [&str; 2] = ["fra", "sin"];

pub(super) async fn run(config: Config, args: Demo) -> anyhow::Result<()> {
    if let Some(video) = &args.video {
        let found = std::fs::metadata(video);
        let found = found.with_context(|| format!("can't read {}", video.display()))?;
        anyhow::ensure!(found.is_file(), "{} is not a file", video.display());
    }
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("can't make {}", args.data_dir.display()))?;
    let logging = ops::Logging::of(&config.log)?;
    let shutdown = ops::shutdown()?;
    let listeners = Listeners::bind(&args).await?;
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, args.admin_port));
    let readiness = ops::admin(Some(admin), "--admin-port", false).await?;
    // Ports first: until they are ours, the files may be those of a demo that runs.
    Facts::remove(&args.data_dir.join(FACTS))?;
    let log = args.data_dir.join("weir.log");
    logging.start(Some(&log))?;
    let mut roles = JoinSet::new();
    let base = Base::of(&listeners, &args)?;
    let ffmpeg = config.worker.ffmpeg.clone();
    jail::warn(&config.worker);
    if !jail::is_whole(&config.worker) {
        let (Ok(state) | Err(state)) = jail::state(&config.worker);
        eprintln!("jail of ffmpeg: {state}");
    }
    readiness.ask(listeners.addresses()?);
    start(
        &mut roles,
        config,
        &args.data_dir,
        listeners,
        &base,
        &shutdown,
    )
    .await?;

    let show = Show {
        args,
        base,
        ffmpeg,
        log,
    };
    let ended = until_stopped(&mut roles, &shutdown, show.run()).await;
    shutdown.cancel();
    eprintln!("stopping");
    let stopped = stop(roles).await;
    ended
        .with_context(|| format!("see {}", show.log.display()))
        .and(stopped)
}

/// Returns once the demo is asked to stop. What fails for the video (a file that can't be
/// packaged, say) is told and leaves the rest up.
///
/// # Errors
/// A role ended by itself, before or after the video was ready.
async fn until_stopped(
    roles: &mut Roles,
    shutdown: &CancellationToken,
    show: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let showing = async {
        if let Err(fault) = show.await {
            eprintln!("weir: {fault:#}");
            eprintln!(
                "Everything runs still: Ctrl-C stops it, VIDEO=FILE make demo takes another video."
            );
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        // In this order: roles end because of a stop, and the video fails because of a role.
        biased;
        () = shutdown.cancelled() => Ok(()),
        Some(ended) = roles.join_next() => Err(ended
            .map_err(anyhow::Error::from)
            .flatten()
            .err()
            .unwrap_or_else(|| anyhow::anyhow!("a role stopped by itself"))),
        never = showing => match never {},
    }
}

/// Waits until every role has stopped; gives the first fault.
async fn stop(mut roles: Roles) -> anyhow::Result<()> {
    let mut first = Ok(());
    while let Some(ended) = roles.join_next().await {
        first = first.and(ended.map_err(anyhow::Error::from).flatten());
    }
    first
}

/// Bound before anything starts, so that a taken port is told at once.
struct Listeners {
    origin: TcpListener,
    edges: [TcpListener; 2],
}

impl Listeners {
    async fn bind(args: &Demo) -> anyhow::Result<Self> {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let edge = |port| SocketAddr::new(args.edge_ip, port);
        Ok(Self {
            origin: ops::listen(local(args.origin_port), "--origin-port").await?,
            edges: [
                ops::listen(edge(args.fra_port), "--fra-port").await?,
                ops::listen(edge(args.sin_port), "--sin-port").await?,
            ],
        })
    }

    fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        let all = [&self.origin].into_iter().chain(&self.edges);
        all.map(TcpListener::local_addr).collect()
    }
}

/// Base URLs of what listens.
#[derive(Clone)]
struct Base {
    origin: String,
    edges: Vec<String>,
}

impl Base {
    fn of(listeners: &Listeners, args: &Demo) -> anyhow::Result<Self> {
        // 0.0.0.0 is where to listen, not where to go.
        let ip = match args.edge_ip {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        let edges = listeners.edges.iter().map(|listener| {
            let address = SocketAddr::new(ip, listener.local_addr()?.port());
            anyhow::Ok(format!("http://{address}"))
        });
        Ok(Self {
            origin: format!("http://{}", listeners.origin.local_addr()?),
            edges: edges.collect::<anyhow::Result<_>>()?,
        })
    }
}

type Roles = JoinSet<anyhow::Result<()>>;

async fn start(
    roles: &mut Roles,
    config: Config,
    data_dir: &Path,
    listeners: Listeners,
    base: &Base,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let settings = origin::Config {
        listen: listeners.origin.local_addr()?,
        data_dir: data_dir.to_owned(),
        open_uploads: true,
        ..config.origin
    };
    let origin = roles::open_origin(settings, shutdown.clone()).await?;
    let join = read_secret("origin.join_file", &origin.join_file())?;
    let worker = packager::Config {
        origin: base.origin.clone(),
        work_dir: data_dir.join("work"),
        ..config.worker
    };
    let serving = origin::serve(listeners.origin, origin);
    roles.spawn(async { serving.await.context("the origin failed") });
    let working = packager::run(worker, join.clone(), shutdown.clone());
    roles.spawn(async { working.await.context("the worker failed") });
    for (listener, pop) in listeners.edges.into_iter().zip(POPS) {
        let settings = edge::Config {
            listen: listener.local_addr()?,
            origin: base.origin.clone(),
            origins: Vec::new(),
            origin_weights: Vec::new(),
            pop: pop.to_owned(),
            tls_listen: None,
            take_over: None,
            ..config.edge.clone()
        };
        let serving = edge::serve(listener, settings, Some(join.clone()), shutdown.clone());
        roles.spawn(async move { serving.await.with_context(|| format!("edge {pop} failed")) });
    }
    Ok(())
}

/// The video's way in, told to the terminal and to `demo.json`.
struct Show {
    args: Demo,
    base: Base,
    ffmpeg: PathBuf,
    log: PathBuf,
}

impl Show {
    async fn run(&self) -> anyhow::Result<()> {
        let admin_token = read_secret("--data-dir", &self.args.data_dir.join("admin-token"))?;
        let admin = Client::new(&self.base.origin, Some(admin_token.clone()))?;
        let AssetStatus { asset, state, .. } = self.take_in(&admin).await?;
        let key: MintedKey = admin
            .json(
                Method::POST,
                "/api/keys",
                Some(&MintRequest::Play {
                    asset: asset.clone(),
                    ttl_secs: None,
                }),
            )
            .await?;
        let watching = Watching::at(&self.base.edges[0], &asset, &key.token);
        let facts = Facts {
            origin: self.base.origin.clone(),
            edges: self.base.edges.clone(),
            asset: asset.clone(),
            watching,
            state,
            admin_token,
        };
        facts.write(&self.args.data_dir.join(FACTS))?;
        self.follow(&admin, facts).await
    }

    /// The video named, or the one of the last time, or a generated one.
    async fn take_in(&self, admin: &Client) -> anyhow::Result<AssetStatus> {
        let video = match &self.args.video {
            Some(video) => video.clone(),
            None => match self.last_time(admin).await? {
                Some(asset) => return Ok(asset),
                None => {
                    eprintln!("making a video of 60 s …");
                    source::generate(&self.ffmpeg, &self.args.data_dir).await?
                }
            },
        };
        eprintln!("uploading {} …", video.display());
        let client = Client::new(&self.base.origin, None)?;
        let upload =
            upload::send(&client, (&video, tus::UPLOADS, Priority::Normal), PATIENCE).await?;
        let status = tus::status(&client, &upload).await?;
        status
            .asset
            .context("the origin made no asset of the upload")
    }

    async fn last_time(&self, admin: &Client) -> anyhow::Result<Option<AssetStatus>> {
        let page: AssetPage = admin
            .json(Method::GET, "/api/assets", crate::client::NOTHING)
            .await?;
        let usable = |asset: &AssetStatus| asset.state != AssetState::Failed;
        Ok(page.assets.into_iter().find(usable))
    }

    async fn follow(&self, admin: &Client, mut facts: Facts) -> anyhow::Result<()> {
        let file = self.args.data_dir.join(FACTS);
        let path = format!("/api/assets/{}", facts.asset);
        let mut progress = upload::packaging()?;
        let mut ticks = tokio::time::interval(ASK_EVERY);
        let mut told = None;
        loop {
            ticks.tick().await;
            let status: AssetStatus = admin
                .json(Method::GET, &path, crate::client::NOTHING)
                .await?;
            upload::show(&mut progress, &status);
            if told != Some(status.state) {
                facts.state = status.state;
                facts.write(&file)?;
                if told.is_none_or(|told| told == AssetState::Packaging)
                    && matches!(status.state, AssetState::Playable | AssetState::Ready)
                {
                    progress.suspend(|| self.invite(&facts, status.state));
                }
                told = Some(status.state);
            }
            match status.state {
                AssetState::Ready => break,
                AssetState::Failed => {
                    let reason = status.failure.as_deref().unwrap_or("no reason is known");
                    return Err(tus::failed(reason));
                }
                AssetState::Packaging | AssetState::Playable => {}
            }
        }
        drop(progress);
        for warning in &admin
            .json::<AssetStatus>(Method::GET, &path, crate::client::NOTHING)
            .await?
            .warnings
        {
            println!("warning: {warning}");
        }
        println!("ready: every rendition is whole, and DASH plays too.");
        Ok(())
    }

    fn invite(&self, facts: &Facts, state: AssetState) {
        let data = self.args.data_dir.display();
        let (_, port) = self.base.edges[0].rsplit_once(':').unwrap_or_default();
        println!();
        println!("  It plays. Open in a browser:");
        println!("    {}", facts.watching.watch);
        println!();
        println!("  HLS   {}", facts.watching.hls);
        let later = if state == AssetState::Playable {
            "   (once all is encoded)"
        } else {
            ""
        };
        println!("  DASH  {}{later}", facts.watching.dash);
        println!();
        println!(
            "  The same addresses work at the other edge, {}",
            self.base.edges[1]
        );
        println!("  Another video:    VIDEO=file make demo    (or: weir demo --video file)");
        println!("  Another machine:  start with --edge-ip 0.0.0.0, and use this host's name;");
        println!("                    or there: ssh -L {port}:127.0.0.1:{port} this-host");
        println!(
            "  Stop: Ctrl-C.  Start over: rm -r {data}.  Log: {}",
            self.log.display()
        );
        println!();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_role_that_ends_long_after_the_video_is_ready_ends_the_demo_with_its_fault() {
        let mut roles = Roles::new();
        roles.spawn(async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            anyhow::bail!("the edge broke")
        });
        let shown = std::future::ready(Ok(()));
        let ended = until_stopped(&mut roles, &CancellationToken::new(), shown).await;
        assert_eq!(ended.unwrap_err().to_string(), "the edge broke");
    }

    #[tokio::test(start_paused = true)]
    async fn a_video_that_fails_leaves_the_roles_up_until_the_demo_is_stopped() {
        let mut roles = Roles::new();
        roles.spawn(std::future::pending());
        let shutdown = CancellationToken::new();
        let stopper = shutdown.clone();
        let began = tokio::time::Instant::now();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            stopper.cancel();
        });
        let shown = std::future::ready(Err(anyhow::anyhow!("no video")));
        until_stopped(&mut roles, &shutdown, shown).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 3600);
    }
}
