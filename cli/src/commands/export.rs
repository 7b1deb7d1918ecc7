//! `weir export`: a published version as plain files, under the names that they are
//! served by, so that what its playlists say holds.

mod address;
mod folder;
mod listing;

use std::{collections::VecDeque, sync::Arc};

use tokio::task::JoinSet;

use self::{address::Address, folder::Folder, listing::Listing};
use super::progress::Progress;
use crate::{args::ExportArgs, ops};

/// Files that are loaded at once. Chosen: a network's delay is hidden, and an origin
/// hardly sees it.
const FILES_AT_ONCE: usize = 8;

pub(super) async fn run(args: ExportArgs) -> anyhow::Result<()> {
    let shutdown = ops::shutdown()?;
    tokio::select! {
        done = export(&args) => done,
        () = shutdown.cancelled() => anyhow::bail!("stopped; the same command goes on from here"),
    }
}

async fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let address = Arc::new(Address::open(args).await?);
    address.must_be_ready().await?;
    let listing = Listing::load(&address).await?;
    let folder = Arc::new(Folder::open(&args.dir, &listing.version)?);
    let files = listing.files.len();
    let (loaded, len_bytes) = load(&address, &folder, listing.files).await?;
    // The multivariant playlist comes last: where it is, all it names is.
    for (name, text) in listing.manifests {
        folder.write(&name, &text).await?;
    }
    println!(
        "version {} in {}: {files} files, {loaded} of them new ({})",
        listing.version,
        args.dir.display(),
        bytesize::ByteSize::b(len_bytes),
    );
    println!("{}", args.dir.join("master.m3u8").display());
    Ok(())
}

/// Loads what is not there yet. Gives how many files that were, and their bytes.
async fn load(
    address: &Arc<Address>,
    folder: &Arc<Folder>,
    names: impl IntoIterator<Item = String>,
) -> anyhow::Result<(usize, u64)> {
    let mut left: VecDeque<String> = names.into_iter().collect();
    let all = left.len() as u64;
    let mut bar = Progress::new("{prefix} [{bar:30}] {pos}/{len} files {msg}", all)?;
    // Dropped, it ends what it runs.
    let mut running = JoinSet::new();
    let (mut done, mut loaded, mut len_bytes) = (0, 0, 0);
    loop {
        while running.len() < FILES_AT_ONCE
            && let Some(name) = left.pop_front()
        {
            let (address, folder) = (Arc::clone(address), Arc::clone(folder));
            running.spawn(async move { folder.load(&address, &name).await });
        }
        let Some(ended) = running.join_next().await else {
            return Ok((loaded, len_bytes));
        };
        if let Some(new) = ended?? {
            loaded += 1;
            len_bytes += new;
        }
        done += 1;
        let remark = bytesize::ByteSize::b(len_bytes).to_string();
        bar.show("export", done, all, remark);
    }
}
