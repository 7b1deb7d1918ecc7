//! Events: how far an asset is, as it goes.

use serde_json::json;

use crate::support::{Server, json_of, patient, plan, task};

#[tokio::test]
async fn events_tell_each_change_up_to_the_last() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let mut events = server.events(&format!("/v/{asset}/events"), &key).await;
    let first = events.next().await.unwrap();
    assert_eq!(
        first,
        json!({"state": "packaging", "percent": 0.0, "stage": "queued", "speed": null,
            "eta_secs": null, "renditions": [], "duration_secs": null})
    );
    let lease = server.lease().await;
    server
        .store_plan(&lease, &plan(&["v360"], &[task("lead", &["v360"])]))
        .await;
    let lease = server.lease().await;
    server.init(&lease, "v360").await;
    server.heartbeat(&lease, 2.0).await;
    for number in 0..3 {
        server.segment_of(&lease, "v360", number, "x").await;
    }
    let playable = loop {
        let event = events.next().await.unwrap();
        if event["state"] == "playable" {
            break event;
        }
    };
    assert_eq!(
        (&playable["renditions"], &playable["duration_secs"]),
        (&json!(["v360"]), &json!(12.0))
    );
    assert_eq!(
        (&playable["speed"], &playable["stage"]),
        (&json!(2.0), &json!("encode"))
    );
    assert_eq!(server.complete(&lease).await, 204);
    let last = events.next().await.unwrap();
    assert_eq!(
        (&last["state"], &last["percent"]),
        (&json!("ready"), &json!(100.0))
    );
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn every_listener_is_told_and_those_who_come_after_the_end_hear_the_last_word() {
    let server = Server::start(patient()).await;
    let (asset, _key) = server.upload("video").await;
    let path = format!("/api/assets/{asset}/events");
    let mut listeners = Vec::new();
    for _ in 0..20 {
        let mut listener = server.events(&path, &server.admin).await;
        assert_eq!(listener.next().await.unwrap()["state"], "packaging");
        listeners.push(listener);
    }
    let lease = server.lease().await;
    server.fail_for_good(&lease, "no video").await;
    listeners.push(server.events(&path, &server.admin).await);
    for mut listener in listeners {
        let mut last = listener.next().await.unwrap();
        while let Some(event) = listener.next().await {
            last = event;
        }
        assert_eq!(last["state"], "failed");
    }
}

#[tokio::test]
async fn news_comes_at_most_twice_a_second() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    let mut events = server.events(&format!("/v/{asset}/events"), &key).await;
    events.next().await.unwrap();
    let began = tokio::time::Instant::now();
    let work = async {
        for number in 0..60 {
            server.segment(&lease, number, "x").await;
            server.heartbeat(&lease, f64::from(number + 1)).await;
        }
        assert_eq!(server.complete(&lease).await, 204);
    };
    let listen = async {
        let mut told = 0;
        while events.next().await.is_some() {
            told += 1;
        }
        told
    };
    let (told, ()) = tokio::join!(listen, work);
    let most = 2.0 * began.elapsed().as_secs_f64() + 2.0;
    assert!(f64::from(told) <= most, "{told} events, at most {most}");
}

#[tokio::test]
async fn who_may_not_watch_hears_nothing() {
    let server = Server::start(patient()).await;
    let (asset, _key) = server.upload("video").await;
    let (_other, other_key) = server.upload("other").await;
    let path = format!("/v/{asset}/events");
    assert_eq!(server.ask("GET", &path, &[], "").await.status(), 401);
    assert_eq!(server.get(&path, &other_key).await.status(), 403);
    let path = format!("/api/assets/{asset}/events");
    assert_eq!(server.get(&path, &other_key).await.status(), 401);
    assert_eq!(
        server
            .get("/api/assets/none/events", &server.admin)
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn a_deleted_assets_events_end() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let mut events = server.events(&format!("/v/{asset}/events"), &key).await;
    events.next().await.unwrap();
    let path = format!("/api/assets/{asset}");
    let answer = server.send_json("DELETE", &path, &server.admin, &json!(null));
    assert_eq!(answer.await.status(), 204);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn info_says_what_events_say() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let mut events = server.events(&format!("/v/{asset}/events"), &key).await;
    let mut event = events.next().await.unwrap();
    event["title"] = "clip.mp4".into();
    let info = server.get(&format!("/v/{asset}/info.json"), &key).await;
    assert_eq!(json_of(&info), event);
}
