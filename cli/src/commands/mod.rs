//! One file a command.

mod admin;
mod asset;
mod audio;
mod audit;
mod backup;
mod delete;
mod demo;
mod doctor;
mod edge;
mod explain;
mod export;
mod ingest;
mod jail;
mod jobs;
mod key;
mod package;
mod play;
mod progress;
mod purge;
mod roles;
mod secret;
mod source;
mod store;
mod text;
mod track;
mod upload;
mod validate;
mod webhook;

pub(crate) use self::{explain::ExplainArgs, jail::run as launch, purge::PurgeArgs};

use crate::{
    args::{Args, Command, OperatorArgs},
    config::Config,
};

/// Runs what the command line asks for.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    match args.command {
        Command::Demo(demo) => Box::pin(demo::run(config, demo)).await,
        Command::Origin(origin) => Box::pin(roles::origin(config, origin)).await,
        Command::Worker(worker) => roles::worker(config, worker).await,
        Command::Edge(args) => edge::run(config, args).await,
        Command::Upload(upload) => upload::run(upload).await,
        Command::Ingest(args) => ingest::run(args).await,
        Command::Package(package) => package::run(config, package).await,
        Command::Export(export) => export::run(export).await,
        Command::Play(play) => play::run(play).await,
        Command::Validate(args) => validate::run(args).await,
        Command::Asset(command) => asset::run(command).await,
        Command::Jobs(command) => jobs::run(command).await,
        Command::Webhook(command) => webhook::run(command).await,
        Command::Key(key) => key::run(key).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Text(command) => text::run(command).await,
        Command::Audio(command) => audio::run(command).await,
        Command::Delete(delete) => delete::run(delete).await,
        Command::Purge(args) => purge::run(&config.edge, args).await,
        Command::Explain(args) => explain::run(&config.edge, args).await,
        Command::Backup(args) => backup::backup(config.origin, args).await,
        Command::Restore(args) => backup::restore(config.origin, args).await,
        Command::Store(command) => store::run(config.origin, command).await,
        Command::Doctor(doctor) => doctor::run(&config, doctor).await,
        Command::Jail(_) => unreachable!("it has replaced this process before"),
    }
}
