//! `kill -9` of the origin at every step of its workflow, in both orders: when bytes have
//! just been stored and no row names them yet, and when a transaction has just been written
//! and nobody has heard of it. What comes of it is published or undone, byte for byte.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt, path::Path, time::Duration};

use http::Method;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use wire::AssetState;

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    process::{Ended, eventually, run},
};

/// Settings by which a workflow that is killed at each step ends within a test.
const SETTINGS: [(&str, &str); 3] = [
    ("WEIR_ORIGIN__GC_GRACE", "2s"),
    ("WEIR_ORIGIN__ATTEMPTS_MAX", "500"),
    ("WEIR_ORIGIN__LADDER", "[240]"),
];

/// Without a change for this long, it is looked what became of the workflow.
const QUIET: Duration = Duration::from_secs(1);

/// What is looked at to choose the moment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Watch {
    /// Files of the store: their rows come later.
    Blobs,
    /// The database's log: answers and bytes come later.
    Log,
}

impl Watch {
    /// Differs whenever something was written.
    fn look(self, data: &Path) -> u64 {
        match self {
            Self::Blobs => files_below(&data.join("blobs")),
            Self::Log => {
                let log = std::fs::metadata(data.join("catalogue.db-wal"));
                log.map_or(0, |log| {
                    (log.mtime() * 1_000_000_000 + log.mtime_nsec()) as u64
                })
            }
        }
    }
}

fn files_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let counts = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        _ => 1,
    });
    counts.sum()
}

/// Kills the origin again and again.
struct Killer {
    watch: Watch,
    kills: u64,
}

impl Killer {
    fn of(watch: Watch) -> Self {
        Self { watch, kills: 0 }
    }

    /// Kills the origin at the next change but a few, and starts it again. False: it was
    /// quiet, and nothing was killed.
    async fn strike(&mut self, fleet: &mut Fleet) -> bool {
        let data = fleet.data_dir();
        // One change a time would never let it get on: what is killed is done again.
        let mut wanted = 1 + (self.kills * 7) % 5;
        let mut seen = self.watch.look(&data);
        let mut quiet_at = Instant::now() + QUIET;
        while wanted > 0 {
            if Instant::now() > quiet_at {
                return false;
            }
            sleep(Duration::from_millis(1)).await;
            let now = self.watch.look(&data);
            if now != seen {
                (seen, wanted) = (now, wanted - 1);
                quiet_at = Instant::now() + QUIET;
            }
        }
        fleet.kill(Role::Origin);
        self.kills += 1;
        fleet.launch(Role::Origin).await;
        true
    }

    /// Strikes while an upload runs, and then until its asset is ready or has failed.
    async fn through(&mut self, fleet: &mut Fleet, clip: &Clip) -> (Asset, AssetState) {
        let upload = uploading(fleet, clip);
        while !upload.is_finished() {
            self.strike(fleet).await;
        }
        let ended = upload.await.unwrap();
        assert_eq!(ended.code, 0, "{ended:?}");
        let asset = Asset::told_by(&ended);
        loop {
            let struck = self.strike(fleet).await;
            let state = fleet.status(&asset).await.state;
            if !struck && [AssetState::Ready, AssetState::Failed].contains(&state) {
                return (asset, state);
            }
        }
    }
}

fn uploading(fleet: &Fleet, clip: &Clip) -> JoinHandle<Ended> {
    let (home, origin, edge) = (
        fleet.folder.path().to_owned(),
        fleet.origin_url(),
        fleet.edge_url(),
    );
    let file = clip.path().to_str().unwrap().to_owned();
    tokio::spawn(async move {
        let args = ["upload", &file, "--origin", &origin, "--edge", &edge];
        run(&home, &args).await
    })
}

/// Every file that is published, its version's name apart.
async fn exported(fleet: &Fleet, asset: &Asset, name: &str) -> BTreeMap<String, Vec<u8>> {
    let (origin, admin) = (fleet.origin_url(), fleet.folder.join("data/admin-token"));
    let dir = fleet.folder.join(name);
    let args = [
        "export",
        &asset.id,
        &dir,
        "--origin",
        &origin,
        "--admin-file",
        &admin,
    ];
    let ended = fleet.run(&args).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let version = fleet.status(asset).await.version;
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.clone().into()];
    while let Some(folder) = folders.pop() {
        let folder: std::path::PathBuf = folder;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&dir).unwrap().to_str().unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            if name.ends_with(".m3u8") || name.ends_with(".mpd") {
                let text = String::from_utf8(bytes).unwrap();
                bytes = text.replace(version.as_str(), "version").into();
            }
            all.insert(name.replace(version.as_str(), "version"), bytes);
        }
    }
    all
}

