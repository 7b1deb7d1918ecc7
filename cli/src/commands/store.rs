//! `weir store`.

use anyhow::Context;
use bytesize::ByteSize;
use origin::{Finding, FsckOptions, FsckSummary};

use crate::{
    args::{FsckArgs, StoreCommand},
    exit::{Exit, error},
};

pub(super) async fn run(config: origin::Config, command: StoreCommand) -> anyhow::Result<()> {
    match command {
        StoreCommand::Fsck(args) => Box::pin(fsck(config, args)).await,
    }
}

/// One line a finding on standard output; what was looked at on standard error.
async fn fsck(mut config: origin::Config, args: FsckArgs) -> anyhow::Result<()> {
    config.data_dir = args.data_dir.unwrap_or(config.data_dir);
    let options = FsckOptions {
        repair: args.repair,
        read: args.read,
    };
    let done = origin::fsck(&config, options, &mut show).await;
    let summary = done.context("the store was not looked through")?;
    tell(summary, args.read);
    match summary.findings - summary.repaired {
        0 => Ok(()),
        left => Err(error(
            Exit::Unsound,
            format!(
                "{left} of these are left. Orphans go with --repair; for anything else, put the \
                 blob back from a backup, or upload the asset anew"
            ),
        )),
    }
}

fn show(finding: &Finding) {
    let of = match finding.assets.as_slice() {
        [] => String::new(),
        assets => format!(", of asset {}", assets.join(", ")),
    };
    let end = if finding.repaired { ", deleted" } else { "" };
    println!("{} {}{of}{end}", finding.blob, finding.fault);
}

fn tell(summary: FsckSummary, read: bool) {
    let FsckSummary { blobs, unread, .. } = summary;
    let bytes = ByteSize(summary.bytes);
    eprint!("{blobs} blobs, {bytes}, are there and as long as they should be; ");
    match read {
        true => eprintln!(
            "{} were read and are what was stored, {unread} have no checksum",
            summary.sound
        ),
        false => eprintln!("none was read (--read)"),
    }
    if summary.findings > 0 {
        let (findings, repaired) = (summary.findings, summary.repaired);
        eprintln!("{findings} are not as they should be, {repaired} of them deleted");
    }
}
