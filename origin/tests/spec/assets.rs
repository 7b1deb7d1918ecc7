//! Assets: listed by pages, searched, edited, deleted.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, bearer, header, json_of, patient, problem};

const MERGE: &str = "application/merge-patch+json";

async fn edit(
    server: &Server,
    asset: &str,
    headers: &[(&str, &str)],
    patch: &Value,
) -> Response<Bytes> {
    let token = bearer(&server.admin);
    let mut all = vec![("authorization", token.as_str()), ("content-type", MERGE)];
    all.extend(headers);
    let path = format!("/api/assets/{asset}");
    server.ask("PATCH", &path, &all, patch.to_string()).await
}

async fn page(server: &Server, query: &str) -> Value {
    let answer = server
        .get(&format!("/api/assets?{query}"), &server.admin)
        .await;
    assert_eq!(answer.status(), StatusCode::OK, "{query}: {answer:?}");
    json_of(&answer)
}

/// Ids on a page, in order.
fn ids(page: &Value) -> Vec<String> {
    let assets = page["assets"].as_array().unwrap();
    let id = |asset: &Value| asset["asset"].as_str().unwrap().to_owned();
    assets.iter().map(id).collect()
}

/// Some assets, the oldest first.
async fn some(server: &Server, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(server.upload("video").await.0);
    }
    all
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_while_others_come_and_go() {
    let server = Server::start(patient()).await;
    let mut all = some(&server, 5).await;
    let first = page(&server, "limit=2").await;
    // In one millisecond several may come: then it is the id that counts.
    let listed = ids(&page(&server, "").await);
    all.sort();
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(sorted, all, "all of them, once each");
    assert_eq!(ids(&first), listed[..2]);
    server.upload("later").await;
    let gone = format!("/api/assets/{}", listed[1]);
    let headers = [("authorization", bearer(&server.admin))];
    let headers = [(headers[0].0, headers[0].1.as_str())];
    assert_eq!(
        server.ask("DELETE", &gone, &headers, "").await.status(),
        204
    );
    let cursor = first["next"].as_str().unwrap();
    let second = page(&server, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!(ids(&second), listed[2..4]);
    let cursor = second["next"].as_str().unwrap();
    let last = page(&server, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!(
        (ids(&last), &last["next"]),
        (listed[4..].to_vec(), &json!(null))
    );
}

#[tokio::test]
async fn assets_are_found_by_title_tag_and_state() {
    let server = Server::start(patient()).await;
    let all = some(&server, 3).await;
    let patch = json!({"title": "Big_Buck Bunny", "tags": ["Cartoon", "short film"]});
    assert_eq!(edit(&server, &all[0], &[], &patch).await.status(), 200);
    let patch = json!({"title": "100 % BIG", "tags": ["news"]});
    assert_eq!(edit(&server, &all[1], &[], &patch).await.status(), 200);
    for (query, found) in [
        ("q=bunny", vec![&all[0]]),
        ("q=BUNNY%20cart", vec![&all[0]]),
        ("q=big%20news", vec![&all[1]]),
        ("q=big_", vec![&all[0]]),
        ("q=0%20%25", vec![&all[1]]),
        ("q=clip", vec![&all[2]]),
        ("tag=Short%20Film", vec![&all[0]]),
        ("tag=short", vec![]),
        ("tag=news&q=bunny", vec![]),
        ("state=ready", vec![]),
        ("state=packaging&tag=news", vec![&all[1]]),
    ] {
        let page = page(&server, query).await;
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), found, "{query}");
    }
}

