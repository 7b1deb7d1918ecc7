//! `weir purge`.

use http::Method;
use wire::{PurgeRequest, Purged};

use super::admin::{Admin, EdgeAdminArgs};

/// What its help ends with.
const MORE: &str = "\
A purge holds once this ends well, for what is on disk and for running fetches too, also after
a restart of the edge. It is that edge's alone. A prefix is one of text: end a folder with /.

  weir purge http://www.example.com/index.html
  weir purge --prefix http://www.example.com/static/ --soft
  weir purge --tag article-7 --tag article-8";

#[derive(Debug, clap::Args)]
#[command(after_help = MORE)]
#[group(id = "what", required = true, multiple = true, args = ["urls", "prefixes", "tags"])]
pub(crate) struct PurgeArgs {
    /// Addresses, all variants of each: whole, or from their path on where the edge has but
    /// one site.
    #[arg(value_name = "URL")]
    urls: Vec<String>,
    /// All whose address begins so; / alone is all of all sites. May be repeated.
    #[arg(id = "prefixes", long = "prefix", value_name = "URL")]
    prefixes: Vec<String>,
    /// All that the origin gave this Surrogate-Key or Cache-Tag, case as written there. May be
    /// repeated.
    #[arg(id = "tags", long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Keep it as stale, and ask the origin whether it still holds; else it is gone.
    #[arg(long)]
    soft: bool,
    #[command(flatten)]
    edge: EdgeAdminArgs,
}

pub(super) async fn run(config: &edge::Config, args: PurgeArgs) -> anyhow::Result<()> {
    let admin = Admin::new(config, args.edge)?;
    let request = PurgeRequest {
        urls: args.urls,
        prefixes: args.prefixes,
        tags: args.tags,
        soft: args.soft,
    };
    let body = serde_json::to_vec(&request)?;
    let purged: Purged = admin.ask(Method::POST, "/purge", body.into()).await?;
    println!("{}", said(&purged));
    Ok(())
}

fn said(purged: &Purged) -> String {
    let Purged {
        position,
        in_memory,
        on_disk,
    } = purged;
    let mut said = format!("purged at {position}: {in_memory} in memory");
    if *on_disk > 0 {
        said += &format!("; the {on_disk} on disk are judged when they are read");
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_spoken_of_where_there_is_something_on_it() {
        let mut purged = Purged {
            position: "1.2".to_owned(),
            in_memory: 3,
            on_disk: 0,
        };
        assert_eq!(said(&purged), "purged at 1.2: 3 in memory");
        purged.on_disk = 7;
        assert!(said(&purged).ends_with("; the 7 on disk are judged when they are read"));
    }
}
