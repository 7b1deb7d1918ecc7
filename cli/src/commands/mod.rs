//! One file a command.

mod demo;
mod doctor;
mod key;
mod play;
mod progress;
mod roles;
mod source;
mod upload;

use crate::{
    args::{Args, Command},
    config::Config,
};

/// Runs what the command line asks for.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    match args.command {
        Command::Demo(demo) => demo::run(config, demo).await,
        Command::Origin(origin) => roles::origin(config, origin).await,
        Command::Worker(worker) => roles::worker(config, worker).await,
        Command::Edge(edge) => roles::edge(config, edge).await,
        Command::Upload(upload) => upload::run(upload).await,
        Command::Play(play) => play::run(play).await,
        Command::Key(key) => key::run(key).await,
        Command::Doctor(doctor) => doctor::run(&config, doctor).await,
    }
}
