//! Virtual players against a small server with a real stream.

mod broken;
mod follows;
mod plays;
mod server;
mod stream;

use std::time::Duration;

use player_test::{Options, Report, play};

/// Plays as fast as it comes, with short waits.
fn fast(url: String) -> Options {
    let wait = Duration::from_secs(5);
    Options {
        url,
        fast: true,
        wait,
        stuck: Duration::from_secs(5),
        ..Options::default()
    }
}

async fn report(options: Options) -> Report {
    play(options).await.expect("the options are good")
}

/// The one reason why a stream is broken.
fn reason(report: &Report) -> &str {
    assert!(report.broken, "{report}");
    assert_eq!(report.reasons.len(), 1, "{report}");
    &report.reasons[0]
}
