//! `weir explain`.

use bytes::Bytes;
use http::Method;
use wire::{Explanation, StoredBlocks, StoredObject};

use super::admin::{Admin, EdgeAdminArgs};

/// What its help ends with.
const MORE: &str = "\
It says how a GET of the address would end now, and why: key, site and rules, what is stored
and for how long it is fresh, where it would be asked for. Nothing is fetched.

  weir explain http://www.example.com/static/a.css";

#[derive(Debug, clap::Args)]
#[command(after_help = MORE)]
pub(crate) struct ExplainArgs {
    /// The address: whole, or from its path on where the edge has but one site. A key in it is
    /// judged, and not shown.
    #[arg(value_name = "URL")]
    url: String,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    edge: EdgeAdminArgs,
}

pub(super) async fn run(config: &edge::Config, args: ExplainArgs) -> anyhow::Result<()> {
    let admin = Admin::new(config, args.edge)?;
    let path = format!("/explain?url={}", escaped(&args.url));
    let told: Explanation = admin.ask(Method::GET, &path, Bytes::new()).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        lines(&told).for_each(|(name, value)| println!("{name:<10} {value}"));
    }
    Ok(())
}

/// Name and value, where there is one.
fn lines(told: &Explanation) -> impl Iterator<Item = (&'static str, String)> {
    let stored = told.stored.as_ref().map(stored);
    let freshness = told.stored.as_ref().map(|it| {
        let (state, age, lifetime, left) = (&it.state, it.age_secs, it.lifetime_secs, it.ttl_secs);
        format!("{state}: {age} of {lifetime} s old, {left} s left")
    });
    let fetching = match (told.fetching, told.alone) {
        (_, true) => Some("each request for itself: the last answer could not be shared"),
        (true, false) => Some("now, and a request would join"),
        (false, false) => None,
    };
    let fetching = fetching.map(str::to_owned);
    let of_stored =
        |value: fn(&StoredObject) -> Option<String>| told.stored.as_ref().and_then(value);
    let lines = [
        ("outcome", Some(told.outcome.clone())),
        ("refused", told.refused.clone()),
        ("url", Some(told.url.clone())),
        ("key", told.key.clone()),
        ("site", told.site.clone()),
        ("rule", told.rule.clone()),
        ("pop", Some(told.pop.clone())),
        ("upstream", told.upstream.clone()),
        ("stored", Some(stored.unwrap_or_else(|| "no".to_owned()))),
        ("freshness", freshness),
        ("access", of_stored(|it| it.access.clone())),
        ("tags", of_stored(|it| it.tags.clone())),
        ("fetching", fetching),
        ("position", Some(told.position.clone())),
    ];
    lines
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
}

fn stored(it: &StoredObject) -> String {
    let blocks = it.blocks.map(|blocks| {
        let StoredBlocks { held, count, len } = blocks;
        format!(" ({held} of {count} blocks of {len})")
    });
    let (blocks, tier) = (blocks.unwrap_or_default(), &it.tier);
    format!(
        "{}, {} bytes{blocks}, in {tier}, asked for at {}",
        it.status, it.len, it.position
    )
}

/// As a value of a query.
fn escaped(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_has_no_line() {
        let told = Explanation {
            outcome: "miss".to_owned(),
            ..Explanation::default()
        };
        let names: Vec<_> = lines(&told).map(|(name, _)| name).collect();
        assert_eq!(names, ["outcome", "url", "pop", "stored", "position"]);
    }

    #[test]
    fn an_address_is_one_value() {
        assert_eq!(escaped("http://h/a?b=1&c"), "http://h/a%3Fb%3D1%26c");
    }
}
