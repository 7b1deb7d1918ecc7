//! `weir jobs`.

use http::Method;
use wire::{JobPage, JobState, JobStatus, TrackId};

use super::{asset::date, secret};
use crate::{
    args::{JobArgs, JobsCommand, JobsListArgs},
    client::NOTHING,
};

/// Jobs asked for at once.
const PAGE: usize = 200;

pub(super) async fn run(command: JobsCommand) -> anyhow::Result<()> {
    match command {
        JobsCommand::List(args) => list(args).await,
        JobsCommand::Retry(args) => each(args, "retry").await,
        JobsCommand::Cancel(args) => each(args, "cancel").await,
    }
}

async fn list(args: JobsListArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let mut only = format!("&state={}", args.state);
    if let Some(asset) = &args.asset {
        only += &format!("&asset={asset}");
    }
    let (mut left, mut cursor) = (args.limit, String::new());
    while left > 0 {
        let path = format!("/api/jobs?limit={}{only}{cursor}", left.min(PAGE));
        let page: JobPage = client.json(Method::GET, &path, NOTHING).await?;
        for job in &page.jobs {
            match args.json {
                true => println!("{}", serde_json::to_string(job)?),
                false => println!("{}", line(job)),
            }
        }
        left -= page.jobs.len().min(left);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
    eprintln!("there are more: --limit N shows N of them");
    Ok(())
}

/// Retries or cancels jobs, in order; the first that can't be ends it.
async fn each(args: JobArgs, what: &str) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    for job in &args.jobs {
        let path = format!("/api/jobs/{job}/{what}");
        let status: JobStatus = client.json(Method::POST, &path, NOTHING).await?;
        println!("{}", line(&status));
    }
    Ok(())
}

/// A job on one line.
fn line(job: &JobStatus) -> String {
    let tracks: Vec<&str> = job.tracks.iter().map(TrackId::as_str).collect();
    let far = match (job.state, job.retry_until_ms) {
        (JobState::Leased, _) => job.worker.as_deref().unwrap_or_default().to_owned(),
        (_, Some(until)) => format!("retry until {}", date(until)),
        _ => String::new(),
    };
    let line = format!(
        "{}  {}  {:9} {:10} {}/{}  {}  {}  {}",
        job.job,
        job.asset,
        job.state.as_str(),
        job.kind.as_str(),
        job.attempt,
        job.attempts_max,
        tracks.join(","),
        job.reason.as_deref().unwrap_or_default(),
        far
    );
    line.trim_end().to_owned()
}
