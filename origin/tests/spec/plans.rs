//! Plans: what they become, and what becomes of a version whose tasks fail.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Server, json_of, optional, patient, plan, problem, span, task};

/// A server whose one version is planned; gives the asset.
async fn planned(plan: &Value) -> (Server, String) {
    let server = Server::start(patient()).await;
    let (asset, _key) = server.upload("video").await;
    let lease = server.lease().await;
    server.store_plan(&lease, plan).await;
    (server, asset)
}

#[tokio::test]
async fn a_version_starts_with_one_task_that_plans() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    assert_eq!(lease["task"]["kind"], "plan");
    assert_eq!(
        (&lease["plan"], &lease["stored"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(server.complete(&lease).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn each_task_of_the_plan_becomes_a_job_that_carries_it_and_the_plan() {
    let tasks = [task("audio", &["a1"]), span("lead", &["v360"], [0, 3])];
    let plan = plan(&["v360", "a1"], &tasks);
    let (server, _asset) = planned(&plan).await;
    for task in tasks {
        let lease = server.lease().await;
        assert_eq!(lease["task"], task);
        let part = |of: &Value| (of["tasks"].clone(), of["recipe"].clone());
        assert_eq!(part(&lease["plan"]), part(&plan));
    }
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn jobs_are_lent_by_urgency_then_age_then_place_in_the_plan() {
    let server = Server::start(patient()).await;
    server.upload("old").await;
    let tasks = |name: &str| {
        let tasks = [
            task("images", &[]),
            task("rest", &["v720"]),
            task("lead", &["v360"]),
        ];
        let mut plan = plan(&["v720", "v360"], &tasks);
        plan["recipe"] = name.into();
        plan
    };
    let old = server.lease().await;
    server.upload("new").await;
    let new = server.lease().await;
    server.store_plan(&new, &tasks("new")).await;
    server.store_plan(&old, &tasks("old")).await;
    let mut order = Vec::new();
    for _ in 0..6 {
        let lease = server.lease().await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        order.push((text(&lease["task"]["kind"]), text(&lease["plan"]["recipe"])));
    }
    let wanted = ["lead", "rest", "images"].map(|kind| ["old", "new"].map(|of| (kind, of)));
    let wanted: Vec<_> = wanted.concat();
    let order: Vec<_> = order
        .iter()
        .map(|(k, o)| (k.as_str(), o.as_str()))
        .collect();
    assert_eq!(order, wanted);
}

#[tokio::test]
async fn a_worker_gets_kinds_that_it_takes_and_plans_of_its_own_programs() {
    let tasks = [task("copy", &["v360"]), task("audio", &["a1"])];
    let mut plan = plan(&["v360", "a1"], &tasks);
    plan["toolchain"] = "x264 164".into();
    let (server, _asset) = planned(&plan).await;
    let status = async |kinds, toolchain| server.lease_of(kinds, toolchain).await.status();
    assert_eq!(status(&["rest"], "x264 164").await, StatusCode::NO_CONTENT);
    assert_eq!(status(&["audio"], "x264 163").await, StatusCode::NO_CONTENT);
    // Copying runs no program.
    assert_eq!(status(&["copy"], "x264 163").await, StatusCode::OK);
    assert_eq!(status(&["audio", "rest"], "x264 164").await, StatusCode::OK);
}

#[tokio::test]
async fn the_longest_source_in_the_shortest_spans_has_a_plan() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    let rest = ["v2160", "v1440", "v1080", "v720", "v480", "v360"];
    let tracks = |suffix: &str| rest.map(|name| format!("{name}{suffix}"));
    let names = [tracks(""), tracks("-hevc"), tracks("-av1")].concat();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["v240"]).collect();
    let kinds = [
        ("lead", &["v240"][..]),
        ("first-pass", &[]),
        ("rest", &names[..6]),
        ("hevc", &names[6..12]),
        ("av1", &names[12..18]),
    ];
    // 12 h in spans of 10 s.
    let spans = kinds.iter().flat_map(|(kind, tracks)| {
        (0..4320).map(move |n| {
            let mut task = span(kind, tracks, [n * 5, n * 5 + 5]);
            task["span"] = n.into();
            task
        })
    });
    let tasks: Vec<Value> = spans.collect();
    let mut plan = plan(&names, &tasks);
    let starts: Vec<u32> = (0..21_600).map(|n| n * 120).collect();
    plan["recipe"] = json!({ "starts": starts });
    let answer = server.work(&lease, "PUT", "plan", plan.to_string()).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    let mut twice = plan(&["a1", "a1"], &[task("audio", &["a1"])]);
    let bad = [
        plan(&[], &[task("images", &[])]),
        plan(&["a1"], &[]),
        plan(&["a1"], &[task("audio", &["a1"]), task("plan", &[])]),
        plan(&["a1"], &[task("audio", &["a2"])]),
        plan(&["a1", "a2"], &[task("audio", &["a1"])]),
        plan(&["a1"], &[span("audio", &["a1"], [3, 3])]),
        plan(&["a1"], &vec![task("audio", &["a1"]); 24_577]),
        plan(
            &["v360"],
            &[optional("first-pass", &[]), task("rest", &["v360"])],
        ),
        plan(
            &["v360"],
            &[
                optional("analysis", &[]),
                task("first-pass", &[]),
                task("rest", &["v360"]),
            ],
        ),
        twice.take(),
    ];
    for plan in bad {
        let answer = server.work(&lease, "PUT", "plan", plan.to_string()).await;
        assert_eq!(problem(&answer), "bad-request", "{}", plan["tracks"]);
    }
}

#[tokio::test]
async fn a_plan_is_stored_once_and_may_be_megabytes() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    let mut long = plan(&["a1"], &[task("audio", &["a1"])]);
    long["recipe"] = "r".repeat(3 << 20).into();
    let put = async |plan: &Value| server.work(&lease, "PUT", "plan", plan.to_string()).await;
    assert_eq!(put(&long).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(put(&long).await.status(), StatusCode::NO_CONTENT);
    let other = plan(&["a1"], &[task("audio", &["a1"])]);
    assert_eq!(put(&other).await.status(), StatusCode::BAD_REQUEST);
    long["recipe"] = "r".repeat(5 << 20).into();
    assert_eq!(put(&long).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_version_is_ready_when_all_its_jobs_are_done() {
    let (server, asset) = planned(&plan(
        &["v360", "a1"],
        &[task("audio", &["a1"]), task("lead", &["v360"])],
    ))
    .await;
    for (track, state) in [("a1", "packaging"), ("v360", "ready")] {
        let lease = server.lease().await;
        server.init(&lease, track).await;
        server.segment_of(&lease, track, 0, "x").await;
        assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
        assert_eq!(server.status(&asset).await["state"], state);
        // Its answer may have got lost.
        assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn renditions_that_do_not_fit_together_are_never_published() {
    let (server, asset) = planned(&plan(
        &["v720", "v360"],
        &[task("rest", &["v720"]), task("rest", &["v360"])],
    ))
    .await;
    for (track, segments) in [("v720", 2), ("v360", 1)] {
        let lease = server.lease().await;
        server.init(&lease, track).await;
        for number in 0..segments {
            server.segment_of(&lease, track, number, "x").await;
        }
        assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
    }
    let status = server.status(&asset).await;
    assert_eq!(status["failure"], "v720 has 2 segments and v360 has 1");
}

#[tokio::test]
async fn warnings_come_in_the_plans_order_each_once() {
    let mut plan = plan(
        &["a1", "a2"],
        &[task("audio", &["a1"]), task("audio", &["a2"])],
    );
    plan["warnings"] = json!(["from the plan", "twice"]);
    let (server, asset) = planned(&plan).await;
    let (first, second) = (server.lease().await, server.lease().await);
    for (lease, track) in [(&second, "a2"), (&first, "a1")] {
        server.init(lease, track).await;
        server.segment_of(lease, track, 0, "x").await;
        let warnings = json!({"warnings": [format!("from {track}"), "twice"]}).to_string();
        server.work(lease, "POST", "complete", warnings).await;
    }
    assert_eq!(
        server.status(&asset).await["warnings"],
        json!(["from the plan", "twice", "from a1", "from a2"])
    );
}

#[tokio::test]
async fn what_an_optional_task_fails_to_make_is_left_out_with_a_warning() {
    let (server, asset) = planned(&plan(
        &["a1", "t1"],
        &[task("audio", &["a1"]), optional("text", &["t1"])],
    ))
    .await;
    let (audio, text) = (server.lease().await, server.lease().await);
    assert_eq!(server.segment_of(&text, "t1", 0, "WEBVTT").await, 204);
    let file = server.work(&text, "PUT", "files/t1.vtt", "WEBVTT").await;
    assert_eq!(file.status(), StatusCode::NO_CONTENT);
    server.fail_for_good(&text, "no such charset").await;
    server.init(&audio, "a1").await;
    server.segment(&audio, 0, "x").await;
    assert_eq!(server.complete(&audio).await, StatusCode::NO_CONTENT);
    let status = server.status(&asset).await;
    assert_eq!(
        (&status["state"], &status["warnings"]),
        (&json!("ready"), &json!(["t1 left out: no such charset"]))
    );
    let version = audio["version"].as_str().unwrap();
    for path in ["t1/0.vtt", "t1/index.m3u8", "t1.vtt"] {
        let path = format!("/v/{asset}/{version}/{path}");
        assert_eq!(
            server.get(&path, &server.join).await.status(),
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_version_of_which_nothing_is_left_fails() {
    let (server, asset) = planned(&plan(&["a1"], &[optional("audio", &["a1"])])).await;
    server.fail_for_good(&server.lease().await, "silence").await;
    assert_eq!(server.status(&asset).await["state"], "failed");
}

#[tokio::test]
async fn a_required_task_that_fails_ends_the_version_and_cancels_its_other_jobs() {
    let (server, asset) = planned(&plan(
        &["v360", "a1", "a2"],
        &[
            task("audio", &["a1"]),
            task("audio", &["a2"]),
            task("lead", &["v360"]),
        ],
    ))
    .await;
    let (first, other) = (server.lease().await, server.lease().await);
    server.fail_for_good(&first, "no frame decodes").await;
    let status = server.status(&asset).await;
    assert_eq!(
        (&status["state"], &status["failure"]),
        (&json!("failed"), &json!("no frame decodes"))
    );
    let beat = json!({"progress": {"stage": "encode", "percent": 1.0, "speed": null}});
    let ack = server
        .work(&other, "POST", "heartbeat", beat.to_string())
        .await;
    assert_eq!(json_of(&ack), json!({"cancel": true}));
    let late = server.work(&other, "PUT", "tracks/a2/init", "").await;
    assert_eq!(
        (late.status().as_u16(), problem(&late).as_str()),
        (409, "lease-lost")
    );
    assert_eq!(server.try_lease(0).await.status(), StatusCode::NO_CONTENT);
}
