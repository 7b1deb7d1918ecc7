//! `/metrics`, read as strictly as Prometheus' own `promtool check metrics` does.

use std::collections::{BTreeMap, BTreeSet};

use testkit::{Answer, FakeOrigin, get};

use crate::running::Running;

/// One metric with all its series.
#[derive(Default)]
struct Family {
    help: bool,
    kind: String,
    /// Name, labels, value.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The families of a text. Panics at what a scrape would refuse.
fn read(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let name = match line.strip_prefix("# ") {
            Some(comment) => {
                let mut words = comment.splitn(3, ' ');
                let (what, name) = (words.next().unwrap(), words.next().unwrap());
                let family = families.entry(name.to_owned()).or_default();
                assert!(family.samples.is_empty() && is_name(name), "{line}");
                match what {
                    "HELP" => assert!(!std::mem::replace(&mut family.help, true), "{line}"),
                    "TYPE" => {
                        assert!(family.kind.is_empty(), "{line}");
                        words.next().unwrap().clone_into(&mut family.kind);
                    }
                    _ => panic!("{line}"),
                }
                name.to_owned()
            }
            None => {
                let sample = sample(line);
                let of = |end: &str| sample.0.strip_suffix(end).map(str::to_owned);
                let base = ["_bucket", "_sum", "_count"].into_iter().find_map(of);
                let is_histogram = |it: &String| families[it].kind == "histogram";
                let base = base.filter(|it| families.contains_key(it) && is_histogram(it));
                let name = base.unwrap_or_else(|| sample.0.clone());
                families.get_mut(&name).unwrap().samples.push(sample);
                name
            }
        };
        if name != last {
            let begun = families[&name].samples.len() + usize::from(families[&name].help);
            assert!(begun <= 1, "{name} stands in two places");
        }
        last = name;
    }
    families
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    assert!(is_name(name), "{line}");
    let mut found = BTreeMap::new();
    for pair in labels
        .strip_suffix('}')
        .unwrap()
        .split("\",")
        .filter(|it| !it.is_empty())
    {
        let (label, value) = pair.split_once("=\"").unwrap();
        let value = value.trim_end_matches('"').to_owned();
        let twice = found.insert(label.to_owned(), value);
        assert!(is_name(label) && twice.is_none(), "{line}");
    }
    (name.to_owned(), found, value.parse().unwrap())
}

/// What `promtool check metrics` finds fault with.
fn check(name: &str, family: &Family) {
    assert!(family.help, "{name} has no HELP");
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    assert_eq!(family.kind == "counter", ends(&["_total"]), "{name}");
    assert!(
        !ends(&["_bucket", "_sum", "_count", "_milliseconds", "_info"]),
        "{name}"
    );
    let mut series = BTreeSet::new();
    for (sample, labels, value) in &family.samples {
        assert!(
            series.insert((sample, labels)),
            "{sample} {labels:?} stands twice"
        );
        let is_bucket = sample.ends_with("_bucket");
        assert_eq!(labels.contains_key("le"), is_bucket, "{sample}");
        assert!(value.is_finite(), "{sample}");
        assert_eq!(labels["role"], "edge", "{sample}");
        assert_eq!(labels["pop"], "fra", "{sample}");
    }
    if family.kind == "histogram" {
        check_buckets(name, family);
    }
}

fn check_buckets(name: &str, family: &Family) {
    let of = |end: &'static str| family.samples.iter().filter(move |it| it.0.ends_with(end));
    let buckets: Vec<_> = of("_bucket").collect();
    let end = |labels: &BTreeMap<String, String>| match labels["le"].as_str() {
        "+Inf" => f64::INFINITY,
        end => end.parse().unwrap(),
    };
    for pair in buckets.windows(2) {
        assert!(
            end(&pair[0].1) < end(&pair[1].1) && pair[0].2 <= pair[1].2,
            "{name}"
        );
    }
    let (last, count) = (buckets.last().unwrap(), of("_count").next().unwrap());
    assert!(
        end(&last.1).is_infinite() && (last.2 - count.2).abs() < 0.5,
        "{name}"
    );
    assert_eq!(of("_sum").count(), 1, "{name}");
}

#[tokio::test]
async fn all_is_told_as_prometheus_wants_it_and_strangers_add_no_series() {
    let origin = FakeOrigin::start().await;
    let site = format!(
        "[[edge.site]]\nhost = \"a.test\"\norigins = [\"{}\"]\n",
        origin.url()
    );
    let edge = Running::start(&origin, &[], &site).await;
    let series = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
            .collect()
    };
    origin.route("/x", Answer::ok("four").cache("max-age=60"));
    let ask = async |url: &str| {
        get(edge.listen, url).send().await;
    };
    for target in ["/x", "/x", "/y"] {
        ask(&format!("http://a.test{target}")).await;
    }
    let before = edge.scrape().await;
    for n in 0..20 {
        ask(&format!("http://h{n}.test/{n}")).await;
        ask(&format!("http://A.TEST:80/{n}?{n}")).await;
    }
    let text = edge.scrape().await;
    let new: Vec<_> = series(&text)
        .difference(&series(&before))
        .cloned()
        .collect();
    assert!(new.is_empty(), "{new:?}");
    let families = read(&text);
    families
        .iter()
        .for_each(|(name, family)| check(name, family));
    for name in [
        "weir_edge_requests_total",
        "weir_edge_sent_bytes_total",
        "weir_edge_origin_received_bytes_total",
        "weir_edge_hit_seconds",
        "weir_edge_fill_seconds",
        "weir_edge_ram_bytes",
        "weir_edge_disk_bytes",
        "weir_edge_ram_evictions_total",
        "weir_edge_disk_evictions_total",
        "weir_edge_purges_total",
        "weir_edge_log_dropped_total",
    ] {
        assert!(families.contains_key(name), "{name}");
    }
    let hits = &families["weir_edge_requests_total"].samples;
    let hit = hits
        .iter()
        .find(|(_, labels, _)| labels["outcome"] == "hit" && labels["site"] == "a.test");
    assert!((hit.unwrap().2 - 1.0).abs() < 0.5);
}
