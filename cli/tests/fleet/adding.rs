//! `weir text add` and `weir audio add`: subtitles and sound for what is published already.

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet},
    process::{Ended, eventually},
    published,
};

const REFUSED: i32 = 6;
const SRT: &str = "1\n00:00:01,000 --> 00:00:03,000\n<i>Gr\u{fc}\u{df}e</i>\n\n\
                   2\n00:00:06,000 --> 00:00:09,000\nEnde\n";

/// What the first clip has, besides its pictures.
const WORDS: [&str; 10] = [
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
];

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
    let before = served(&fleet, &asset, old.as_str(), &WORDS).await;
    let more = ["--language", "de", "--name", "Deutsch & mehr", "--default"];
    let ended = add(&fleet, &asset, SRT, &more).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let new = fleet.status(&asset).await.version;
    assert!(new != old && ended.out.contains(new.as_str()), "{ended:?}");
    assert_eq!(served(&fleet, &asset, new.as_str(), &WORDS).await, before);
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
    assert_eq!(served(&fleet, &asset, new.as_str(), &WORDS).await, before);
    fleet.operate(http::Method::DELETE, &asset).await;
    eventually("no byte is left", async || fleet.stored_bytes() == 0).await;
}

/// What the asset had before anything was added, as the origin serves it.
async fn served(fleet: &Fleet, asset: &Asset, version: &str, names: &[&str]) -> Vec<bytes::Bytes> {
    let mut all = Vec::new();
    for name in names {
        let reply = fleet
            .at_origin(&format!("/v/{}/{version}/{name}", asset.id))
            .await;
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
        all.push(reply.body);
    }
    all
}

/// `weir audio`, with what else it is told.
async fn audio(fleet: &Fleet, args: &[&str]) -> Ended {
    let (origin, admin) = (fleet.origin_url(), fleet.folder.join("data/admin-token"));
    let operator = ["--origin", &origin, "--admin-file", &admin];
    fleet.run(&[&["audio"], args, &operator].concat()).await
}

#[tokio::test]
async fn added_sound_is_in_step_and_valid_and_nothing_else_changes() {
    let settings = [
        ("WEIR_ORIGIN__CODECS", "[\"h264\", \"opus\"]"),
        ("WEIR_ORIGIN__PUBLISH_SOURCE", "false"),
    ];
    let fleet = Fleet::start(&settings).await;
    let asset = fleet.publish(Clip::with_flash_and_beep(7.0).path()).await;
    let old = fleet.status(&asset).await.version;
    let names = [
        "v240/0.m4s",
        "v360/3.m4s",
        "a1/init.mp4",
        "a1/2.m4s",
        "v360/index.m3u8",
    ];
    let before = served(&fleet, &asset, old.as_str(), &names).await;
    for (language, name, args, warning) in [
        ("de", "longer.flac", "-t 9 -ac 6 -c:a flac", "cut off there"),
        (
            "fr",
            "shorter.m4a",
            "-t 5 -ac 1 -c:a aac",
            "it ends 2.0 s before",
        ),
        ("it", "same.mp3", "-t 7 -ac 2 -c:a libmp3lame", ""),
        ("nl", "same.ogg", "-t 7 -c:a libvorbis", ""),
    ] {
        let clip = Clip::beep(name, args);
        let file = clip.path().to_str().unwrap();
        let ended = audio(&fleet, &["add", &asset.id, file, "--language", language]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.err.contains(warning), "{ended:?}");
    }
    let dub = Clip::with_flash_and_beep(4.0);
    let film = dub.path().to_str().unwrap();
    let more = ["--language", "en", "--name", "Told", "--describes-video"];
    let ended = audio(&fleet, &[&["add", &asset.id, film], &more[..]].concat()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let new = fleet.status(&asset).await.version;
    assert_eq!(served(&fleet, &asset, new.as_str(), &names).await, before);
    let master = published::text(&fleet, &asset, "master.m3u8").await;
    for line in [
        "NAME=\"Deutsch\",LANGUAGE=\"de\"",
        "CHANNELS=\"6\"",
        "describes-video",
    ] {
        assert!(master.contains(line), "{line}: {master}");
    }
    let tracks = published::fetch(&fleet, &asset).await;
    let white = tracks["v360"].first_white();
    let sounds = tracks
        .iter()
        .filter(|(name, _)| name.starts_with('a') && !name.contains('-'));
    let mut heard = 0;
    for (name, track) in sounds {
        let apart_ms = (track.first_loud() - white).abs() * 1000.0;
        println!("{name}: {apart_ms:.3} ms");
        assert!(apart_ms <= 1.0, "{name} is {apart_ms} ms away");
        assert!(track.times().last().unwrap() < &7.05, "{name} is too long");
        heard += 1;
    }
    assert_eq!(
        heard,
        7,
        "one more for each, and surround: {:?}",
        tracks.keys()
    );
    fleet.plays(&asset).await;
    fleet.is_valid(&asset).await;
    let ended = audio(&fleet, &["remove", &asset.id, "a2"]).await;
    assert!(
        ended.code == 0 && ended.out.contains("without a2"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn what_is_no_sound_is_refused_with_the_reason() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::sound_alone(3.0).path()).await;
    let old = fleet.status(&asset).await.version;
    let silent = Clip::of("silent.mp4", "-map 0:v -t 1 -c:v libx264");
    let words = Clip::of_bytes("words.wav", b"no sound at all");
    for (clip, reason) in [(silent, "no sound"), (words, "")] {
        let file = clip.path().to_str().unwrap();
        let ended = audio(&fleet, &["add", &asset.id, file, "--language", "de"]).await;
        assert_eq!(ended.code, REFUSED, "{ended:?}");
        assert!(ended.err.contains(reason), "{ended:?}");
    }
    let status = fleet.status(&asset).await;
    assert_eq!((status.version, status.additions.len()), (old, 2));
    assert!(status.additions.iter().all(|added| added.failure.is_some()));
    fleet.is_valid(&asset).await;
}
