//! Edges fetch the beginning of what is published before a viewer asks.

use wire::{SagaState, SagaStep};

use crate::{
    clip::Clip,
    fleet::{Fleet, Role},
};

#[tokio::test]
async fn an_edge_has_the_first_segments_when_the_workflow_ends_even_without_the_origin() {
    let mut fleet = Fleet::start(&[("WEIR_ORIGIN__WARM_SEGMENTS", "1")]).await;
    let asset = fleet.take_in(Clip::with_sound(6.0).path()).await;
    let warmed = |status: &wire::AssetStatus| {
        let mut steps = status.steps.iter();
        steps.any(|entry| (entry.step, entry.state) == (SagaStep::Warm, SagaState::Done))
    };
    let status = fleet.status_when(&asset, warmed).await;
    let last = status.steps.last().expect("it has steps");
    assert_eq!(last.detail.as_deref(), Some("1 of 1 edges"));
    let version = status.version.to_string();

    fleet.kill(Role::Origin);
    for name in ["v360/index.m3u8", "v360/init.mp4", "v360/0.m4s", "a1/0.m4s"] {
        let path = asset.path(&format!("{version}/{name}"));
        assert_eq!(fleet.at_edge(&path).await.status, 200, "{name}");
    }
    // The second was never asked for.
    let path = asset.path(&format!("{version}/v360/1.m4s"));
    assert_eq!(fleet.at_edge(&path).await.status, 502);
}
