//! What is published keeps the rules of HLS, DASH and CMAF, whatever came in.

use crate::{
    clip::{CODECS, Clip},
    fleet::Fleet,
    published,
};

const LANGUAGES: &str = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=ger \
    -metadata:s:s:0 language=eng -metadata:s:s:1 language=ger \
    -map 0:v -map 1:a -map 2:a -map 3:s -map 4:s";

#[tokio::test]
async fn two_languages_and_their_subtitles_are_offered_and_valid() {
    let fleet = Fleet::start(&[]).await;
    for (name, codec) in [("two.mp4", "-g 50 -c:s mov_text"), ("two.mkv", "-c:s srt")] {
        let args = format!("{LANGUAGES} -t 8 {CODECS} {codec}");
        let asset = fleet.publish(Clip::of(name, &args).path()).await;
        let master = published::text(&fleet, &asset, "master.m3u8").await;
        for kind in ["AUDIO", "SUBTITLES"] {
            let lines = || {
                master
                    .lines()
                    .filter(|line| line.contains(&format!("TYPE={kind},")))
            };
            for language in ["en", "de"] {
                let named = format!("LANGUAGE=\"{language}\"");
                let offered = lines().filter(|line| line.contains(&named)).count();
                assert_eq!(offered, 1, "{name} {kind} {language}: {master}");
            }
        }
        let words = words(&fleet, &asset, &master, "de").await;
        assert!(words.contains("Words in de"), "{words}");
        fleet.plays(&asset).await;
        fleet.is_valid(&asset).await;
    }
}

/// The first segment of the subtitles in this language.
async fn words(fleet: &Fleet, asset: &crate::fleet::Asset, master: &str, language: &str) -> String {
    let named =
        |line: &&str| line.contains("TYPE=SUBTITLES") && line.contains(&format!("\"{language}\""));
    let line = master.lines().find(named).expect("it is offered");
    let (_, uri) = line.split_once("URI=\"").expect("it has a playlist");
    let (folder, _) = uri.split_once("index.m3u8").expect("of its track");
    published::text(fleet, asset, &format!("{folder}0.vtt")).await
}

#[tokio::test]
async fn all_kinds_of_sources_are_published_validly() {
    let fleet = Fleet::start(&[]).await;
    let plain = "-map 0:v -map 1:a -t 5";
    let mut assets = Vec::new();
    for (name, args) in [
        (
            "portrait.mp4",
            format!("{plain} -vf scale=360:640 {CODECS}"),
        ),
        (
            "vary.mkv",
            format!("{plain} -vf select=gt(mod(n\\,7)\\,2) -vsync vfr {CODECS}"),
        ),
        ("surround.mp4", format!("{plain} -ac 6 {CODECS} -g 50")),
        ("stream.ts", format!("{plain} {CODECS} -g 50")),
        ("silent.mov", format!("-map 0:v -t 5 {CODECS} -g 50")),
        ("film.mp4", format!("{plain} -r 24000/1001 {CODECS}")),
        ("sound.mp3", "-map 1:a -t 5 -c:a libmp3lame".to_owned()),
    ] {
        let clip = Clip::of(name, &args);
        assets.push((name, fleet.take_in(clip.path()).await));
    }
    for (name, asset) in assets {
        let status = fleet.settled(&asset).await;
        assert_eq!(status.failure, None, "{name}");
        println!("{name}");
        fleet.is_valid(&asset).await;
    }
}
