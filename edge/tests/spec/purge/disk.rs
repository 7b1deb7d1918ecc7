//! What lies on disk.

use std::path::Path;

use tempfile::TempDir;

use super::*;

async fn on_disk(origin: &FakeOrigin, dir: &Path) -> Operator {
    Operator::start(origin, None, |config| {
        config.cache_dir = Some(dir.to_owned());
        // No test here is about a slow disk.
        config.disk_wait = Duration::from_secs(20);
    })
    .await
}

async fn stop(mut operator: Operator) {
    operator.edge.shutdown.cancel();
    (&mut operator.edge.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_lies_on_disk_is_judged_when_it_is_read() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    let answer = || Answer::ok("x").cache("max-age=600").etag("1");
    origin.route("/hard", answer().header("surrogate-key", "red"));
    origin.route("/soft", answer());
    origin.route("/kept", answer());
    let operator = on_disk(&origin, dir.path()).await;
    for target in ["/hard", "/soft", "/kept"] {
        stored(&operator, target).await;
    }
    stop(operator).await;
    let operator = on_disk(&origin, dir.path()).await;
    operator.knows_disk(3).await;
    assert_eq!(operator.purge(r#"{"tags":["red"]}"#).await, 0);
    operator.purge(r#"{"urls":["/soft"],"soft":true}"#).await;
    // Nothing has read them yet when the edge is started anew: the purges are known to it.
    stop(operator).await;
    let operator = on_disk(&origin, dir.path()).await;
    for (target, status) in [
        ("/hard", "fwd=miss; stored"),
        ("/soft", "fwd=stale; fwd-status=304; stored"),
    ] {
        let reply = operator.edge.get(target).send().await;
        assert_eq!(cache_status(&reply), status, "{target}");
    }
    assert!(is_hit(&operator, "/kept").await);
    assert_eq!(operator.explain("/kept").await["stored"]["tier"], "ram");
    stop(operator).await;
}
