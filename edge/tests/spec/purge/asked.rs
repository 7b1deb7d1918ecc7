//! What may be asked for, and what is refused.

use super::*;

#[tokio::test]
async fn the_prefix_slash_is_all_of_all_sites() {
    let origin = FakeOrigin::start().await;
    let operator = Operator::start(&origin, None, |config| {
        let site = |host: &str| edge::SiteConfig {
            host: host.to_owned(),
            origins: vec![origin.url()],
            ..edge::SiteConfig::default()
        };
        config.site = vec![site("a.test"), site("b.test")];
    })
    .await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    let ask = async |host: &str| {
        let whole = format!("http://{host}/x");
        let reply = operator.edge.get(&whole).send().await;
        cache_status(&reply).starts_with("hit")
    };
    for host in ["a.test", "b.test"] {
        ask(host).await;
        assert!(ask(host).await, "{host}");
    }
    assert_eq!(
        operator.purge(r#"{"prefixes":["http://a.test/"]}"#).await,
        1
    );
    assert!(!ask("a.test").await && ask("b.test").await);
    assert_eq!(operator.purge(r#"{"prefixes":["/"]}"#).await, 2);
    assert!(!ask("a.test").await && !ask("b.test").await);
    let (status, problem) = operator.ask("POST /purge", r#"{"urls":["/"]}"#).await;
    let said = problem["detail"].as_str().unwrap();
    assert!(
        status == 400 && said.contains("write the whole address"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_no_purge_is_refused_with_what_to_do() {
    let (_origin, operator) = plain().await;
    for (body, why) in [
        ("", "no purge"),
        ("{}", "name something"),
        (r#"{"url":["/a"]}"#, "unknown field"),
        (r#"{"urls":["a"]}"#, "write http://host/path"),
        (r#"{"urls":["/a/../b"]}"#, "dot segment"),
        (r#"{"tags":[" "]}"#, "1 to 1024"),
    ] {
        let (status, problem) = operator.ask("POST /purge", body).await;
        let said = problem["detail"].as_str().unwrap();
        assert!(status == 400 && said.contains(why), "{body}: {said}");
    }
    let many = format!(r#"{{"urls":[{}"/"]}}"#, "\"/x\",".repeat(1024));
    assert_eq!(operator.ask("POST /purge", &many).await.0, 400);
    let long = format!(r#"{{"urls":["{}"]}}"#, "x".repeat(2 << 20));
    assert_eq!(operator.ask("POST /purge", &long).await.0, 413);
}
