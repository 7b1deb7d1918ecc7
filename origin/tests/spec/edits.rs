//! Edits of manifests by query.

use crate::support::{Server, json_of, patient, plan, problem, task};

/// A sealed version of two renditions and one audio track, each of three segments.
async fn sealed() -> (Server, String, String, String) {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let tracks = ["v720", "v360", "a1"];
    let lease = server.lease().await;
    server
        .store_plan(&lease, &plan(&tracks, &[task("rest", &tracks)]))
        .await;
    let lease = server.lease().await;
    for track in tracks {
        server.init(&lease, track).await;
        for number in 0..3 {
            server.segment_of(&lease, track, number, "x").await;
        }
    }
    assert_eq!(server.complete(&lease).await, 204);
    let version = lease["version"].as_str().unwrap().to_owned();
    (server, asset, key, version)
}

#[tokio::test]
async fn a_query_leaves_out_renditions_and_goes_on_in_child_playlists_alone() {
    let (server, asset, key, version) = sealed().await;
    let path = format!("/v/{asset}/master.m3u8?CMCD=x&start=4&max_height=360");
    let answer = server.get(&path, &key).await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(
        text.contains("v360/index.m3u8?max_height=360&start=4"),
        "{text}"
    );
    assert!(!text.contains("v720"), "{text}");
    let path = format!("/v/{asset}/{version}/v360/index.m3u8?max_height=360&start=4");
    let answer = server.get(&path, &key).await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(
        text.contains("1.m4s\n") && !text.contains("0.m4s"),
        "{text}"
    );
    let path = format!("/v/{asset}/manifest.mpd?max_height=360");
    let answer = server.get(&path, &key).await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(text.contains("v360") && !text.contains("v720"), "{text}");
}

#[tokio::test]
async fn a_doubled_or_malformed_query_is_a_bad_request() {
    let (server, asset, key, version) = sealed().await;
    for query in [
        "start=1&start=1",
        "start=-1",
        "start=x",
        "max_height=0",
        "start=2&end=1",
    ] {
        for path in [
            "master.m3u8",
            "manifest.mpd",
            &format!("{version}/v360/index.m3u8"),
        ] {
            let answer = server
                .get(&format!("/v/{asset}/{path}?{query}"), &key)
                .await;
            assert_eq!(problem(&answer), "bad-request", "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn an_edit_that_leaves_nothing_is_not_found() {
    let (server, asset, key, _version) = sealed().await;
    let answer = server
        .get(&format!("/v/{asset}/master.m3u8?max_height=100"), &key)
        .await;
    assert_eq!(problem(&answer), "not-found");
    assert!(json_of(&answer)["detail"].as_str().unwrap().contains("100"));
}
