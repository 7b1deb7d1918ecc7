//! `weir asset`.

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};
use wire::{AssetPage, AssetStatus};

use super::{delete, secret, text::encoded};
use crate::{
    args::{AssetChange, AssetCommand, AssetListArgs, AssetSetArgs, AssetShowArgs},
    client::{Client, NOTHING, good},
    exit::{Exit, error},
};

/// Assets asked for at once.
const PAGE: usize = 100;

/// Tries of an edit that others' edits come between.
const TRIES: usize = 5;

pub(super) async fn run(command: AssetCommand) -> anyhow::Result<()> {
    match command {
        AssetCommand::List(args) => list(args).await,
        AssetCommand::Show(args) => show(args).await,
        AssetCommand::Set(args) => set(args).await,
        AssetCommand::Delete(args) => delete::run(args).await,
    }
}

async fn list(args: AssetListArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let mut only = String::new();
    for (name, value) in [("q", &args.search), ("tag", &args.tag)] {
        if let Some(value) = value {
            only += &format!("&{name}={}", encoded(value));
        }
    }
    if let Some(state) = args.state {
        only += &format!("&state={}", state.as_str());
    }
    let (mut left, mut cursor) = (args.limit, String::new());
    while left > 0 {
        let path = format!("/api/assets?limit={}{only}{cursor}", left.min(PAGE));
        let page: AssetPage = client.json(Method::GET, &path, NOTHING).await?;
        for asset in &page.assets {
            match args.json {
                true => println!("{}", serde_json::to_string(asset)?),
                false => println!("{}", line(asset)),
            }
        }
        left -= page.assets.len().min(left);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
    eprintln!("there are more: --limit N shows N of them");
    Ok(())
}

/// An asset on one line.
fn line(asset: &AssetStatus) -> String {
    let far = match asset.progress {
        Some(_) => format!("{:>3.0} %", asset.percent),
        None => String::new(),
    };
    let tags: Vec<String> = asset
        .details
        .tags
        .iter()
        .map(|tag| format!("#{tag}"))
        .collect();
    let line = format!(
        "{}  {}  {:9} {far:5}  {:6}  {}  {}",
        asset.asset,
        date(asset.created_at_ms),
        asset.state.as_str(),
        asset.details.access.as_str(),
        asset.title,
        tags.join(" ")
    );
    line.trim_end().to_owned()
}

fn date(unix_ms: i64) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(unix_ms).unwrap_or_default());
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}

async fn show(args: AssetShowArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let path = format!("/api/assets/{}", args.asset);
    let status: AssetStatus = client.json(Method::GET, &path, NOTHING).await?;
    println!("{}", serde_json::to_string_pretty(&status)?);
    Ok(())
}

/// Reads, changes, and writes if nobody did meanwhile.
async fn set(args: AssetSetArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let path = format!("/api/assets/{}", args.asset);
    for _ in 0..TRIES {
        let read = client.send(Method::GET, &path, &[], Bytes::new()).await?;
        let tag = read.headers().get("etag").cloned();
        let status: AssetStatus = serde_json::from_slice(&good(read)?)?;
        let patch = serde_json::to_vec(&patch(&args.change, status.details.tags))?;
        let mut headers = vec![("content-type", "application/merge-patch+json".to_owned())];
        if let Some(tag) = tag {
            headers.push(("if-match", tag.to_str()?.to_owned()));
        }
        let answer = client
            .send(Method::PATCH, &path, &headers, patch.into())
            .await?;
        if answer.status() == http::StatusCode::PRECONDITION_FAILED {
            continue;
        }
        let status: AssetStatus = serde_json::from_slice(&good(answer)?)?;
        println!("{}", line(&status));
        told(&client, &args.change);
        return Ok(());
    }
    let message = format!("{} is changed by others all the time", args.asset);
    Err(error(Exit::Failed, message))
}

fn told(client: &Client, change: &AssetChange) {
    if change.access.is_some() {
        eprintln!(
            "{} serves it so from now on; an edge keeps what it holds as it was, until it is \
             purged or old",
            client.base()
        );
    }
}

/// What changes, as JSON merge patch (RFC 7396).
fn patch(change: &AssetChange, mut tags: Vec<String>) -> Value {
    let mut patch = Map::new();
    let plain = [("title", &change.title), ("access", &change.access)];
    for (name, value) in plain {
        if let Some(value) = value {
            patch.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(priority) = change.priority {
        patch.insert("priority".to_owned(), json!(priority));
    }
    if !(change.tag.is_empty() && change.untag.is_empty()) {
        let gone: Vec<String> = change.untag.iter().map(|tag| tag.to_lowercase()).collect();
        tags.retain(|tag| !gone.contains(tag));
        tags.extend(change.tag.iter().cloned());
        patch.insert("tags".to_owned(), json!(tags));
    }
    let mut meta = Map::new();
    for (name, value) in &change.meta {
        let value = match value.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        };
        meta.insert(name.clone(), value);
    }
    if !meta.is_empty() {
        patch.insert("metadata".to_owned(), Value::Object(meta));
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_what_it_changes_alone() {
        let change = AssetChange {
            title: None,
            tag: vec!["new".into()],
            untag: vec!["OLD".into()],
            access: Some("public".into()),
            priority: Some(wire::Priority::High),
            meta: vec![
                ("n".into(), "3".into()),
                ("who".into(), "Jo Ax".into()),
                ("gone".into(), String::new()),
            ],
        };
        assert_eq!(
            patch(&change, vec!["kept".into(), "old".into()]),
            json!({"access": "public", "priority": "high", "tags": ["kept", "new"],
                "metadata": {"n": 3, "who": "Jo Ax", "gone": null}})
        );
    }
}
