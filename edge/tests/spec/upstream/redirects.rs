//! Redirects of the origin: passed on, or followed to hosts that the site names.

use testkit::{Answer, FakeOrigin, JOIN};

use crate::setup::{Edge, cache_status, heard};

const TARGET: &str = "/v/a/1/v720/0.m4s";

fn to(url: &str) -> Answer {
    Answer::status(302)
        .header("location", url)
        .cache("max-age=60")
}

/// An origin that sends `/x` on to another, and an edge that follows it there.
async fn following() -> (FakeOrigin, FakeOrigin, Edge) {
    let (origin, other) = (FakeOrigin::start().await, FakeOrigin::start().await);
    origin.route("/x", to(&format!("{}/y?z", other.url())));
    other.route("/y?z", Answer::ok("there").cache("max-age=60"));
    let hosts = vec![other.addr().to_string(), origin.addr().to_string()];
    let edge = Edge::before(&[origin.url()], |config| {
        (config.follow_redirects, config.redirect_hosts) = (true, hosts);
    })
    .await;
    (origin, other, edge)
}

#[tokio::test]
async fn unless_configured_a_redirect_is_passed_on_and_kept_as_it_is() {
    let (origin, other) = (FakeOrigin::start().await, FakeOrigin::start().await);
    origin.route("/x", to(&other.url()));
    let edge = Edge::before(&[origin.url()], |_| {}).await;
    for _ in 0..2 {
        let reply = edge.get("/x").send().await;
        assert_eq!(reply.status, 302);
        assert_eq!(reply.field("location"), other.url());
    }
    assert_eq!((origin.fetches("/x"), other.fetches("/")), (1, 0));
}

#[tokio::test]
async fn what_it_leads_to_is_kept_under_the_key_that_was_asked_for() {
    let (origin, other, edge) = following().await;
    for _ in 0..2 {
        let reply = edge.get("/x").send().await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body[..]),
            (200, &b"there"[..])
        );
        assert_eq!(reply.field("location"), "");
    }
    assert!(cache_status(&edge.get("/x").send().await).starts_with("hit"));
    assert_eq!((origin.fetches("/x"), other.fetches("/y?z")), (1, 1));
}

#[tokio::test]
async fn each_kind_of_redirect_is_followed() {
    let (origin, _other, edge) = following().await;
    origin.route("/end", Answer::ok("end"));
    for status in [301, 302, 303, 307, 308] {
        let target = format!("/{status}");
        origin.route(&target, Answer::status(status).header("location", "end"));
        assert_eq!(edge.get(&target).send().await.body, "end");
    }
}

#[tokio::test]
async fn a_host_that_the_site_does_not_name_is_left_to_the_client() {
    let (origin, other, edge) = following().await;
    let stranger = FakeOrigin::start().await;
    origin.route("/a", to(&stranger.url()));
    assert_eq!(
        edge.get("/a").send().await.field("location"),
        stranger.url()
    );
    // After a step, what was meant relative to there is said in full.
    origin.route("/b", to(&format!("{}/c", other.url())));
    let there = format!("//{}/d", stranger.addr());
    other.route("/c", to(&there));
    let reply = edge.get("/b").send().await;
    assert_eq!(reply.field("location"), format!("http:{there}"));
    assert_eq!(stranger.fetches("/") + stranger.fetches("/d"), 0);
}

#[tokio::test]
async fn a_redirect_goes_up_in_nobodys_name() {
    let (origin, other) = (FakeOrigin::start().await, FakeOrigin::start().await);
    origin.route(TARGET, to(&format!("{}/y", other.url())).keyed());
    other.route("/y", Answer::ok("there").public().cache("max-age=60"));
    let hosts = vec![other.addr().to_string()];
    let edge = Edge::start(&origin, Some(JOIN), |config| {
        (config.follow_redirects, config.redirect_hosts) = (true, hosts);
    })
    .await;
    heard(&origin, 1).await;
    let path = format!("/k/{}{TARGET}", origin.key("a"));
    assert_eq!(edge.get(&path).send().await.body, "there");
    assert!(
        origin.requests(TARGET)[0]
            .headers
            .contains_key("authorization")
    );
    let asked = &other.requests("/y")[0].headers;
    assert!(!asked.contains_key("authorization"));
    assert_eq!(asked["host"], other.addr().to_string());
}

#[tokio::test]
async fn a_circle_of_redirects_ends_after_five() {
    let (origin, _other, edge) = following().await;
    origin.route("/o", to("/o"));
    assert_eq!(edge.get("/o").send().await.status, 502);
    assert_eq!(origin.fetches("/o"), 6);
}

#[tokio::test]
async fn what_a_redirect_forbids_is_forbidden_for_what_it_leads_to() {
    for (field, value, fetches) in [
        ("x", "y", 1),
        ("cache-control", "no-store", 2),
        ("cache-control", "private", 2),
        ("cdn-cache-control", "no-store", 2),
        ("cache-control", "no-cache", 2),
        ("cache-control", "max-age=0", 2),
        ("cache-control", "max-age=9", 1),
        ("set-cookie", "a=b", 2),
        ("vary", "*", 2),
    ] {
        let (origin, other, edge) = following().await;
        let redirect = Answer::status(302).header("location", &format!("{}/y?z", other.url()));
        origin.route("/x", redirect.header(field, value));
        for _ in 0..2 {
            assert_eq!(edge.get("/x").send().await.body, "there");
        }
        assert_eq!(other.fetches("/y?z"), fetches, "{field}: {value}");
    }
}

#[tokio::test]
async fn what_a_redirect_varies_by_its_end_varies_by() {
    let (origin, other) = (FakeOrigin::start().await, FakeOrigin::start().await);
    let to = |path: &str| {
        let to = Answer::status(302).header("location", &format!("{}{path}", other.url()));
        to.header("vary", "accept-language")
    };
    for path in ["/de", "/en"] {
        other.route(path, Answer::ok(path.to_owned()).cache("max-age=60"));
    }
    let edge = Edge::before(&[origin.url()], |config| {
        config.profile = edge::Profile::Passthrough;
        (config.follow_redirects, config.redirect_hosts) = (true, vec![other.addr().to_string()]);
    })
    .await;
    for path in ["/de", "/en", "/de", "/en"] {
        origin.route("/x", to(path));
        let asking = edge.get("/x").header("accept-language", &path[1..]);
        assert_eq!(asking.send().await.body, path);
    }
    assert_eq!((other.fetches("/de"), other.fetches("/en")), (1, 1));
}
