//! `weir package`.

mod encryption;

use std::time::Duration;

use packager::{Far, PackagerError, Packaging};

use wire::{Analysis, Rate};

use super::progress::Progress;
use crate::{
    args::PackageArgs,
    config::Config,
    exit::{Exit, error},
    ops,
};

/// Most spans at once: each is an ffmpeg of its own.
const WORKERS_MAX: usize = 64;
/// The bar's unit: a thousandth.
const STEPS: f64 = 1000.0;

/// Packages one file into a folder.
pub(super) async fn run(config: Config, args: PackageArgs) -> anyhow::Result<()> {
    if let Some(fault) = config.worker.fault() {
        return Err(error(Exit::Config, fault));
    }
    let packaging = packaging(&args, &config.worker).await?;
    let shutdown = ops::shutdown()?;
    let mut bar = Progress::new("{prefix} {bar:30} {percent:>3} % {msg}", STEPS as u64)?;
    let tell = std::cell::RefCell::new(&mut bar);
    let work = packager::package(&config.worker, (&args.file, &args.out), &packaging, |far| {
        let done = (far.fraction * STEPS) as u64;
        tell.borrow_mut()
            .show("packaging", done, STEPS as u64, remark(far));
    });
    let done = tokio::select! {
        done = work => done,
        () = shutdown.cancelled() => Err(PackagerError::Stopped),
    };
    drop(bar);
    let packaged = done.map_err(|fault| told(&args, fault))?;
    for warning in &packaged.warnings {
        eprintln!("warning: {warning}");
    }
    for line in packaged.analysis.iter().flat_map(analysed) {
        println!("{line}");
    }
    println!(
        "{} of {} in {}: {}",
        span(packaged.duration_secs),
        packaged.tracks.join(", "),
        args.out.display(),
        args.out.join("master.m3u8").display(),
    );
    Ok(())
}

fn told(args: &PackageArgs, fault: PackagerError) -> anyhow::Error {
    match fault {
        PackagerError::Source(reason) => {
            error(Exit::Refused, format!("{}: {reason}", args.file.display()))
        }
        fault => fault.into(),
    }
}

/// What was chosen for each rendition, and in place of what.
fn analysed(analysis: &Analysis) -> Vec<String> {
    let metric = analysis.metric.to_uppercase();
    let rate = |rate: &Rate| {
        let (mbps, quality, crf) = (rate.bitrate as f64 / 1e6, rate.quality, rate.crf);
        format!("factor {crf}, {mbps:.2} Mb/s, {metric} {quality}")
    };
    let lines = analysis.renditions.iter().map(|rendition| {
        format!(
            "{}: {}; saves {} % of {}",
            rendition.track,
            rate(&rendition.chosen),
            rendition.saving_percent,
            rate(&rendition.fixed)
        )
    });
    lines.collect()
}

async fn packaging(args: &PackageArgs, config: &packager::Config) -> anyhow::Result<Packaging> {
    let mut settings = wire::PackageSettings {
        // Nobody watches a folder that is being written.
        lead: wire::Lead::Off,
        ..wire::PackageSettings::default()
    };
    if let Some(segment) = args.segment {
        if !(2.0..=10.0).contains(&segment) {
            let words = format!("--segment {segment}: a segment lasts 2 to 10 seconds");
            return Err(error(Exit::Config, words));
        }
        settings.segment_secs = segment;
    }
    if !args.ladder.is_empty() {
        settings.ladder.clone_from(&args.ladder);
    }
    if !args.codecs.is_empty() {
        if let Some(fault) = wire::Codec::fault(&args.codecs) {
            return Err(error(Exit::Config, format!("--codecs: {fault}")));
        }
        settings.codecs.clone_from(&args.codecs);
    }
    if args.two_pass {
        settings.rate_control = wire::RateControl::TwoPass;
    }
    if args.copy {
        // Nothing is encoded, and nothing decoded.
        settings.ladder.clear();
        settings.images = false;
    }
    settings.copy = !args.no_copy;
    settings.per_title = args.per_title;
    // One more than for an origin: nobody waits for the first segment, and while one ffmpeg
    // starts or ends another has the processor (measured on two: 58.7 s in place of 64.0).
    let workers = args
        .workers
        .unwrap_or_else(|| WORKERS_MAX.min(config.spans() + 1));
    if !(1..=WORKERS_MAX).contains(&workers) {
        let words = format!("--workers {workers}: 1 to {WORKERS_MAX}");
        return Err(error(Exit::Config, words));
    }
    Ok(Packaging {
        settings,
        workers,
        hls_copy: encryption::hls_copy(args)?,
        // Last: a key server may count what it gives.
        protection: encryption::protection(args).await?,
    })
}

fn remark(far: Far) -> String {
    far.speed
        .map_or_else(String::new, |speed| format!("{speed:.1}× real time"))
}

fn span(secs: f64) -> String {
    let step = if secs < 1.0 { 0.01 } else { 1.0 };
    let rounded = Duration::from_secs_f64((secs / step).round() * step);
    humantime::format_duration(rounded).to_string()
}
