//! No token and no key is in a log, a metric or an explanation.

use testkit::{FakeOrigin, JOIN, get};

use crate::{
    process::Ended,
    running::{Running, TOKEN},
};

#[tokio::test]
async fn no_secret_is_shown_wherever_it_is_put() {
    let origin = FakeOrigin::start().await;
    let join = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(join.path(), JOIN).unwrap();
    let args = ["--join-file", join.path().to_str().unwrap()];
    let edge = Running::start(&origin, &args, "").await;
    let key = origin.key("a");
    let page = format!("http://h/k/{key}/v/a/master.m3u8");
    let bearer = format!("Bearer {key}");
    let keyed = format!("/k/{key}/v/a/master.m3u8");
    let mut shown = Vec::new();
    for target in [keyed.as_str(), "/v/a/master.m3u8", "/v/x", "//", "/healthz"] {
        for name in ["authorization", "referer", "user-agent", "cookie", "x-key"] {
            let value = if name == "authorization" {
                &bearer
            } else {
                &page
            };
            let asked = get(edge.listen, target).header(name, value);
            let reply = asked.header("weir-debug", TOKEN).send().await;
            shown.push(format!("{:?} {:?}", reply.headers, reply.body));
        }
    }
    for args in [
        ["explain", &keyed],
        ["explain", &page],
        ["explain", "/k/x"],
        ["purge", &keyed],
        ["purge", "no address"],
    ] {
        let Ended { out, err, .. } = edge.weir(&args).await;
        shown.extend([out, err]);
    }
    shown.push(edge.scrape().await);
    let refused = edge
        .weir(&["purge", "--token-file", "weir.toml", "/x"])
        .await;
    assert!(refused.err.contains("--token-file"), "{}", refused.err);
    shown.push(edge.wrote().await);
    let signature = key.rsplit('.').next().unwrap();
    for secret in [TOKEN, JOIN, signature, &key] {
        for text in &shown {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    assert!(shown.iter().any(|text| text.contains("/v/a/master.m3u8")));
}
