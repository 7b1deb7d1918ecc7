//! The binary `weir`: parse, wire, run, exit code.

mod args;
mod client;
mod commands;
mod config;
mod exit;
mod facts;
mod inherited;
mod ops;
mod tus;

use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() -> ExitCode {
    let args = args::Args::parse();
    // Before any thread: what a launcher takes from itself, other threads would keep.
    if let args::Command::Jail(jail) = args.command {
        return commands::launch(jail);
    }
    inherited::note();
    allow_files();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("weir: can't start its threads: {error}");
            return exit::Exit::Failed.into();
        }
    };
    match runtime.block_on(commands::run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir: {error:#}");
            exit::of(&error).into()
        }
    }
}

/// Raises the soft limit of open files to the hard one: each viewer of an edge is a file.
fn allow_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // What is lacking then, `weir doctor` tells.
    let _ = setrlimit(Resource::Nofile, raised);
}
