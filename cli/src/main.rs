//! The binary `weir`: parse, wire, run, exit code.

mod args;
mod client;
mod commands;
mod config;
mod exit;
mod facts;
mod ops;
mod tus;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
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
