//! `weir play`.

use player_test::{Options, PlayError};

use crate::{
    args::PlayArgs,
    exit::{Exit, error},
};

pub(super) async fn run(args: PlayArgs) -> anyhow::Result<()> {
    let options = Options {
        url: args.url,
        players: args.players,
        seconds: args.seconds,
        fast: args.fast,
        wait: args.wait,
        ..Options::default()
    };
    let report = player_test::play(options)
        .await
        .map_err(|fault| match fault {
            PlayError::Options(_) => error(Exit::Config, fault.to_string()),
            fault => fault.into(),
        })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    if report.broken {
        return Err(error(
            Exit::Broken,
            format!("the stream is broken: {}", report.reasons.join("; ")),
        ));
    }
    Ok(())
}
