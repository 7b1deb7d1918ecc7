//! Keys that are looked for afterwards in all that a fleet wrote and said.

use std::path::Path;

use http::Method;
use testkit::{Reply, get, request};

use crate::{
    clip::Clip,
    fleet::{Fleet, Role},
    process::eventually,
};

/// Shortest piece of a key that gives it away, bytes: its signature has 86.
const PIECE: usize = 24;

/// All that may be logged is: requests, connections, SQL.
const LOUD: [(&str, &str); 3] = [
    (
        "WEIR_LOG__FILTER",
        "debug,origin=trace,edge=trace,weir=trace",
    ),
    ("WEIR_EDGE__ACCESS_LOG", "access.log"),
    ("WEIR_EDGE__CACHE_DIR", "cache"),
];

/// Whether a key is in some text, whole or the secret part of it.
fn has(text: &[u8], key: &str) -> bool {
    let signature = key.rsplit('.').next().unwrap();
    let finds = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    finds(key.as_bytes()) || finds(&signature.as_bytes()[..PIECE])
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files_below(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

/// What answers said, but for the one that hands the key out.
#[derive(Default)]
struct Said(Vec<u8>);

impl Said {
    fn hear(&mut self, reply: &Reply) {
        self.0.extend_from_slice(&reply.body);
        self.0
            .extend_from_slice(format!("{:?}", reply.headers).as_bytes());
    }
}

async fn mint(fleet: &Fleet, args: &[&str]) -> String {
    let minted = fleet.key(&[&["mint"], args].concat()).await;
    assert_eq!(minted.code, 0, "{minted:?}");
    minted.out.trim().to_owned()
}

/// Every way in which a key that plays meets a server, good, wrong and taken back.
async fn play(fleet: &Fleet, asset: &str, key: &str, said: &mut Said) {
    let bearer = format!("Bearer {key}");
    for address in [fleet.edge(), fleet.origin()] {
        for path in [
            format!("/k/{key}/v/{asset}/master.m3u8"),
            format!("/k/{key}/v/another/master.m3u8"),
            format!("/k/{key}/v/{asset}/../x"),
            format!("/k/{key}x/v/{asset}/master.m3u8"),
            format!("/k/{}/v/{asset}/master.m3u8", key.replace('.', "%2E")),
            format!("/k/{key}"),
            format!("/v/{asset}/master.m3u8?key={key}"),
            format!("/v/{key}/master.m3u8"),
            format!("/watch/{asset}?k={key}"),
            format!("/{key}"),
        ] {
            said.hear(&get(address, &path).send().await);
        }
        let page = format!("http://host/watch/{asset}#k={key}");
        for path in [format!("/v/{asset}/master.m3u8"), "/api/assets".to_owned()] {
            let asked = get(address, &path).header("authorization", &bearer);
            let asked = asked.header("referer", &page).header("user-agent", key);
            said.hear(&asked.send().await);
        }
    }
}

/// A key for uploads, at its own door and others'.
async fn upload(fleet: &Fleet, key: &str, said: &mut Said) {
    let bearer = format!("Bearer {key}");
    let tus = |method: Method, path: &str| {
        let asked = request(fleet.origin(), method, path);
        let asked = asked.header("tus-resumable", "1.0.0");
        asked.header("authorization", &bearer)
    };
    for _ in 0..2 {
        let asked = tus(Method::POST, "/api/uploads").header("upload-length", "5");
        said.hear(&asked.header("referer", key).send().await);
    }
    said.hear(&tus(Method::GET, "/api/uploads/none").send().await);
    said.hear(&tus(Method::GET, "/api/assets").send().await);
    let path = format!("/api/uploads/{key}");
    said.hear(&tus(Method::HEAD, &path).send().await);
    let revoke = tus(Method::POST, "/api/keys/revoke");
    said.hear(&revoke.send().await);
}

#[tokio::test]
async fn a_key_is_in_nothing_that_a_fleet_writes_or_says() {
    let mut fleet = Fleet::of(&[Role::Origin, Role::Edge], &LOUD).await;
    let asset = fleet.take_in(Clip::of_bytes("x.mp4", b"x").path()).await;
    let player = mint(&fleet, &["--asset", &asset.id, "--subject", "jo"]).await;
    let sender = mint(&fleet, &["--upload", "--uses", "1"]).await;
    let mut said = Said::default();
    play(&fleet, &asset.id, &player, &mut said).await;
    upload(&fleet, &sender, &mut said).await;
    // Pasted where a name belongs.
    for name in ["--subject", "--signer"] {
        fleet.key(&["revoke", name, &format!("x {player}")]).await;
    }
    for key in [&player, &sender] {
        let revoked = fleet.key(&["revoke", key]).await;
        assert_eq!(revoked.code, 0, "{revoked:?}");
    }
    let target = format!("/k/{player}/v/{}/master.m3u8", asset.id);
    eventually("the edge has heard", async || {
        fleet.at_edge(&target).await.problem() == wire::kind::KEY_REVOKED
    })
    .await;
    play(&fleet, &asset.id, &player, &mut said).await;
    upload(&fleet, &sender, &mut said).await;
    for role in [Role::Origin, Role::Edge] {
        said.hear(&get(fleet.admin(role), "/metrics").send().await);
    }
    let admin = fleet.folder.join("data/admin-token");
    let origin = fleet.origin_url();
    let args = ["audit", "--origin", &origin, "--admin-file", &admin];
    let trail = fleet.run(&args).await;
    assert!(
        trail.out.contains("issue") && trail.out.contains("refused"),
        "{trail:?}"
    );
    said.0.extend_from_slice(trail.out.as_bytes());
    for role in [Role::Edge, Role::Origin] {
        fleet.stop(role).await;
    }

    for key in [&player, &sender] {
        assert!(!has(&said.0, key), "an answer has it");
    }
    let mut files = Vec::new();
    files_below(fleet.folder.path(), &mut files);
    let is_there = |name: &str| files.iter().any(|path| path.ends_with(name));
    for name in [
        "catalogue.db",
        "access.log",
        "cache/keys.json",
        "Edge-1.log",
        "Origin-1.log",
    ] {
        assert!(is_there(name), "{name} is not among {files:?}");
    }
    for path in files {
        let text = std::fs::read(&path).unwrap();
        for key in [&player, &sender] {
            assert!(!has(&text, key), "{} has it", path.display());
        }
    }
}
