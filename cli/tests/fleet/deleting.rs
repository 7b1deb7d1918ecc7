//! `DELETE /api/assets/<asset>` in the middle of its packaging.

use http::Method;

use crate::{
    clip::Clip,
    fleet::Role,
    kills::{PACED_FFMPEG, is_encoding, with_ffmpeg},
    process::{Folder, at_work_in, eventually},
};

#[tokio::test]
async fn a_deleted_asset_ends_its_jobs_and_leaves_no_byte_and_its_worker_works_on() {
    let tools = Folder::new();
    let grace = [("WEIR_ORIGIN__GC_GRACE", "2s")];
    let mut fleet = with_ffmpeg(&tools, PACED_FFMPEG, &grace).await;
    let asset = fleet.take_in(Clip::with_sound(20.0).path()).await;
    fleet.status_when(&asset, is_encoding).await;
    assert!(fleet.stored_bytes() > 0);

    let reply = fleet.operate(Method::DELETE, &asset).await;
    assert!(reply.status.is_success(), "{reply:?}");
    eventually("only the worker is left of what ran", async || {
        at_work_in(&fleet.work_dir()).len() == 1
    })
    .await;
    assert_eq!(fleet.operate(Method::GET, &asset).await.status, 404);
    eventually("viewers find it gone", async || {
        fleet.at_edge(&asset.path("info.json")).await.status == 404
    })
    .await;
    eventually("no byte is left", async || fleet.stored_bytes() == 0).await;

    fleet.process(Role::Worker).must_run();
    let next = fleet.publish(Clip::with_sound(2.0).path()).await;
    fleet.plays(&next).await;
}
