//! Sound that is not added after all: nothing is left of it, and nothing else has changed.

use origin::Config;
use serde_json::{Value, json};

use crate::{
    blobs::{blobs, settled},
    sound::{addition_of, additions, begin, encode, master, soon, sound_plan, upload},
    support::{Server, bearer, header, json_of, patient, plan, problem, task, until},
    text::{newest, sealed},
};

#[tokio::test]
async fn sound_that_fails_changes_nothing_and_says_why() {
    for failing in ["plan", "encode"] {
        let server = Server::start(soon()).await;
        let (asset, key, old) = sealed(&server).await;
        let (before, first) = (settled(&server).await, master(&server, &asset, &key).await);
        let path = upload(&server, &asset, "language=de").await;
        let mut lease = server.lease().await;
        let operators = format!("/api/assets/{asset}/events");
        let mut operators = server.events(&operators, &server.admin).await;
        assert_eq!(
            operators.next().await.unwrap()["additions"][0]["state"],
            "packaging"
        );
        let mut viewers = server.events(&format!("/v/{asset}/events"), &key).await;
        assert_eq!(viewers.next().await.unwrap()["additions"], Value::Null);
        assert_eq!(viewers.next().await, None, "nothing is new to them");
        if failing == "encode" {
            server.store_plan(&lease, &sound_plan("de")).await;
            encode(&server, &server.lease().await).await;
            lease = server.lease().await;
            server.init(&lease, "a2").await;
            server.segment_of(&lease, "a2", 0, "x").await;
        }
        server.fail_for_good(&lease, "the file has no sound").await;
        let mut last = Value::Null;
        while let Some(event) = operators.next().await {
            last = event;
        }
        for told in [
            &last["additions"][0],
            &additions(&server, &asset).await[0],
            &addition_of(&server, &path).await,
        ] {
            assert_eq!(told["state"], "failed", "{told}");
            assert_eq!(told["failure"], "the file has no sound");
            let steps = told["steps"].as_array().unwrap();
            assert_eq!(steps.last().unwrap()["state"], "undone", "{told}");
        }
        let server = server.crash(soon()).await;
        assert_eq!(newest(&server, &asset).await, old);
        assert_eq!(master(&server, &asset, &key).await, first);
        until("it is forgotten", async || {
            additions(&server, &asset).await.is_empty()
        })
        .await;
        assert_eq!(settled(&server).await, before, "{failing}");
        assert_eq!(addition_of(&server, &path).await, Value::Null);
    }
}

