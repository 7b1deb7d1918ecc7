//! `weir ingest`: a worker fetches what a URL names, from a real server.

use testkit::{Answer, FakeOrigin, Gate, get};
use wire::{AssetState, FetchStatus};

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    process::{Ended, eventually, run},
};

/// A video of so many bytes: what it lacks is behind it in a box that says nothing.
fn video(len: usize) -> Vec<u8> {
    let mut bytes = std::fs::read(Clip::index_first(4.0).path()).unwrap();
    let free = u32::try_from(len - bytes.len()).unwrap();
    bytes.extend_from_slice(&free.to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.resize(len, 0);
    bytes
}

/// A fleet that may call a server on this machine.
async fn fleet(server: &FakeOrigin) -> Fleet {
    let ports = format!("[{}]", server.addr().port());
    let settings = [
        ("WEIR_OUTWARD__ALLOW", "[\"127.0.0.0/8\"]"),
        ("WEIR_OUTWARD__PORTS", ports.as_str()),
    ];
    Fleet::start(&settings).await
}

async fn ingest(fleet: &Fleet, url: &str) -> Ended {
    let (folder, args) = ingest_args(fleet, url);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run(&folder, &args).await
}

fn ingest_args(fleet: &Fleet, url: &str) -> (std::path::PathBuf, Vec<String>) {
    let admin = fleet.folder.join("data/admin-token");
    let (origin, edge) = (fleet.origin_url(), fleet.edge_url());
    let args = [
        &[
            "ingest", url, "--wait", "--origin", &origin, "--edge", &edge,
        ][..],
        &["--admin-file", &admin],
    ];
    let args = args.concat().into_iter().map(str::to_owned).collect();
    (fleet.folder.path().to_owned(), args)
}

#[tokio::test]
async fn a_url_becomes_an_asset_that_plays() {
    let server = FakeOrigin::start().await;
    let file = Answer::ok(video(3 << 20)).etag("v1").ranges();
    server.route("/my%20clip.mp4?token=secret", file);
    server.route(
        "/moved",
        Answer::status(302).header("location", "/my%20clip.mp4?token=secret"),
    );
    let fleet = fleet(&server).await;
    let ended = ingest(&fleet, &format!("{}/moved", server.url())).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let asset = Asset::told_by(&ended);
    let status = fleet.settled(&asset).await;
    assert_eq!(
        (status.state, status.title.as_str()),
        (AssetState::Ready, "moved")
    );
    fleet.plays(&asset).await;
}

#[tokio::test]
async fn a_worker_that_is_killed_and_an_origin_that_is_killed_cost_no_byte_that_came() {
    let server = FakeOrigin::start().await;
    let (all, gate) = (video(4 << 20), Gate::closed());
    let (start, rest) = all.split_at(2 << 20);
    let file = Answer::ok(start.to_vec()).etag("v1").ranges();
    server.route("/clip.mp4", file.then_held(&gate).then(rest.to_vec()));
    let mut fleet = fleet(&server).await;
    let (folder, args) = ingest_args(&fleet, &format!("{}/clip.mp4", server.url()));
    let ingesting = tokio::spawn(async move {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(&folder, &args).await
    });
    let admin = std::fs::read_to_string(fleet.data_dir().join("admin-token")).unwrap();
    eventually("a part of it is safe", async || {
        let asking = get(fleet.origin(), "/api/fetches");
        let asking = asking.header("authorization", &format!("Bearer {}", admin.trim()));
        let listed: Vec<FetchStatus> = serde_json::from_slice(&asking.send().await.body).unwrap();
        listed.iter().any(|fetch| fetch.received_bytes >= 1 << 20)
    })
    .await;
    fleet.kill(Role::Worker);
    fleet.kill(Role::Origin);
    fleet.launch(Role::Origin).await;
    fleet.launch(Role::Worker).await;
    let ended = ingesting.await.unwrap();
    assert_eq!(ended.code, 0, "{ended:?}");
    let asked = server.requests("/clip.mp4");
    let field = |n: usize, name| asked[n].headers.get(name).map(|it| it.to_str().unwrap());
    assert_eq!((asked.len(), field(0, "range")), (2, None));
    let from = field(1, "range").and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-'));
    assert!(
        from.is_some_and(|it| it.parse::<usize>().unwrap() >= 1 << 20),
        "{from:?}"
    );
    assert_eq!(field(1, "if-range"), Some("\"v1\""));
    let sources = fleet.sources();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(std::fs::read(&sources[0]).unwrap() == all, "byte for byte");
    fleet.plays(&Asset::told_by(&ended)).await;
}

#[tokio::test]
async fn what_cannot_be_fetched_is_given_up_in_words() {
    let server = FakeOrigin::start().await;
    server.route(
        "/page",
        Answer::ok("<html>").header("content-type", "text/html"),
    );
    server.route("/paper", Answer::ok("%PDF-1.7 a paper about a video"));
    server.route("/empty", Answer::ok(""));
    server.route(
        "/inside",
        Answer::status(302).header("location", "http://10.0.0.1/"),
    );
    let fleet = fleet(&server).await;
    let port = server.addr().port();
    for (url, says) in [
        (server.url() + "/none", "nothing there (404"),
        (server.url() + "/page", "a web page"),
        (server.url() + "/paper", "a PDF"),
        (server.url() + "/empty", "empty"),
        (server.url() + "/inside", "port 80 is not called"),
        (format!("http://[::1]:{port}/"), "loopback"),
        (format!("http://169.254.169.254:{port}/"), "link-local"),
    ] {
        let ended = ingest(&fleet, &url).await;
        assert_eq!(ended.code, 6, "{url}: {ended:?}");
        assert!(ended.err.contains(says), "{url}: {ended:?}");
    }
    eventually("no byte is left", async || fleet.sources().is_empty()).await;
}
