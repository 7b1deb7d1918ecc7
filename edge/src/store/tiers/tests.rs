use bytes::{Bytes, BytesMut};
use bytesize::ByteSize;

use super::*;
use crate::path::{Reading, Target};

const RAM: u64 = 1 << 20;
const LEN: usize = 50_000;

/// Stores an object; its body.
fn add(tiers: &Tiers, n: usize) -> Bytes {
    let path = format!("/{n}");
    let key = Target::parse(&path, None, Reading::WEIR).unwrap().key;
    let body = tiers.memory.held().hold(BytesMut::zeroed(LEN));
    let object = Object::sample(&[], Arc::new([body.clone()]));
    tiers.insert(key, Arc::new(object));
    body
}

#[test]
fn what_slow_readers_and_fetches_hold_is_taken_off_the_budget() {
    let config = Config {
        ram: ByteSize(RAM),
        ..Config::default()
    };
    let fills = Budget::new(RAM);
    let tiers = Tiers::open(&config, fills.clone()).unwrap();
    let mut portion = fills.portion();
    assert!(portion.grow_to(100_000));
    let mut readers = Vec::new();
    for n in 0..100 {
        let body = add(&tiers, n);
        (n % 10 == 0).then(|| readers.push(body));
        let all = tiers.weight() + tiers.held_apart() + fills.used();
        assert!(all <= RAM + LEN as u64, "{all}");
    }
    let crowded = tiers.weight();
    assert!(tiers.held_apart() > 8 * LEN as u64 && crowded > RAM / 8);
    drop((portion, readers));
    (100..120).for_each(|n| drop(add(&tiers, n)));
    assert!(tiers.weight() > crowded + 9 * LEN as u64 && tiers.weight() <= RAM);
}

#[tokio::test]
async fn what_bodies_take_beyond_their_length_is_taken_off_the_budget() {
    const RAM: u64 = 64 << 20;
    const LEN: usize = 129 << 10;
    let config = Config {
        ram: ByteSize(RAM),
        ..Config::default()
    };
    let tiers = Tiers::open(&config, Budget::new(0)).unwrap();
    let mut most = 0;
    for n in 0..600 {
        let mut intake = tiers.memory.intake(Some(LEN as u64));
        intake.take(Bytes::from(vec![7; LEN]));
        let body = intake.whole(Vec::new).await;
        let path = format!("/{n}");
        let key = Target::parse(&path, None, Reading::WEIR).unwrap().key;
        tiers.insert(key, Arc::new(Object::sample(&[], body)));
        most = most.max(tiers.weight() + tiers.memory.rounding());
    }
    assert!(
        most > tiers.ram_bytes - 4 * LEN as u64 && most <= tiers.ram_bytes + (15 << 10),
        "{most}"
    );
    assert!(tiers.memory.rounding() > RAM / 20);
}
