//! Whether the store has what the catalogue names, all of it, and nothing else. The origin may run
//! meanwhile: what is told was looked at twice.

mod finding;

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use futures_util::StreamExt;
use store::{BlobKey, Entry, Store, StoreError, Summing};

pub use self::finding::{Fault, Finding, FsckOptions, FsckSummary};
use crate::{
    Config, OriginError,
    blobs::{Blobs, Kept},
    catalogue::{Catalogue, Rules},
};

/// Blobs listed at once. Chosen: S3 lists no more.
const PAGE: usize = 1000;

/// Who is told of each finding, as it is found.
pub type Told<'a> = &'a mut (dyn FnMut(&Finding) + Send);

/// Looks through all that an origin stores, in its folder and its bucket.
///
/// # Errors
/// There is no such origin; catalogue or store fail.
pub async fn fsck(
    config: &Config,
    options: FsckOptions,
    told: Told<'_>,
) -> Result<FsckSummary, OriginError> {
    let file = config.data_dir.join("catalogue.db");
    if config.database.is_empty() && !file.is_file() {
        return Err(OriginError::Config(format!(
            "there is no catalogue at {}: name the origin's data_dir",
            file.display()
        )));
    }
    let rules = Rules {
        attempts_max: config.attempts_max,
        gc_grace: config.gc_grace,
        warm: false,
    };
    let catalogue = Catalogue::open(config, rules).await?;
    let store = Blobs::look(config, &catalogue).await?;
    let mut check = Check {
        named: named(&catalogue).await?,
        grace: config.gc_grace,
        summary: FsckSummary::default(),
        catalogue: &catalogue,
        store: &store,
        options,
        told,
    };
    for kept in store.kept() {
        check.walk(&kept).await?;
    }
    check.missing().await?;
    check.parts().await?;
    let summary = check.summary;
    catalogue.close().await;
    Ok(summary)
}

async fn named(catalogue: &Catalogue) -> Result<HashMap<BlobKey, Named>, OriginError> {
    let blobs = catalogue.named_blobs().await?.into_iter();
    let named = blobs.map(|(blob, len_bytes)| {
        let is_found = false;
        (
            blob,
            Named {
                len_bytes,
                is_found,
            },
        )
    });
    Ok(named.collect())
}

/// What the catalogue says of a blob, and whether it was seen.
struct Named {
    len_bytes: u64,
    is_found: bool,
}

struct Check<'a> {
    catalogue: &'a Catalogue,
    store: &'a Blobs,
    named: HashMap<BlobKey, Named>,
    grace: Duration,
    options: FsckOptions,
    summary: FsckSummary,
    told: Told<'a>,
}

impl Check<'_> {
    async fn walk(&mut self, kept: &Kept) -> Result<(), OriginError> {
        let mut after = None;
        loop {
            let page = kept.store.list(None, after.as_ref(), PAGE).await?;
            for entry in page.entries.iter().filter(|entry| kept.is_ours(&entry.key)) {
                self.entry(&kept.store, entry).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn entry(&mut self, store: &Store, entry: &Entry) -> Result<(), OriginError> {
        let (key, has) = (&entry.key, entry.head.len_bytes);
        let Some(named) = self.named.get_mut(key) else {
            return self.unnamed(store, entry).await;
        };
        let (wanted, is_first) = (named.len_bytes, !named.is_found);
        named.is_found = true;
        if has != wanted {
            return self.tell(key, Fault::Length { has, wanted }, false).await;
        }
        if is_first {
            self.summary.blobs += 1;
            self.summary.bytes += has;
        }
        let sum = match self.options.read {
            true => store.checksum(key).await?,
            false => None,
        };
        let Some(sum) = sum else {
            self.summary.unread += u64::from(is_first);
            return Ok(());
        };
        match summed(store, key, has).await {
            Ok(summing) if summing.checksum() == sum => {
                self.summary.sound += u64::from(is_first);
                Ok(())
            }
            Ok(_) => self.tell(key, Fault::Rotten, false).await,
            Err(reason) => self.tell(key, Fault::Unreadable(reason), false).await,
        }
    }

    /// Nothing named it when the catalogue was read: it may be young, or coming up.
    async fn unnamed(&mut self, store: &Store, entry: &Entry) -> Result<(), OriginError> {
        let (key, age) = (
            &entry.key,
            SystemTime::now().duration_since(entry.head.modified),
        );
        let is_young = age.unwrap_or_default() < self.grace;
        if is_young || self.catalogue.is_named(key, true).await? {
            return Ok(());
        }
        if self.options.repair {
            store.delete(key).await?;
        }
        let fault = Fault::Orphan(entry.head.len_bytes);
        self.tell(key, fault, self.options.repair).await
    }

    /// What was not seen, and is named still.
    async fn missing(&mut self) -> Result<(), OriginError> {
        let unseen = self.named.iter().filter(|(_, named)| !named.is_found);
        let mut unseen: Vec<BlobKey> = unseen.map(|(key, _)| key.clone()).collect();
        unseen.sort_unstable();
        for key in &unseen {
            // In this order: rows go first.
            let is_gone = match self.store.head(key).await {
                Err(StoreError::Missing(_)) => true,
                head => head.map(|_| false)?,
            };
            if is_gone && self.catalogue.is_named(key, false).await? {
                self.tell(key, Fault::Missing, false).await?;
            }
        }
        Ok(())
    }

    async fn parts(&mut self) -> Result<(), OriginError> {
        for begun in self.store.unfinished(self.grace).await? {
            if self.catalogue.is_named(&begun.key, true).await? {
                continue;
            }
            if self.options.repair {
                self.store.abort_parts(&begun).await?;
            }
            let repaired = self.options.repair;
            self.tell(&begun.key, Fault::Parts, repaired).await?;
        }
        Ok(())
    }

    async fn tell(
        &mut self,
        key: &BlobKey,
        fault: Fault,
        repaired: bool,
    ) -> Result<(), OriginError> {
        self.summary.findings += 1;
        self.summary.repaired += u64::from(repaired);
        (self.told)(&Finding {
            blob: key.to_string(),
            fault,
            assets: self.catalogue.assets_of_blob(key).await?,
            repaired,
        });
        Ok(())
    }
}

/// Reads all of a blob; the error is told, and the next one is looked at.
async fn summed(store: &Store, key: &BlobKey, len_bytes: u64) -> Result<Summing, String> {
    let reader = store.read(key, 0..len_bytes).await;
    let mut reader = reader.map_err(|error| error.to_string())?;
    let mut summing = Summing::default();
    while let Some(chunk) = reader.next().await {
        summing.update(&chunk.map_err(|error| error.to_string())?);
    }
    Ok(summing)
}
