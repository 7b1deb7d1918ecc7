//! A file whose own streams can be published is there at once; the rest joins later.

use wire::AssetState;

use crate::{
    clip::{Clip, FRAME_RATE},
    fleet::{Asset, Fleet},
    kills::with_ffmpeg,
    process::{Folder, eventually},
    published::{self, renditions},
};

const SECS: usize = 16;

#[tokio::test]
async fn what_is_copied_plays_before_anything_is_encoded_which_joins_when_it_is_whole() {
    let tools = Folder::new();
    let gate = tools.join("gate");
    // It encodes nothing until the gate is open, or the test is over.
    let closed = format!(
        "while [ -d '{}' ] && ! [ -e '{gate}' ]",
        tools.path().display()
    );
    let script = format!(
        "case \" $* \" in *' -i pipe:'*) ;; *' -i '*) {closed}; do sleep 0.1; done ;; esac"
    );
    let script = format!("{script}\nexec ffmpeg \"$@\"");
    let fleet = with_ffmpeg(&tools, &script, &[]).await;
    let asset = fleet
        .take_in(Clip::with_keyframes(SECS as f64).path())
        .await;

    let playable = |status: &wire::AssetStatus| status.state == AssetState::Playable;
    fleet.status_when(&asset, playable).await;
    assert_eq!(renditions(&fleet, &asset).await, ["v360-source"]);
    // What is behind the first segments follows; a playlist may be a second old.
    let whole = async || listed_secs(&copied(&fleet, &asset).await) == SECS as f64;
    eventually("copied to the end", whole).await;

    std::fs::write(gate, "").unwrap();
    let status = fleet.settled(&asset).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");
    let ended = async || copied(&fleet, &asset).await.contains("#EXT-X-ENDLIST");
    eventually("seen to be whole", ended).await;
    let offered = renditions(&fleet, &asset).await;
    assert_eq!(offered.first().map(String::as_str), Some("v360-source"));
    let tracks = published::fetch(&fleet, &asset).await;
    for name in ["v360-source", "v240"] {
        assert!(offered.iter().any(|offered| offered == name), "{offered:?}");
        assert_eq!(tracks[name].decoded_frames(), SECS * FRAME_RATE, "{name}");
    }
    assert_eq!(
        tracks["v360-source"].names.len(),
        tracks["v240"].names.len()
    );
    fleet.plays(&asset).await;
    fleet.is_valid(&asset).await;
}

/// The playlist of the copied rendition, as a player gets it.
async fn copied(fleet: &Fleet, asset: &Asset) -> String {
    let master = published::text(fleet, asset, "master.m3u8").await;
    let mut lines = master.lines();
    let playlist = lines.find(|line| line.contains("v360-source/index"));
    published::text(fleet, asset, playlist.expect("it is offered")).await
}

/// Seconds of what a growing playlist lists.
fn listed_secs(playlist: &str) -> f64 {
    assert!(
        playlist.contains("#EXT-X-PLAYLIST-TYPE:EVENT"),
        "{playlist}"
    );
    let lengths = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"));
    lengths
        .map(|length| length.trim_end_matches(',').parse::<f64>().unwrap())
        .sum()
}
