//! `weir validate`.

use player_test::{PlayError, Severity, ValidateOptions};

use crate::{
    args::ValidateArgs,
    exit::{Exit, error},
};

pub(super) async fn run(args: ValidateArgs) -> anyhow::Result<()> {
    let options = ValidateOptions {
        target: args.target,
        sample: args.sample.map(|sample| sample as usize),
    };
    let report = player_test::validate(options)
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
    if report.valid() {
        return Ok(());
    }
    let errors = report.count(Severity::Error);
    Err(error(Exit::Broken, format!("not valid: {errors} errors")))
}
