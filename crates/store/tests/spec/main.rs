//! What stores promise: all of them the same, and each its own besides.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod files;
mod promises;
#[cfg(feature = "s3")]
mod s3;

use std::{io, ops::Range};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use store::{BlobKey, Store};

/// Promises that hold of the store that `$open` gives, with what must outlive it.
macro_rules! kept_by {
    ($open:path) => {
        kept_by!($open:
            what_was_put_is_read_back_whole_and_in_part,
            an_empty_blob_is_a_blob,
            a_checksum_is_kept_with_a_blob,
            a_body_that_breaks_off_or_is_too_long_leaves_nothing,
            what_breaks_off_leaves_the_blob_that_was_there,
            a_put_that_is_dropped_leaves_nothing,
            a_missing_blob_is_missing,
            a_list_names_what_is_below_a_prefix_in_order,
            pages_of_any_length_name_every_blob_once,
            deleting_below_a_prefix_spares_its_neighbours,
            a_walk_names_what_is_old,
            a_long_blob_is_read_back_across_its_parts,
            a_long_body_that_breaks_off_leaves_nothing,
            a_list_of_more_than_a_thousand_is_whole,
        );
    };
    ($open:path: $($promise:ident,)*) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let (_place, store) = $open().await;
                $crate::promises::$promise(&store).await;
            }
        )*
    };
}
pub(crate) use kept_by;

type Chunk = Result<Bytes, io::Error>;

fn key(text: &str) -> BlobKey {
    text.parse().unwrap()
}

fn body(chunks: &[&'static str]) -> impl Stream<Item = Chunk> + Send + use<> {
    let chunks: Vec<Chunk> = chunks
        .iter()
        .map(|c| Ok(Bytes::from_static(c.as_bytes())))
        .collect();
    stream::iter(chunks)
}

/// One that ends with an error.
fn cut(chunks: &[&'static str]) -> impl Stream<Item = Chunk> + Send + use<> {
    body(chunks).chain(stream::iter([Err(io::Error::other("cut"))]))
}

/// Bytes without a pattern, `mib` of them, the same each time.
fn large(mib: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        // xorshift64: Marsaglia, "Xorshift RNGs".
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(mib << 17).flatten().collect()
}

/// [`large`] in pieces whose length divides no part's.
fn megabytes(mib: usize) -> impl Stream<Item = Chunk> + Send {
    let bytes = Bytes::from(large(mib));
    let pieces = (0..bytes.len()).step_by(300_000);
    let pieces: Vec<Chunk> = pieces
        .map(|at| Ok(bytes.slice(at..bytes.len().min(at + 300_000))))
        .collect();
    stream::iter(pieces)
}

async fn read(store: &Store, key: &BlobKey, range: Range<u64>) -> Vec<u8> {
    let mut reader = store.read(key, range).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    bytes
}

async fn is_there(store: &Store, key: &BlobKey) -> bool {
    match store.head(key).await {
        Ok(_) => true,
        Err(store::StoreError::Missing(missing)) if missing == *key => false,
        Err(error) => panic!("{error:?}"),
    }
}

/// All keys, by pages of `max`.
async fn listed(store: &Store, below: Option<&BlobKey>, max: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(below, after.as_ref(), max).await.unwrap();
        assert!(page.entries.len() <= max);
        found.extend(page.entries.iter().map(|entry| entry.key.to_string()));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}