#[tokio::test]
async fn of_two_sounds_that_are_one_the_later_fails_and_edges_hear_nothing_of_it() {
    let server = Server::start(Config {
        warm_segments: 2,
        ..patient()
    })
    .await;
    let (asset, _key, _old) = sealed(&server).await;
    // Both begin before either is there.
    let mut paths = Vec::new();
    for _ in 0..2 {
        let begun = begin(&server, &asset, "language=de", "5").await;
        paths.push(header(&begun, "location").to_owned());
    }
    for path in &paths {
        assert_eq!(server.patch(path, 0, "sound").await.status(), 204);
    }
    for lease in [server.lease().await, server.lease().await] {
        server.store_plan(&lease, &sound_plan("de")).await;
    }
    for _ in 0..6 {
        encode(&server, &server.lease().await).await;
    }
    let state = async |path: &str| addition_of(&server, path).await;
    assert_eq!(state(&paths[0]).await["state"], "ready");
    let late = state(&paths[1]).await;
    assert_eq!(late["state"], "failed", "{late}");
    let steps = late["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["step"] != "warm"), "{late}");
    // Sealed, and the first sound: no third.
    let list = server.get("/api/warm?edge=fra-1&after=2&wait=0", &server.join);
    assert_eq!(list.await.status(), 204);
    let newest = server.get("/api/warm?edge=ams-1", &server.join).await;
    assert_eq!(json_of(&newest)["offset"], 2);
}

#[tokio::test]
async fn what_is_being_added_has_no_names_yet() {
    let server = Server::start(patient()).await;
    let (asset, key, _old) = sealed(&server).await;
    upload(&server, &asset, "language=de").await;
    let plan = server.lease().await;
    let version = plan["version"].as_str().unwrap();
    server.store_plan(&plan, &sound_plan("de")).await;
    encode(&server, &server.lease().await).await;
    let path = |name: &str| format!("/v/{asset}/{version}/{name}");
    for name in ["a1/init.mp4", "a1/0.m4s"] {
        // What is there now has another name in the end.
        assert_eq!(server.get(&path(name), &key).await.status(), 404, "{name}");
    }
    for _ in 0..2 {
        encode(&server, &server.lease().await).await;
    }
    let there = server.get(&path("a2/0.m4s"), &key).await;
    assert_eq!(there.into_body(), "a1 0");
    assert_eq!(
        server.get(&path("a1/0.m4s"), &key).await.into_body(),
        "sound 0"
    );
}

#[tokio::test]
async fn deleting_the_asset_ends_what_is_added_to_it() {
    let server = Server::start(soon()).await;
    let (asset, _key, _old) = sealed(&server).await;
    let unfinished = begin(&server, &asset, "language=fr", "5").await;
    let unfinished = header(&unfinished, "location").to_owned();
    upload(&server, &asset, "language=de").await;
    let lease = server.lease().await;
    server.store_plan(&lease, &sound_plan("de")).await;
    let lease = server.lease().await;
    server.init(&lease, "a1").await;
    let path = format!("/api/assets/{asset}");
    let gone = server.send_json("DELETE", &path, &server.admin, &Value::Null);
    assert_eq!(gone.await.status(), 204);
    let beat = json!({"progress": {"stage": "encode", "percent": 1.0, "speed": null}});
    let ack = server
        .work(&lease, "POST", "heartbeat", beat.to_string())
        .await;
    assert_eq!(json_of(&ack), json!({"cancel": true}));
    let late = server.patch(&unfinished, 0, "sound").await;
    assert_eq!(late.status(), 404, "{late:?}");
    let admin = bearer(&server.admin);
    let headers = [
        ("authorization", admin.as_str()),
        ("tus-resumable", "1.0.0"),
    ];
    let ended = server.ask("DELETE", &unfinished, &headers, "").await;
    assert_eq!(ended.status(), 204);
    assert_eq!(settled(&server).await.len(), 0);
}

#[tokio::test]
async fn what_cannot_be_added_is_refused_before_a_byte_is_sent() {
    let server = Server::start(patient()).await;
    let (asset, _key, _old) = sealed(&server).await;
    let before = blobs(server.data());
    for (query, length, status, words) in [
        ("language=und", "5", 400, "no language"),
        ("name=x", "5", 400, "language"),
        ("language=de&name=a%0Ab", "5", 400, "line breaks"),
        (
            "language=de&characteristics=a%20b",
            "5",
            400,
            "no characteristic",
        ),
        ("language=de&default=perhaps", "5", 400, "default"),
        ("language=de", "0", 400, "empty"),
        ("language=de", "99999999999999", 413, "at most"),
    ] {
        let answer = begin(&server, &asset, query, length).await;
        let told = json_of(&answer);
        assert_eq!(answer.status(), status, "{query}: {told}");
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
    }
    assert_eq!(
        begin(&server, "nobody", "language=de", "5").await.status(),
        404
    );
    let path = format!("/api/assets/{asset}/audio?language=de");
    let join = bearer(&server.join);
    for headers in [&[][..], &[("authorization", join.as_str())]] {
        assert_eq!(server.ask("POST", &path, headers, "").await.status(), 401);
    }
    let admin = bearer(&server.admin);
    let headers = [("authorization", admin.as_str())];
    let no_tus = server.ask("POST", &path, &headers, "sound");
    assert_eq!(no_tus.await.status(), 412);
    let (early, _key) = server.upload("video").await;
    let early = begin(&server, &early, "language=de", "5").await;
    assert_eq!(
        (early.status().as_u16(), problem(&early).as_str()),
        (409, "not-yet-whole")
    );
    assert_eq!(
        blobs(server.data()).len(),
        before.len() + 1,
        "the other's source"
    );
    for n in 0..9 {
        let language = format!("language=en-x-{n}");
        let status = begin(&server, &asset, &language, "5").await.status();
        assert_eq!(status, if n < 8 { 201 } else { 503 }, "{n}");
    }
}

#[tokio::test]
async fn a_plan_of_added_sound_holds_that_sound_alone() {
    let server = Server::start(patient()).await;
    let (asset, _key, _old) = sealed(&server).await;
    upload(&server, &asset, "language=de").await;
    let lease = server.lease().await;
    let mut images = sound_plan("de");
    images["tasks"][0]["kind"] = "images".into();
    let pictures = plan(&["v360"], &[task("rest", &["v360"])]);
    for wrong in [sound_plan("fr"), images, pictures] {
        let answer = server.work(&lease, "PUT", "plan", wrong.to_string()).await;
        assert_eq!(answer.status(), 400, "{wrong}");
    }
    server.store_plan(&lease, &sound_plan("de")).await;
    for _ in 0..3 {
        encode(&server, &server.lease().await).await;
    }
    assert!(additions(&server, &asset).await.is_empty());
}

#[tokio::test]
async fn what_is_being_added_can_be_cancelled() {
    let server = Server::start(soon()).await;
    let (asset, _key, old) = sealed(&server).await;
    let before = settled(&server).await;
    upload(&server, &asset, "language=de").await;
    let lease = server.lease().await;
    let version = lease["version"].as_str().unwrap();
    let path = format!("/api/assets/{asset}/additions/{version}");
    let cancel = async |path: &str, token: &str| {
        let answer = server.send_json("DELETE", path, token, &Value::Null).await;
        answer.status().as_u16()
    };
    assert_eq!(cancel(&path, &server.join).await, 401);
    let newest_one = format!("/api/assets/{asset}/additions/{old}");
    assert_eq!(cancel(&newest_one, &server.admin).await, 404);
    assert_eq!(cancel(&path, &server.admin).await, 204);
    let told = &additions(&server, &asset).await[0];
    assert_eq!(told["failure"], "it was cancelled");
    let put = server.work(&lease, "PUT", "plan", sound_plan("de").to_string());
    assert_eq!(put.await.status(), 409);
    assert_eq!(cancel(&path, &server.admin).await, 204, "forgotten at once");
    assert!(additions(&server, &asset).await.is_empty());
    assert_eq!(cancel(&path, &server.admin).await, 404);
    assert_eq!(newest(&server, &asset).await, old);
    until("its bytes are gone", async || {
        blobs(server.data()) == before
    })
    .await;
}
