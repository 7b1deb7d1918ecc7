//! Where a version is read from.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use wire::{AssetId, AssetProgress, AssetState, MintRequest, MintedKey};

use crate::{
    args::ExportArgs,
    client::{Client, NOTHING, good},
    commands::{key, secret},
    exit::{Exit, error},
};

/// An asset at an origin or an edge, with what opens it.
pub(super) struct Address {
    client: Client,
    asset: AssetId,
    /// `/v/<asset>/`, with a key before it where there is one.
    path: String,
}

impl Address {
    /// What the command line names: an address that plays, or an asset, for which the
    /// operator mints a key.
    pub(super) async fn open(args: &ExportArgs) -> anyhow::Result<Self> {
        if let Some((base, asset, key)) = parse(&args.asset) {
            return Ok(Self::new(Client::new(base, None)?, id(asset)?, key));
        }
        let asset = id(&args.asset)?;
        let ask = MintRequest::play(asset.clone());
        let operator = secret::operator(&args.operator)?;
        let key: MintedKey = operator.json(Method::POST, "/api/keys", Some(&ask)).await?;
        let client = Client::new(operator.base(), None)?;
        Ok(Self::new(client, asset, Some(&key.token)))
    }

    fn new(client: Client, asset: AssetId, key: Option<&str>) -> Self {
        let key = key.map_or_else(String::new, |key| format!("/k/{key}"));
        let path = format!("{key}/v/{asset}/");
        Self {
            client,
            asset,
            path,
        }
    }

    /// Only a whole version can be written as one.
    pub(super) async fn must_be_ready(&self) -> anyhow::Result<()> {
        let path = format!("{}info.json", self.path);
        let info: AssetProgress = self.client.json(Method::GET, &path, NOTHING).await?;
        let asset = &self.asset;
        let words = match info.state {
            AssetState::Ready => return Ok(()),
            AssetState::Packaging | AssetState::Playable => format!(
                "{asset} is still being packaged ({:.0} %): export it when it is ready",
                info.percent
            ),
            AssetState::Failed => format!("{asset} could not be packaged: there is nothing"),
        };
        Err(error(Exit::Failed, words))
    }

    /// A small file of the asset; `None` where there is none of this name.
    pub(super) async fn text(&self, name: &str) -> anyhow::Result<Option<Bytes>> {
        let path = format!("{}{name}", self.path);
        let answer = self.client.send(Method::GET, &path, &[], Bytes::new());
        let answer = answer.await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => good(answer).map(Some),
        }
    }

    /// A file of the asset, or with `HEAD` its length alone; good answers only.
    pub(super) async fn open_file(
        &self,
        method: Method,
        name: &str,
    ) -> anyhow::Result<Response<Incoming>> {
        let path = format!("{}{name}", self.path);
        let answer = self.client.open(method, &path).await?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let words = format!("{name}: the answer is {}", answer.status().as_u16());
        Err(error(Exit::Failed, words))
    }
}

fn id(text: &str) -> anyhow::Result<AssetId> {
    text.parse()
        .map_err(|fault| error(Exit::Config, format!("{text}: {fault}")))
}

/// Base, asset and key of an address of a playlist or a watch page.
fn parse(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let (scheme, rest) = text.split_once("://")?;
    let host_len = rest.find('/')?;
    let (base, path) = text.split_at(scheme.len() + 3 + host_len);
    let after = |mark: &str| path.split_once(mark).map(|(_, rest)| rest);
    let asset = after("/v/").or_else(|| after("/watch/"))?;
    let asset = asset.split(['/', '?', '#']).next()?;
    Some((base, asset, key::in_address(path)))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_that_people_paste_is_taken_apart() {
        for (text, key) in [
            ("http://h:1/k/a.b.c/v/x/master.m3u8", Some("a.b.c")),
            ("http://h:1/watch/x#k=a.b.c", Some("a.b.c")),
            ("http://h:1/v/x/manifest.mpd", None),
        ] {
            assert_eq!(parse(text), Some(("http://h:1", "x", key)), "{text}");
        }
        for none in ["dv5cb8mhg2fam08t", "http://h", "http://h/", "http://h/x/y"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
