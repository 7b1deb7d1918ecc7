//! Several web sites behind one edge, and their rules.

use std::{collections::BTreeMap, time::Duration};

use edge::{All, Config, Profile, QueryRule, RuleConfig, SiteConfig, Ttl};
use http::Method;
use testkit::{Answer, FakeOrigin, JOIN, Reply, Still};

use crate::setup::{Edge, SEGMENT, segment};

fn site(host: &str, origin: &FakeOrigin) -> SiteConfig {
    SiteConfig {
        host: host.to_owned(),
        origins: vec![origin.url()],
        ..SiteConfig::default()
    }
}

fn rule(path: &str) -> RuleConfig {
    RuleConfig {
        path: path.to_owned(),
        ..RuleConfig::default()
    }
}

/// The one site of `edge.test`, which is what requests here name as host.
async fn one(change: impl FnOnce(&mut SiteConfig)) -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let mut config = site("edge.test", &origin);
    change(&mut config);
    let edge = Edge::start(&origin, None, |it: &mut Config| it.site.push(config));
    let edge = edge.await;
    (origin, edge)
}

async fn of_host(edge: &Edge, host: &str, target: &str) -> Reply {
    let absolute = format!("http://{host}{target}");
    testkit::request(edge.addr, Method::GET, &absolute)
        .send()
        .await
}

#[tokio::test]
async fn each_host_has_its_own_origin_and_its_own_objects() {
    let (a, b) = (FakeOrigin::start().await, FakeOrigin::start().await);
    a.route("/x", Answer::ok("a").cache("max-age=60"));
    b.route("/x", Answer::ok("b").cache("max-age=60"));
    let sites = [site("a.test", &a), site("B.test", &b)];
    let edge = Edge::start(&a, None, |config| config.site.extend(sites)).await;
    for _ in 0..2 {
        assert_eq!(of_host(&edge, "a.test", "/x").await.body, "a");
        assert_eq!(of_host(&edge, "b.TEST:80", "/x").await.body, "b");
    }
    assert_eq!((a.fetches("/x"), b.fetches("/x")), (1, 1));
    assert_eq!(of_host(&edge, "c.test", "/x").await.status, 421);
}

#[tokio::test]
async fn other_hosts_go_to_the_site_for_all() {
    let (a, rest) = (FakeOrigin::start().await, FakeOrigin::start().await);
    rest.route("/x", Answer::ok("rest"));
    let sites = [site("a.test", &a), site("*", &rest)];
    let edge = Edge::start(&a, None, |config| config.site.extend(sites)).await;
    assert_eq!(of_host(&edge, "c.test", "/x").await.body, "rest");
}

#[tokio::test]
async fn a_plain_site_stands_beside_weir_s_and_takes_none_of_its_keys() {
    let (weir, plain) = (FakeOrigin::start().await, FakeOrigin::start().await);
    weir.route(SEGMENT, segment().keyed());
    plain.route(SEGMENT, Answer::ok("plain").cache("max-age=60"));
    let beside = site("plain.test", &plain);
    let edge = Edge::start(&weir, Some(JOIN), |config| config.site.push(beside)).await;
    crate::setup::heard(&weir, 1).await;
    assert_eq!(of_host(&edge, "plain.test", SEGMENT).await.body, "plain");
    assert_eq!(edge.get(SEGMENT).send().await.status, 401);
    let keyed = format!("/k/{}{SEGMENT}", weir.key("a"));
    assert_eq!(edge.get(&keyed).send().await.status, 200);
    let asked = &plain.requests(SEGMENT)[0].headers;
    assert!(!asked.contains_key("authorization"));
}

#[tokio::test]
async fn of_a_query_counts_what_the_site_says() {
    let names = vec!["page".to_owned()];
    let (origin, edge) = one(|site| {
        site.query = Some(QueryRule::Only(names));
        site.rule.push(RuleConfig {
            query: Some(QueryRule::All(All::Drop)),
            ..rule("/static/*")
        });
    })
    .await;
    let answer = Answer::ok("x").cache("max-age=60");
    origin.route("/x?page=1", answer.clone());
    origin.route("/static/y", answer);
    for target in [
        "/x?utm=1&page=1",
        "/x?page=1&utm=2",
        "/static/y?v=1",
        "/static/y?v=2",
    ] {
        assert_eq!(edge.get(target).send().await.body, "x", "{target}");
    }
    assert_eq!(
        (origin.fetches("/x?page=1"), origin.fetches("/static/y")),
        (1, 1)
    );
}

#[tokio::test]
async fn fields_that_a_site_names_go_up_and_choose() {
    let (origin, edge) = one(|site| site.pass.push("Accept-Language".to_owned())).await;
    let answer = Answer::ok("x")
        .cache("max-age=60")
        .header("vary", "accept-language");
    origin.route("/x", answer);
    for language in ["de", "en", "de"] {
        let asking = edge.get("/x").header("accept-language", language);
        asking.header("cookie", "a=b").send().await;
    }
    let asked = origin.requests("/x");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].headers["accept-language"], "en");
    assert!(!asked[1].headers.contains_key("cookie"));
}

