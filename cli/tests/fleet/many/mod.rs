//! Two origins and four workers on one PostgreSQL and one bucket, and whatever happens to them:
//! what was accepted is published once, and who watches goes on.
//!
//! A store is away for as long as `WEIR_TEST_AWAY` says, seconds; 8 as it stands.

mod large;

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use tokio::{task::JoinSet, time::sleep};

use self::large::{Large, Member};
use crate::{clip::Clip, fleet::Asset, process::eventually};

/// How many files are sent while things go wrong, each to one of the origins.
const FILES: usize = 6;

#[tokio::test]
async fn whatever_is_killed_or_away_each_accepted_upload_is_published_once() {
    let mut fleet = Large::start().await;
    let clip = Clip::with_words(7.0);
    let first = fleet.uploading(clip.path(), 0, &["--wait"]).await;
    fleet.plays(&first).await;
    let watching = fleet.watch(&first);
    let away = away();
    // Some come in each of the faults below.
    let pause = (Duration::from_secs(14) + 2 * away) / u32::try_from(FILES).unwrap();
    let mut sending = JoinSet::new();
    for n in 0..FILES {
        let sent = fleet.uploading(&fleet.copy(clip.path(), n), n % 2, &[]);
        sending.spawn(async move {
            sleep(pause * u32::try_from(n).unwrap()).await;
            sent.await
        });
    }
    for member in [
        Member::Worker(0),
        Member::Origin(0),
        Member::Worker(3),
        Member::Origin(1),
    ] {
        sleep(Duration::from_secs(2)).await;
        fleet.kill(member);
        sleep(Duration::from_secs(1)).await;
        fleet.launch(member).await;
    }
    fleet.database.signal("STOP");
    sleep(away).await;
    fleet.database.signal("CONT");
    sleep(Duration::from_secs(2)).await;
    fleet.bucket.faults.hangs.store(true, SeqCst);
    sleep(away).await;
    fleet.bucket.faults.hangs.store(false, SeqCst);
    let mut assets: Vec<Asset> = sending.join_all().await;
    let (times, broken) = watching.end().await;
    assert!(
        times > 5 && broken.is_empty(),
        "{times} times watched: {broken:?}"
    );
    assets.push(first);
    eventually("all are ready", async || {
        fleet.all_are("ready", assets.len()).await
    })
    .await;
    fleet.each_is_published_once(assets.len());
    for asset in &assets {
        fleet.plays(asset).await;
    }
}

fn away() -> Duration {
    let secs = std::env::var("WEIR_TEST_AWAY").ok();
    let secs = secs.map_or(8, |secs| {
        secs.parse().expect("WEIR_TEST_AWAY is in seconds")
    });
    Duration::from_secs(secs)
}
