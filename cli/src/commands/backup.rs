//! `weir backup` and `weir restore`.

use anyhow::Context;

use super::progress::Progress;
use crate::args::{BackupArgs, RestoreArgs};

/// The bar of both.
const BAR: &str = "{prefix} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}";

/// Copies an origin's data to a folder.
pub(super) async fn backup(mut config: origin::Config, args: BackupArgs) -> anyhow::Result<()> {
    config.data_dir = args.data_dir.unwrap_or(config.data_dir);
    let mut bar = Progress::new(BAR, 0)?;
    let mut show = |done, all| bar.show("backup", done, all, String::new());
    let done = origin::backup(&config, &args.to, &mut show).await;
    drop(bar);
    let summary = done.context("no backup was made")?;
    println!(
        "{} blobs, {}, and the catalogue are in {}. It holds secrets: whoever reads it can mint keys.",
        summary.blobs,
        bytesize::ByteSize(summary.bytes),
        args.to.display()
    );
    Ok(())
}

/// Makes an origin's data of it.
pub(super) async fn restore(mut config: origin::Config, args: RestoreArgs) -> anyhow::Result<()> {
    config.data_dir = args.data_dir.unwrap_or(config.data_dir);
    let mut bar = Progress::new(BAR, 0)?;
    let mut show = |done, all| bar.show("restore", done, all, String::new());
    let done = origin::restore(&args.from, &config, &mut show).await;
    drop(bar);
    let summary = done.context("nothing was restored")?;
    println!(
        "{} blobs, {}, are in {}, as they were at {}. Not in it is what came since: uploads that were \
         not whole, and keys revoked later, which open again until they are revoked anew.",
        summary.blobs,
        bytesize::ByteSize(summary.bytes),
        config.data_dir.display(),
        humantime::format_rfc3339_seconds(summary.made_at())
    );
    Ok(())
}
