//! Keys of viewers, from the operator's hand to the edge's judgement.

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    process::eventually,
};

#[tokio::test]
async fn a_minted_key_says_what_it_opens_and_opens_it() {
    let (fleet, asset) = with_an_asset().await;
    let minted = fleet
        .key(&["mint", "--asset", &asset.id, "--ttl", "1h"])
        .await;
    assert_eq!(minted.code, 0, "{minted:?}");
    let key = minted.out.trim();
    let shown = fleet.run(&["key", "inspect", key]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let opens = format!("\"cdniuc\": \"regex:/v/{}/.*\"", asset.id);
    for claim in [opens.as_str(), "\"jti\": ", "\"alg\": \"EdDSA\"", "until "] {
        assert!(shown.out.contains(claim), "{claim}: {shown:?}");
    }
    let target = format!("/k/{key}/v/{}/master.m3u8", asset.id);
    let reply = fleet.at_edge(&target).await;
    assert_eq!(reply.problem(), wire::kind::NOT_YET_PLAYABLE);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_the_edge() {
    let (fleet, asset) = with_an_asset().await;
    let target = asset.path("master.m3u8");
    let reply = fleet.at_edge(&target).await;
    assert_eq!(reply.problem(), wire::kind::NOT_YET_PLAYABLE);
    let revoked = fleet.key(&["revoke", asset.key()]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    eventually("the edge refuses it", async || {
        fleet.at_edge(&target).await.status == 401
    })
    .await;
    let reply = fleet.at_edge(&target).await;
    assert_eq!(reply.problem(), wire::kind::KEY_REVOKED);
}

#[tokio::test]
async fn all_keys_of_an_asset_are_revoked_by_its_name() {
    let (fleet, asset) = with_an_asset().await;
    let target = asset.path("master.m3u8");
    let revoked = fleet.key(&["revoke", "--asset", &asset.id]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    assert!(revoked.out.contains(&asset.id), "{revoked:?}");
    eventually("the edge refuses it", async || {
        fleet.at_edge(&target).await.status == 401
    })
    .await;
    let minted = fleet.key(&["mint", "--asset", &asset.id]).await;
    let target = format!("/k/{}/v/{}/master.m3u8", minted.out.trim(), asset.id);
    let reply = fleet.at_edge(&target).await;
    assert_eq!(reply.problem(), wire::kind::NOT_YET_PLAYABLE);
}

#[tokio::test]
async fn a_key_of_one_asset_does_not_open_another() {
    let (fleet, asset) = with_an_asset().await;
    let target = format!("/k/{}/v/another/master.m3u8", asset.key());
    let reply = fleet.at_edge(&target).await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.problem(), wire::kind::KEY_SCOPE);
}

/// An asset that no worker packages.
async fn with_an_asset() -> (Fleet, Asset) {
    let fleet = Fleet::of(&[Role::Origin, Role::Edge], &[]).await;
    let asset = fleet.take_in(Clip::of_bytes("x.mp4", b"x").path()).await;
    (fleet, asset)
}
