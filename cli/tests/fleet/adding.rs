//! `weir text add`: subtitles for what is published already.

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet},
    process::{Ended, eventually},
    published,
};

const REFUSED: i32 = 6;
const SRT: &str = "1\n00:00:01,000 --> 00:00:03,000\n<i>Gr\u{fc}\u{df}e</i>\n\n\
                   2\n00:00:06,000 --> 00:00:09,000\nEnde\n";

async fn add(fleet: &Fleet, asset: &Asset, words: &str, more: &[&str]) -> Ended {
    let file = fleet.folder.join("words.srt");
    std::fs::write(&file, words).unwrap();
    let (origin, admin) = (fleet.origin_url(), fleet.folder.join("data/admin-token"));
    let args = ["text", "add", &asset.id, &file, "--origin", &origin];
    let args = [&args[..], &["--admin-file", &admin], more].concat();
    fleet.run(&args).await
}

#[tokio::test]
async fn added_subtitles_play_and_are_valid_and_nothing_else_changes() {
    // Edges keep a sealed playlist for a minute: the origin is asked.
    let fleet = Fleet::start(&[("WEIR_ORIGIN__GC_GRACE", "3s")]).await;
    let asset = fleet.publish(Clip::with_words(7.0).path()).await;
    let old = fleet.status(&asset).await.version;
    let refused = add(&fleet, &asset, "no subtitles", &["--language", "de"]).await;
    assert_eq!(refused.code, REFUSED, "{refused:?}");
    assert!(
        refused.err.contains("neither WebVTT nor SubRip"),
        "{refused:?}"
    );
    let before = served(&fleet, &asset, old.as_str()).await;
    let more = ["--language", "de", "--name", "Deutsch & mehr", "--default"];
    let ended = add(&fleet, &asset, SRT, &more).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let new = fleet.status(&asset).await.version;
    assert!(new != old && ended.out.contains(new.as_str()), "{ended:?}");
    assert_eq!(served(&fleet, &asset, new.as_str()).await, before);
    fleet.plays(&asset).await;
    fleet.is_valid(&asset).await;
    let master = published::text(&fleet, &asset, "master.m3u8").await;
    let line = master.lines().find(|line| line.contains("LANGUAGE=\"de\""));
    let line = line.unwrap_or_else(|| panic!("{master}"));
    assert!(line.contains("NAME=\"Deutsch & mehr\"") && line.contains("DEFAULT=YES"));
    eventually("the old version is gone", async || {
        let path = format!("/v/{}/{old}/v240/index.m3u8", asset.id);
        fleet.at_origin(&path).await.status == 404
    })
    .await;
    // Its garbage has been looked at after as long again.
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    assert_eq!(served(&fleet, &asset, new.as_str()).await, before);
    fleet.operate(http::Method::DELETE, &asset).await;
    eventually("no byte is left", async || fleet.stored_bytes() == 0).await;
}

/// What the asset had before anything was added, as the origin serves it.
async fn served(fleet: &Fleet, asset: &Asset, version: &str) -> Vec<bytes::Bytes> {
    let mut all = Vec::new();
    for name in [
        "v240/init.mp4",
        "v240/0.m4s",
        "v360/3.m4s",
        "a1/init.mp4",
        "a1/1.m4s",
        "t1/0.vtt",
        "t1.vtt",
        "poster.jpg",
        "v360/index.m3u8",
        "v360/iframes.m3u8",
    ] {
        let reply = fleet
            .at_origin(&format!("/v/{}/{version}/{name}", asset.id))
            .await;
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
        all.push(reply.body);
    }
    all
}
