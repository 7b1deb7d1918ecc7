//! Many viewers who want the same thing at once.

use tokio::task::JoinSet;

use crate::{
    clip::Clip,
    fleet::{Fleet, Role},
    process::eventually,
    published,
};

const VIEWERS: usize = 200;
const ASKED: &str = "weir_origin_requests_total";
const MEDIA: &str = "route=\"/v/{*path}\"";

#[tokio::test]
async fn two_hundred_cold_requests_for_a_segment_are_one_to_the_origin() {
    let (mut fleet, path) = with_a_cold_edge().await;
    let (_, below) = path.split_once("/v/").expect("it is media");
    let expected = fleet.at_origin(&format!("/v/{below}")).await.body;
    let before = fleet.metric(Role::Origin, ASKED, MEDIA).await;
    // All of them wait for an origin that stands still: so none finds it stored.
    fleet.process(Role::Origin).freeze();
    let mut viewers = JoinSet::new();
    for _ in 0..VIEWERS {
        viewers.spawn(testkit::get(fleet.edge(), &path).send());
    }
    all_connected(&fleet).await;
    fleet.process(Role::Origin).go_on();
    for reply in viewers.join_all().await {
        assert_eq!((reply.status.as_u16(), reply.cut), (200, false));
        assert!(reply.body == expected, "{} bytes", reply.body.len());
    }
    let after = fleet.metric(Role::Origin, ASKED, MEDIA).await;
    assert_eq!(after - before, 1.0);
}

/// A fleet whose edge has seen nothing yet, and the path of a segment there.
async fn with_a_cold_edge() -> (Fleet, String) {
    let mut fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_sound(3.0).path()).await;
    let segment = published::fetch(&fleet, &asset).await["v360"].names[0].clone();
    fleet.kill(Role::Edge);
    fleet.launch(Role::Edge).await;
    (fleet, asset.path(&segment))
}

async fn all_connected(fleet: &Fleet) {
    eventually("all viewers are connected", async || {
        let open = fleet.metric(Role::Edge, "weir_edge_connections{", "");
        open.await >= VIEWERS as f64
    })
    .await;
}
