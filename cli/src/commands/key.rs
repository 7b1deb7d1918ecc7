//! `weir key`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::Method;
use serde_json::Value;
use wire::{MintRequest, MintedKey, RevokeRequest, Revokes, RotateRequest, SigningKeyStatus};

use super::secret;
use crate::{
    args::{KeyCommand, MintArgs, OperatorArgs, RevokeArgs, RotateArgs},
    client::good,
    exit::{Exit, error},
};

pub(super) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Mint(args) => mint(args).await,
        KeyCommand::Inspect { key } => inspect(&key),
        KeyCommand::Revoke(args) => revoke(args).await,
        KeyCommand::Rotate(args) => rotate(args).await,
        KeyCommand::List(args) => list(&args).await,
    }
}

async fn mint(args: MintArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let ttl_secs = args.ttl.map(|ttl| ttl.as_secs());
    let ask = match &args.asset {
        Some(asset) => MintRequest::Play {
            asset: asset
                .parse()
                .map_err(|fault| error(Exit::Config, format!("{fault}")))?,
            ttl_secs,
        },
        None => MintRequest::Upload { ttl_secs },
    };
    let key: MintedKey = client.json(Method::POST, "/api/keys", Some(&ask)).await?;
    println!("{}", key.token);
    if let Some(asset) = &args.asset {
        eprintln!("jti    {}", key.jti);
        eprintln!("until  {}", date(key.expires_at));
        eprintln!("watch  {}/watch/{asset}#k={}", client.base(), key.token);
    }
    Ok(())
}

/// What a key says. Whoever holds it can read it; only the origin's signature makes it open.
fn inspect(key: &str) -> anyhow::Result<()> {
    let token = token(key);
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, _signature] = parts[..] else {
        return Err(error(Exit::Failed, "a key is three parts joined by dots"));
    };
    for (name, part) in [("header", head), ("claims", claims)] {
        let value: Option<Value> = BASE64_URL_SAFE_NO_PAD
            .decode(part)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let value = value.ok_or_else(|| {
            error(
                Exit::Failed,
                format!("the key's {name} is not JSON in base64url"),
            )
        })?;
        println!("{name} {}", serde_json::to_string_pretty(&value)?);
        if let Some(expires) = value.get("exp").and_then(Value::as_u64) {
            let over = expires <= now_secs();
            println!(
                "{} {}",
                if over { "expired" } else { "until" },
                date(expires)
            );
        }
    }
    println!("the signature was not checked");
    Ok(())
}

async fn revoke(args: RevokeArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let time = |time: std::time::SystemTime| {
        let since = time.duration_since(std::time::UNIX_EPOCH);
        since.unwrap_or_default().as_secs()
    };
    let issued_before = args.issued_before.map(time);
    let (what, said) = match (args.key, args.subject, args.asset, args.signer) {
        (Some(key), ..) => {
            let jti = jti(&key)?;
            (Revokes::Jti(jti.clone()), jti)
        }
        (_, Some(name), ..) => {
            let said = format!("all keys of subject {name}");
            (Revokes::Subject(name), said)
        }
        (_, _, Some(asset), _) => {
            let said = format!("all keys for asset {asset}");
            (Revokes::Asset(asset), said)
        }
        (.., signer) => {
            let kid = signer.unwrap_or_default();
            let said = format!("all keys signed by {kid}");
            (Revokes::Signer(kid), said)
        }
    };
    let ask = serde_json::to_vec(&RevokeRequest {
        what,
        issued_before,
    })?;
    good(
        client
            .send(Method::POST, "/api/keys/revoke", &[], ask.into())
            .await?,
    )?;
    let until = issued_before.map_or_else(String::new, |secs| {
        format!(" that were issued before {}", date(secs))
    });
    println!("revoked {said}{until}");
    Ok(())
}

async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let ask = RotateRequest { now: args.now };
    let path = "/api/keys/rotate";
    let keys: Vec<SigningKeyStatus> = client.json(Method::POST, path, Some(&ask)).await?;
    show(&keys);
    Ok(())
}

async fn list(args: &OperatorArgs) -> anyhow::Result<()> {
    let client = secret::operator(args)?;
    let path = "/api/keys/signing";
    let keys: Vec<SigningKeyStatus> = client.json(Method::GET, path, None::<&()>).await?;
    show(&keys);
    Ok(())
}

fn show(keys: &[SigningKeyStatus]) {
    println!(
        "{:16}  {:8}  {:20}  trusted until",
        "kid", "state", "signs from"
    );
    for key in keys {
        // The first one signs from the beginning.
        let from = date(key.signs_from.max(key.created_at));
        let until = key.trusted_until.map_or_else(|| "-".to_owned(), date);
        println!(
            "{:16}  {:8}  {from:20}  {until}",
            key.kid,
            key.state.as_str()
        );
    }
}

/// The jti of a key, or the text itself.
fn jti(key: &str) -> anyhow::Result<String> {
    let token = token(key);
    let Some(claims) = token.split('.').nth(1) else {
        return Ok(token.to_owned());
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok();
    claims
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .and_then(|claims| claims.get("jti")?.as_str().map(str::to_owned))
        .ok_or_else(|| error(Exit::Config, "that is no key, and no jti"))
}

/// The key in an address (`/k/<key>/…` or `#k=<key>`), or the text itself.
fn token(text: &str) -> &str {
    in_address(text).unwrap_or(text)
}

/// The key in an address.
pub(super) fn in_address(text: &str) -> Option<&str> {
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let rest = after("#k=").or_else(|| after("/k/"))?;
    rest.split(['/', '?', '&', '#']).next()
}

fn date(secs: u64) -> String {
    let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(secs));
    time.map_or_else(
        || secs.to_string(),
        |time| humantime::format_rfc3339(time).to_string(),
    )
}

fn now_secs() -> u64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn a_key_is_found_in_what_people_paste() {
        for text in [
            "a.b.c",
            "http://h/k/a.b.c/v/x/master.m3u8",
            "http://h/watch/x#k=a.b.c",
        ] {
            assert_eq!(token(text), "a.b.c");
        }
    }
}
