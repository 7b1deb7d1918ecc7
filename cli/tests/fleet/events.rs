//! How far an asset is, told to viewers through an edge as it goes.

use testkit::{Stream, get};
use wire::{AssetProgress, AssetState};

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet},
    kills::paced,
    process::Folder,
};

#[tokio::test]
async fn all_who_listen_at_an_edge_hear_of_each_step_until_it_is_ready() {
    let tools = Folder::new();
    let fleet = paced(&tools).await;
    let asset = fleet.take_in(Clip::with_sound(14.0).path()).await;
    let listeners = [(); 3].map(|()| listen(&fleet, &asset));
    for heard in futures_util::future::join_all(listeners).await {
        let states: Vec<AssetState> = heard.iter().map(|told| told.state).collect();
        assert_eq!(states.first(), Some(&AssetState::Packaging), "{states:?}");
        assert_eq!(states.last(), Some(&AssetState::Ready), "{states:?}");
        // It came as it went, not all at the end.
        assert!(heard.len() >= 4, "{heard:?}");
        assert!(
            heard.is_sorted_by(|a, b| a.percent <= b.percent),
            "{heard:?}"
        );
        let renditions = &heard.last().unwrap().renditions;
        assert!(
            renditions.iter().any(|name| name.as_str() == "v240"),
            "{renditions:?}"
        );
    }
}

#[tokio::test]
async fn events_are_for_who_may_watch() {
    let fleet = Fleet::of(&[crate::fleet::Role::Origin, crate::fleet::Role::Edge], &[]).await;
    let asset = fleet.take_in(Clip::of_bytes("x.mp4", b"x").path()).await;
    let reply = fleet.at_edge(&format!("/v/{}/events", asset.id)).await;
    assert_eq!(reply.status, 401, "{reply:?}");
}

/// All that is told until the origin ends it.
async fn listen(fleet: &Fleet, asset: &Asset) -> Vec<AssetProgress> {
    let mut stream = get(fleet.edge(), &asset.path("events")).open().await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["cache-control"], "no-store");
    let text = whole(&mut stream).await;
    let told = text.split("\n\n").filter_map(|event| {
        let (_, data) = event.strip_prefix("event: state\n")?.split_once("data: ")?;
        Some(serde_json::from_str(data).unwrap())
    });
    told.collect()
}

async fn whole(stream: &mut Stream) -> String {
    let mut text = String::new();
    while let Some(piece) = stream.piece().await {
        let piece = piece.expect("the edge does not cut it");
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    text
}
