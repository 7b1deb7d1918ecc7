//! Whether all held.

use std::{fs, ops::Range, process::ExitCode, sync::atomic::Ordering::Relaxed};

use crate::{edge::Process, options::Options, samples::Sample, world::World};

/// Growth that is none: of the median of the last quarter over that of the second. Chosen:
/// above what an allocator does by itself, below any leak of a byte a request in an hour.
const GROWTH: f64 = 1.08;
const GROWTH_KIB: u64 = 8 << 10;
const GROWTH_FILES: u64 = 24;
/// Samples without which memory says nothing: 3 minutes, until the cache is full.
const QUIET_MIN: usize = 90;
/// Open files at rest: listeners, logs, locks, the runtime's own, and connections of neither
/// side.
const FILES_AT_REST: u64 = 48;
/// Resident beside the stored: program, stacks, fetches, connections, what the allocator keeps.
const BESIDE_KIB: u64 = 128 << 10;

/// On disk beside the stored: the journal of purges.
const DISK_BESIDE_KIB: u64 = 1 << 10;

pub(crate) fn of(
    edge: &Process,
    quiet: Range<usize>,
    options: &Options,
    world: &World,
) -> ExitCode {
    let (samples, quiet) = (&edge.samples[..], &edge.samples[quiet]);
    let most = |it: fn(&Sample) -> u64| samples.iter().map(it).max().unwrap_or(0);
    let rest = samples.last().copied().unwrap_or_default();
    let budget = |text: &str| {
        text.parse::<bytesize::ByteSize>()
            .map_or(u64::MAX, |it| it.0)
            >> 10
    };
    let (ram, disk) = (budget(&options.ram), budget(&options.disk));
    let (rss, files) = (
        Growth::of(quiet, |it| it.rss_kib),
        Growth::of(quiet, |it| it.files),
    );
    let panics = fs::read_to_string(edge.log()).map_or(0, |log| log.matches("panicked").count());
    let cpu = quiet.last().map_or(0, |last| last.cpu - quiet[0].cpu) as f64 / 100.0;
    let unexplained = world.tally.unexplained.load(Relaxed);
    println!("at rest: {rest}; CPU s while undisturbed: {cpu:.0}");
    let checks = [
        check("wrong answers: none", world.tally.wrong.load(Relaxed) == 0),
        check("right answers: some", world.tally.right.load(Relaxed) > 0),
        check("panics: none", panics == 0),
        check(
            &format!("failures without a cause: {unexplained}, at most 1 in 1,000"),
            unexplained * 1000 <= world.tally.right.load(Relaxed),
        ),
        match quiet.len() < QUIET_MIN {
            true => check("memory is flat: too short to tell", true),
            false => check(
                &format!("memory is flat: {rss} KiB"),
                rss.is_flat(GROWTH_KIB),
            ),
        },
        check(
            &format!("open files are flat: {files}"),
            files.is_flat(GROWTH_FILES),
        ),
        check(
            &format!("files at rest: {} of {FILES_AT_REST}", rest.files),
            rest.files <= FILES_AT_REST,
        ),
        check(
            &format!(
                "most memory: {} KiB, budget {ram} + {BESIDE_KIB}",
                most(|it| it.rss_kib)
            ),
            most(|it| it.rss_kib) <= ram.saturating_add(BESIDE_KIB),
        ),
        check(
            &format!(
                "most disk: {} KiB, budget {disk} + {DISK_BESIDE_KIB}",
                most(|it| it.disk_kib)
            ),
            most(|it| it.disk_kib) <= disk.saturating_add(DISK_BESIDE_KIB),
        ),
    ];
    match checks.iter().all(|held| *held) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn check(what: &str, holds: bool) -> bool {
    println!("{} {what}", if holds { "ok    " } else { "FAILED" });
    holds
}

/// Medians of the second and of the last quarter.
struct Growth {
    before: u64,
    after: u64,
}

impl Growth {
    fn of(samples: &[Sample], number: fn(&Sample) -> u64) -> Self {
        let quarter = samples.len() / 4;
        let median = |part: &[Sample]| {
            let mut numbers: Vec<_> = part.iter().map(number).collect();
            numbers.sort_unstable();
            numbers.get(numbers.len() / 2).copied().unwrap_or(0)
        };
        Self {
            before: median(&samples[quarter..2 * quarter]),
            after: median(&samples[3 * quarter..]),
        }
    }

    fn is_flat(&self, less: u64) -> bool {
        self.after as f64 <= (self.before as f64 * GROWTH).max((self.before + less) as f64)
    }
}

impl std::fmt::Display for Growth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} then {}", self.before, self.after)
    }
}
