//! One input, packaged by the binary.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use player_test::{Severity, ValidateOptions, Validation};
use tokio::{process::Command, time::timeout};

use crate::{
    input::{End, Expected, OddInput},
    watch,
};

/// Each ends within this: the bound that is stated.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// The file was refused.
const REFUSED: i32 = 6;
/// The source's height, and half of it.
const LADDER: &str = "180,90";

/// How the binary ended.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Packages an input in a folder of its own; says what is not as stated.
pub(crate) async fn packaged(input: &OddInput) -> Result<(), String> {
    let home = tempfile::tempdir().unwrap();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let ended = timeout(ENDS_WITHIN, weir(home.path(), &input.file)).await;
    let ended = ended.map_err(|_| format!("it does not end within {ENDS_WITHIN:?}"))?;
    watch::nobody_works_on(&input.file).await?;
    let out = home.path().join("out");
    let published = !matches!(input.end, End::Refused(_));
    // No more than was asked for: no work folder, no log.
    let mut expected = vec![temporary];
    expected.extend(published.then(|| out.clone()));
    is_all(home.path(), expected)?;
    judge(input, &ended, &out).await
}

async fn weir(home: &Path, file: &Path) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command
        .args(["package", "--ladder", LADDER, "--out", "out"])
        .arg(file)
        .env("TMPDIR", home.join("tmp"))
        .env("WEIR_WORKER__PRESET", "superfast")
        .current_dir(home)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// The folder has these, its own temporary folder nothing.
fn is_all(home: &Path, mut expected: Vec<PathBuf>) -> Result<(), String> {
    let mut found = watch::entries(home);
    found.sort();
    expected.sort();
    let left = watch::entries(&home.join("tmp"));
    match found == expected && left.is_empty() {
        true => Ok(()),
        false => Err(format!("it leaves {found:?} and {left:?}")),
    }
}

async fn judge(input: &OddInput, ended: &Ended, out: &Path) -> Result<(), String> {
    let fault = || format!("exit {:?}: {}{}", ended.code, ended.out, ended.err);
    let warned = |why: &str| {
        let mut lines = ended.err.lines();
        lines.any(|line| line.starts_with("warning: ") && line.contains(why))
    };
    let (expected, as_stated) = match &input.end {
        End::Refused(why) => {
            let refused = ended.code == Some(REFUSED) && ended.err.contains(why);
            return refused.then_some(()).ok_or_else(fault);
        }
        End::Published(expected) => (expected, !warned("")),
        End::Warned(expected, why) => (expected, warned(why)),
        End::Salvaged(expected) => (expected, true),
    };
    if ended.code != Some(0) || !as_stated {
        return Err(fault());
    }
    tracks(expected, &ended.out)?;
    let options = ValidateOptions {
        target: out.display().to_string(),
        sample: None,
    };
    let validation = player_test::validate(options).await;
    breaks_no_rule(&validation.map_err(|fault| fault.to_string())?)
}

/// What it says that it made: `3s of v180, a1 in out: out/master.m3u8`.
fn tracks(expected: &Expected, said: &str) -> Result<(), String> {
    let made = said
        .split_once(" of ")
        .and_then(|(_, rest)| rest.split_once(" in "));
    let made: Vec<&str> = made.map_or(vec![], |(tracks, _)| tracks.split(", ").collect());
    let count = |kind: char| made.iter().filter(|track| track.starts_with(kind)).count();
    let found = (count('v') > 0, count('a'), count('t'));
    match found == (expected.frames.is_some(), expected.audio, expected.text) {
        true => Ok(()),
        false => Err(format!("published as {made:?}")),
    }
}

/// No errors; warnings are told.
fn breaks_no_rule(validation: &Validation) -> Result<(), String> {
    for finding in &validation.findings {
        println!(
            "    {:?} {}: {}: {}",
            finding.severity, finding.rule, finding.place, finding.words
        );
    }
    if validation.checked.segments == 0 {
        return Err("nothing was validated".to_owned());
    }
    match validation.count(Severity::Error) {
        0 => Ok(()),
        _ => Err(format!("not valid: {validation}")),
    }
}