#[tokio::test]
async fn a_page_that_can_not_be_is_refused() {
    let server = Server::start(patient()).await;
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=e30",
        "state=gone",
        "tag=",
        "sort=title",
        "q=%00",
        "q=1+2+3+4+5+6+7+8+9",
    ] {
        let answer = server
            .get(&format!("/api/assets?{query}"), &server.admin)
            .await;
        assert_eq!(
            (answer.status().as_u16(), problem(&answer).as_str()),
            (400, "bad-request"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_no_more() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let patch = json!({"tags": ["b", "a"], "metadata": {"episode": {"n": 3}, "rights": "CC BY"}});
    edit(&server, &asset, &[], &patch).await;
    let answer = edit(&server, &asset, &[], &json!({"metadata": {"rights": null}})).await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let status = json_of(&answer);
    assert_eq!(status, server.status(&asset).await);
    assert_eq!(status["title"], "clip.mp4");
    assert_eq!(status["access"], "keyed");
    assert_eq!(status["tags"], json!(["a", "b"]));
    assert_eq!(status["metadata"], json!({"episode": {"n": 3}}));
    let other = edit(&server, "none", &[], &json!({"title": "x"})).await;
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_two_edits_of_one_state_the_later_is_refused() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let path = format!("/api/assets/{asset}");
    let read = server.get(&path, &server.admin).await;
    let tag = header(&read, "etag");
    let expects = [("if-match", tag)];
    let first = edit(&server, &asset, &expects, &json!({"title": "one"})).await;
    assert_eq!(first.status(), StatusCode::OK);
    let second = edit(&server, &asset, &expects, &json!({"title": "two"})).await;
    assert_eq!(
        (second.status().as_u16(), problem(&second).as_str()),
        (412, "changed-meanwhile")
    );
    let now = server.get(&path, &server.admin).await;
    assert_eq!(json_of(&now)["title"], "one");
    assert_eq!(header(&now, "etag"), header(&first, "etag"));
    let expects = [("if-match", header(&first, "etag"))];
    let third = edit(&server, &asset, &expects, &json!({"title": "two"})).await;
    assert_eq!(third.status(), StatusCode::OK);
    let same = edit(&server, &asset, &[], &json!({"title": "two"})).await;
    assert_eq!(
        header(&same, "etag"),
        header(&third, "etag"),
        "nothing changed"
    );
}

#[tokio::test]
async fn an_edit_of_another_type_or_without_the_token_is_refused() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let typed = [("content-type", "text/plain")];
    let path = format!("/api/assets/{asset}");
    assert_eq!(server.ask("PATCH", &path, &typed, "{}").await.status(), 401);
    let token = bearer(&server.admin);
    let typed = [("content-type", "text/plain"), ("authorization", &token)];
    assert_eq!(server.ask("PATCH", &path, &typed, "{}").await.status(), 415);
    let answer = edit(&server, &asset, &[], &json!({"version": "x"})).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_asset_that_is_deleted_is_gone_for_who_deletes_it_again() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    edit(&server, &asset, &[], &json!({"tags": ["x"]})).await;
    let path = format!("/api/assets/{asset}");
    let delete = async || {
        let answer = server
            .send_json("DELETE", &path, &server.admin, &json!(null))
            .await;
        answer.status().as_u16()
    };
    assert_eq!((delete().await, delete().await), (204, 404));
    assert_eq!(ids(&page(&server, "tag=x").await), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_made_public_is_read_without_a_key() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let path = format!("/v/{asset}/info.json");
    assert_eq!(server.ask("GET", &path, &[], "").await.status(), 401);
    edit(&server, &asset, &[], &json!({"access": "public"})).await;
    let answer = server.ask("GET", &path, &[], "").await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn tracks_are_listed_with_what_they_carry() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    let path = format!("/api/assets/{asset}/tracks");
    let before = json_of(&server.get(&path, &server.admin).await);
    assert_eq!(
        (&before["state"], &before["tracks"]),
        (&json!("packaging"), &json!([]))
    );
    let lease = server.plan(&server.lease().await).await;
    server.segment(&lease, 0, "one").await;
    let during = json_of(&server.get(&path, &server.admin).await);
    assert_eq!(
        during["tracks"],
        json!([{"track": "a1", "kind": "audio", "channels": 2, "sample_rate": 48000,
            "language": null, "name": null, "default": false, "characteristics": [],
            "codec": "mp4a.40.2", "bitrate_max": 96000, "segments": 1, "removable": false}])
    );
    assert_eq!(server.complete(&lease).await, StatusCode::NO_CONTENT);
    let after = json_of(&server.get(&path, &server.admin).await);
    assert_eq!(
        (&after["state"], &after["tracks"][0]["removable"]),
        (&json!("ready"), &json!(true))
    );
}
