//! The end of a version of many blocks.

use std::sync::mpsc::channel;

use bytesize::ByteSize;
use tokio::time::{Duration, Instant, sleep};

use super::*;
use crate::{
    Config,
    fills::Budget,
    head::Object,
    path::{Reading, Target},
};

const LEN: u64 = 4096;
const COUNT: u64 = 4 * DROPPED_AT_ONCE as u64;
/// Longest wait for another thread. Chosen: far above what it takes.
const PATIENCE: Duration = Duration::from_secs(10);

fn object(len: usize) -> Object {
    let fields = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
    Object::sample(&fields, Arc::new([bytes::Bytes::from(vec![0; len])]))
}

fn stored(spread: &Spread, store: &Store) -> usize {
    let keys = (0..COUNT).map(|number| spread.block_key(number));
    keys.filter(|key| store.knows(key)).count()
}

/// One thread serves, and the one that may wait is busy.
#[test]
fn a_version_of_many_blocks_is_dropped_where_nobody_waits_for_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = Config {
            ram: ByteSize::mib(64),
            ..Config::default()
        };
        let store = Store::open(&config, Budget::new(0)).unwrap();
        let blocks = Blocks::new(LEN, 64 << 20);
        let key = Target::parse("/x", None, Reading::WEIR).unwrap().key;
        let mut head = object(0).head;
        head.length = Some(COUNT * LEN);
        let spread = Spread::new(&key, Arc::new(head), LEN).unwrap();
        let spread = blocks.meet(spread, &store).unwrap();
        for number in 0..COUNT {
            spread.keep(number, object(LEN as usize), &store);
        }
        assert_eq!(stored(&spread, &store), COUNT as usize);
        let (free, busy) = channel::<()>();
        tokio::task::spawn_blocking(move || busy.recv());
        blocks.forget(&key, &store);
        assert!(blocks.get(&key).is_none());
        assert_eq!(stored(&spread, &store), COUNT as usize - DROPPED_AT_ONCE);
        drop(free);
        let began = Instant::now();
        while stored(&spread, &store) > 0 {
            assert!(began.elapsed() < PATIENCE, "the rest stays");
            sleep(Duration::from_millis(2)).await;
        }
    });
}