#[tokio::test]
async fn a_rule_gives_lifetimes_by_path_and_status() {
    let secs = |secs| Ttl(Duration::from_secs(secs));
    let ttl = [("200", secs(10)), ("4xx", secs(1)), ("*", secs(5))];
    let ttl: BTreeMap<_, _> = ttl.map(|(status, ttl)| (status.to_owned(), ttl)).into();
    let (origin, edge) = one(|site| {
        site.rule.push(RuleConfig {
            ttl,
            ..rule("*.m3u8")
        });
    })
    .await;
    let clock = Still::now();
    for (path, status, control, lives) in [
        ("/a.m3u8", 200, "max-age=1", 10),
        ("/b.m3u8", 404, "max-age=99", 1),
        ("/c.m3u8", 503, "max-age=99", 5),
        ("/d.mpd", 200, "max-age=3", 3),
        ("/e.m3u8", 200, "no-store", 0),
        ("/f.m3u8", 200, "private", 0),
    ] {
        origin.route(path, Answer::status(status).cache(control));
        edge.get(path).send().await;
        for (after, fetches) in [(lives, 1), (1, 2)] {
            if lives > 0 && fetches == 1 {
                clock.advance(Duration::from_millis(after * 1000 - 1)).await;
            } else {
                clock.advance(Duration::from_secs(1)).await;
            }
            edge.get(path).send().await;
            let expected = if lives == 0 { fetches + 1 } else { fetches };
            assert_eq!(origin.fetches(path), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn cookies_are_shared_only_where_the_site_says_so_and_the_answer_says_how_long() {
    for (store_cookies, control, fetches) in [
        (false, "max-age=60", 2),
        (true, "max-age=60", 1),
        (true, "max-age=60, private", 2),
        (true, "x", 2),
    ] {
        let (origin, edge) = one(|site| {
            (site.store_cookies, site.heuristic) = (store_cookies, 10);
        })
        .await;
        let answer = Answer::ok("x").cache(control).header("set-cookie", "a=b");
        let long_ago = "Sun, 06 Nov 1994 08:49:37 GMT";
        origin.route("/x", answer.header("last-modified", long_ago));
        for _ in 0..2 {
            assert_eq!(edge.get("/x").send().await.field("set-cookie"), "a=b");
        }
        assert_eq!(origin.fetches("/x"), fetches, "{store_cookies} {control}");
    }
}

#[tokio::test]
async fn what_a_site_has_wrong_is_told() {
    let origin = FakeOrigin::start().await;
    let good = || site("a.test", &origin);
    let with = |change: fn(&mut SiteConfig)| {
        let mut site = good();
        change(&mut site);
        site
    };
    for (sites, said) in [
        (vec![good(), good()], "\"a.test\" stands twice"),
        (vec![with(|it| it.host.clear())], "host is not a host name"),
        (
            vec![with(|it| it.host.push('/'))],
            "host is not a host name",
        ),
        (vec![with(|it| it.origins.clear())], "origins names none"),
        (vec![with(|it| it.heuristic = 101)], "at most 100"),
        (vec![with(|it| it.pass.push("Host".into()))], "\"Host\""),
        (vec![with(|it| it.rule.push(rule("x")))], "begin with \"/\""),
        (
            vec![with(|it| it.rule.push(rule("/*/*")))],
            "one \"*\" at most",
        ),
        (
            vec![with(|it| {
                it.profile = Profile::Passthrough;
                let ttl = ("20x".to_owned(), Ttl(Duration::ZERO));
                it.rule.push(RuleConfig {
                    ttl: [ttl].into(),
                    ..rule("/x")
                });
            })],
            "three digits",
        ),
    ] {
        let edge = Edge::start(&origin, None, |config| config.site = sites);
        let mut edge = edge.await;
        let error = (&mut edge.task).await.unwrap().unwrap_err().to_string();
        assert!(error.contains(said), "{error} / {said}");
    }
}

#[tokio::test]
async fn a_rule_holds_for_a_path_however_it_is_spelt() {
    let drop = Some(QueryRule::All(All::Drop));
    let rule = RuleConfig {
        query: drop,
        ..rule("/static/*")
    };
    let (origin, edge) = one(|site| site.rule.push(rule)).await;
    origin.route("/static/a", Answer::ok("a").cache("max-age=60"));
    for target in ["/static/a?1", "/st%61tic/%61?2", "/%73tatic/a?3"] {
        assert_eq!(edge.get(target).send().await.body, "a");
    }
    assert_eq!(origin.fetches("/static/a"), 1);
}

#[tokio::test]
async fn a_rule_for_what_no_path_is_spelt_like_is_refused() {
    let origin = FakeOrigin::start().await;
    for path in ["/st%61tic/*", "/a b", "/a/../b", "static", "/*/*"] {
        let mut config = site("edge.test", &origin);
        config.rule.push(rule(path));
        let mut edge = Edge::start(&origin, None, |it| it.site.push(config)).await;
        let refused = (&mut edge.task).await.unwrap().unwrap_err().to_string();
        assert!(refused.contains(path), "{refused}");
    }
}