async fn killed_at_each_step(watch: Watch) {
    let mut fleet = Fleet::start(&SETTINGS).await;
    let clip = Clip::with_words(8.0);
    let undisturbed = fleet.publish(clip.path()).await;
    let expected = exported(&fleet, &undisturbed, "undisturbed").await;
    let bytes = fleet.stored_bytes();
    let mut killer = Killer::of(watch);
    let (asset, state) = killer.through(&mut fleet, &clip).await;
    println!("{watch:?}: killed {} times", killer.kills);
    assert!(
        killer.kills >= 10,
        "{watch:?}: killed {} times",
        killer.kills
    );
    let status = fleet.status(&asset).await;
    assert_eq!(state, AssetState::Ready, "{status:?}");
    assert_eq!(status.warnings, fleet.status(&undisturbed).await.warnings);
    let found = exported(&fleet, &asset, "killed").await;
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (name, bytes) in &found {
        assert!(*bytes == expected[name], "{watch:?}: {name} differs");
    }
    fleet.is_valid(&asset).await;
    eventually("no orphan is left", async || {
        fleet.stored_bytes() == 2 * bytes
    })
    .await;
    // Subtitles and sound are added, under the same blows.
    add_text(&mut fleet, &asset, &mut killer).await;
    add_sound(&mut fleet, &asset, &mut killer).await;
    let grown = exported(&fleet, &asset, "grown").await;
    for added in ["t2/3.vtt", "a2/init.mp4", "a2/3.m4s"] {
        let name = format!("version/{added}");
        assert!(grown.contains_key(&name), "{added}: {:?}", grown.keys());
    }
    assert!(
        !grown.contains_key("version/a3/0.m4s"),
        "it was added twice"
    );
    for (name, bytes) in expected.iter().filter(|(name, _)| name.contains('/')) {
        assert!(*bytes == grown[name], "{watch:?}: {name} differs");
    }
    // Edges may keep the playlist of before.
    let ended = fleet.run(&["validate", &fleet.folder.join("grown")]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    // All is taken away, under the same blows.
    let mut deleted = false;
    while !deleted {
        let deleting = deleting(&fleet, &asset);
        while !deleting.is_finished() && killer.strike(&mut fleet).await {}
        deleted = deleting
            .await
            .is_ok_and(|status| [204, 404].contains(&status));
    }
    while killer.strike(&mut fleet).await {}
    eventually("no byte is left", async || fleet.stored_bytes() == bytes).await;
    assert_eq!(exported(&fleet, &undisturbed, "after").await, expected);
}

/// `weir text add`, again and again until the origin says that it is there; it is there once.
async fn add_text(fleet: &mut Fleet, asset: &Asset, killer: &mut Killer) {
    let words = fleet.folder.join("more.srt");
    std::fs::write(&words, "1\n00:00:01,000 --> 00:00:09,000\nmehr\n").unwrap();
    let (origin, admin) = (fleet.origin_url(), fleet.folder.join("data/admin-token"));
    let args = ["text", "add", &asset.id, &words, "--language", "de"];
    let args = [&args[..], &["--origin", &origin, "--admin-file", &admin]].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    loop {
        let (home, args) = (fleet.folder.path().to_owned(), args.clone());
        let adding = tokio::spawn(async move {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            run(&home, &args).await
        });
        while !adding.is_finished() && killer.strike(fleet).await {}
        let ended = adding.await.unwrap();
        if ended.code == 0 || ended.err.contains("is text of this language") {
            return;
        }
    }
}

/// `weir audio add`, which goes on by itself whenever the origin answers again.
async fn add_sound(fleet: &mut Fleet, asset: &Asset, killer: &mut Killer) {
    let kills = killer.kills;
    let clip = Clip::beep("more.flac", "-t 8 -c:a flac");
    let (home, id) = (fleet.folder.path().to_owned(), asset.id.clone());
    let (origin, admin) = (fleet.origin_url(), fleet.folder.join("data/admin-token"));
    let file = clip.path().to_str().unwrap().to_owned();
    let adding = tokio::spawn(async move {
        let args = ["audio", "add", &id, &file, "--language", "de"];
        let operator = ["--origin", &origin, "--admin-file", &admin];
        run(&home, &[&args[..], &operator].concat()).await
    });
    while !adding.is_finished() {
        killer.strike(fleet).await;
    }
    let ended = adding.await.unwrap();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(killer.kills > kills, "nothing was killed");
}

/// `DELETE`; ends with its status, or a panic when the connection is cut.
fn deleting(fleet: &Fleet, asset: &Asset) -> JoinHandle<u16> {
    let asking = fleet.asking(Method::DELETE, asset);
    tokio::spawn(async move { asking.send().await.status.as_u16() })
}

#[tokio::test]
async fn killed_when_bytes_are_stored_it_is_published_whole_or_gone() {
    killed_at_each_step(Watch::Blobs).await;
}

#[tokio::test]
async fn killed_when_rows_are_written_it_is_published_whole_or_gone() {
    killed_at_each_step(Watch::Log).await;
}

#[tokio::test]
async fn a_failure_that_is_killed_at_each_step_is_undone_whole() {
    for watch in [Watch::Blobs, Watch::Log] {
        let mut fleet = Fleet::start(&SETTINGS).await;
        let clip = Clip::of_bytes("clip.mp4", &[7; 100_000]);
        let (asset, state) = Killer::of(watch).through(&mut fleet, &clip).await;
        let status = fleet.status(&asset).await;
        assert_eq!(state, AssetState::Failed, "{status:?}");
        assert!(status.failure.is_some());
        eventually("no byte is left", async || fleet.stored_bytes() == 0).await;
    }
}
