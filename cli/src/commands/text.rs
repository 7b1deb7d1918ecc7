//! `weir text`.

use std::{fmt::Write, path::Path};

use anyhow::Context;
use bytes::Bytes;
use http::Method;
use wire::TextAdded;

use super::{secret, track};
use crate::{
    args::{TextAddArgs, TextCommand},
    client::good,
    exit::{Exit, error},
};

/// Longest file that is read, bytes; what the origin takes is less.
const FILE_MAX: u64 = 64 << 20;

/// Runs one of its commands.
pub(super) async fn run(command: TextCommand) -> anyhow::Result<()> {
    match command {
        TextCommand::Add(args) => add(args).await,
        TextCommand::Remove(args) => track::remove(args).await,
    }
}

/// Adds subtitles to an asset that is ready.
async fn add(args: TextAddArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let body = read(&args.file)?;
    let mut path = format!(
        "/api/assets/{}/text?language={}",
        args.asset,
        encoded(&args.track.language)
    );
    if let Some(name) = &args.track.name {
        path += &format!("&name={}", encoded(name));
    }
    for (flag, name) in [(args.forced, "forced"), (args.track.default, "default")] {
        if flag {
            path += &format!("&{name}=true");
        }
    }
    let answer = good(client.send(Method::POST, &path, &[], body).await?)?;
    let added: TextAdded = serde_json::from_slice(&answer)?;
    for warning in &added.warnings {
        eprintln!("warning: {warning}");
    }
    println!(
        "{} has subtitles {} in version {}; players get them at their next load",
        args.asset, added.track, added.version
    );
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Bytes> {
    let len_bytes = std::fs::metadata(file)
        .with_context(|| format!("can't read {}", file.display()))?
        .len();
    if len_bytes > FILE_MAX {
        let message = format!("{}: no subtitles have {len_bytes} bytes", file.display());
        return Err(error(Exit::Config, message));
    }
    let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    Ok(bytes.into())
}

/// For a query (RFC 3986 §2.1): all but what is unreserved as `%` and two digits.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("a string takes all"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_query_would_misread_is_encoded() {
        assert_eq!(super::encoded("de-AT_1.~"), "de-AT_1.~");
        assert_eq!(super::encoded("a&b=é +"), "a%26b%3D%C3%A9%20%2B");
    }
}
