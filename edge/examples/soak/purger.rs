//! Purges while all else runs. What is asked for after a purge's answer is as new as what the
//! origin had when the purge was asked for, also after a kill.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    ask::Plan,
    chance::Chance,
    client::ask_once,
    dial::Doors,
    edge::TOKEN,
    object::{COUNT, Changes, Site, changes},
    tally::one,
    world::World,
};

/// Between two, in milliseconds.
const PAUSE: std::ops::Range<u64> = 20..300;
/// Longest wait for an answer; before the next try.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

pub(crate) async fn run(doors: Doors, world: Arc<World>) {
    let mut chance = Chance::new(world.seed + 11);
    loop {
        sleep(Duration::from_millis(
            chance.between(PAUSE.start, PAUSE.end),
        ))
        .await;
        let id = chance.skewed_below(COUNT / 4) * 4 + 2;
        debug_assert!(changes(id) == Changes::ByPurge);
        if chance.one_in(5) {
            // Asked about anew; what is answered is for the origin to say.
            let urls = urls(id);
            attempt(&doors, &format!("{{\"urls\":[{urls}],\"soft\":true}}"))
                .await
                .ok();
            continue;
        }
        // What is purged is there.
        ask(&doors, id, &mut chance, &world).await;
        let generation = world.change(id);
        let is_one = |other: u64| other == id;
        let (body, taken): (_, &dyn Fn(u64) -> bool) = match chance.below(4) {
            0 => (format!("{{\"tags\":[\"id{id}\"]}}"), &is_one),
            1 => {
                let tag = format!("{{\"tags\":[\"eighth{}\",\"other\"]}}", id % 8);
                (tag, &move |other| other % 8 == id % 8)
            }
            2 => {
                let prefix = id.to_string();
                let below = move |other: u64| other.to_string().starts_with(&prefix);
                (format!("{{\"prefixes\":[{}]}}", urls(id)), &below.clone())
            }
            _ => (format!("{{\"urls\":[{}]}}", urls(id)), &is_one),
        };
        (0..COUNT)
            .filter(|&other| taken(other))
            .for_each(|other| world.disturb(other));
        until_answered(&doors, &body, &world).await;
        world.raise_floor(id, generation);
        ask(&doors, id, &mut chance, &world).await;
    }
}

/// At both sites.
async fn ask(doors: &Doors, id: u64, chance: &mut Chance, world: &World) {
    for site in [Site::Plain, Site::Keyed] {
        let plan = Plan::whole(id, site, chance, world);
        ask_once(doors, plan, chance, world).await;
    }
}

fn urls(id: u64) -> String {
    let url = |site: Site| format!("\"http://{}{}\"", site.host(), site.path(id));
    format!("{},{}", url(Site::Plain), url(Site::Keyed))
}

async fn until_answered(doors: &Doors, body: &str, world: &World) {
    loop {
        let epoch = world.epoch();
        match attempt(doors, body).await {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => break,
            _ if world.was_killed_since(epoch) => {}
            other => world.tally.wrong(&format!("purge {body}: {other:?}")),
        }
        sleep(AGAIN).await;
    }
    one(&world.tally.purges);
}

async fn attempt(doors: &Doors, body: &str) -> io::Result<String> {
    let asked = async {
        let mut stream = TcpStream::connect(doors.admin).await?;
        let request = format!(
            "POST /purge HTTP/1.1\r\nhost: admin\r\nauthorization: Bearer {TOKEN}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    timeout(PATIENCE, asked).await?
}
