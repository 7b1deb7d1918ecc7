//! Limits and environment.

use crate::prison::{Folder, WEIR, end, jail, perl, run, shell};

/// SIGXFSZ and SIGXCPU, which the kernel sends at a limit, and SIGKILL.
const FILE_TOO_LONG: i32 = 25;
const CPU_SPENT: [i32; 2] = [24, 9];

#[test]
fn address_space_is_bounded() {
    let take = |bytes: u32| {
        let script = format!("$x = 'x' x {bytes}; print length $x");
        let rules = ["jail", "--memory", "200000000", "--file-max", "0", "--"];
        end(std::process::Command::new(WEIR)
            .args(rules)
            .args(["perl", "-e", &script]))
    };
    assert_eq!(take(50_000_000).printed(), "50000000");
    let ended = take(300_000_000);
    assert!(
        ended.code != Some(0) && ended.err.contains("Out of memory"),
        "{ended:?}"
    );
}

#[test]
fn a_file_grows_to_its_limit_and_not_beyond() {
    let folder = Folder::new();
    let script = format!(
        "open F, '>', '{}'; syswrite F, 'x' x 1_000_000 for 1..2",
        folder.at("long")
    );
    let ended = perl(&["--write", folder.path()], &script);
    assert_eq!(ended.signal, Some(FILE_TOO_LONG));
    assert_eq!(folder.read("long").len(), 1_000_000);
}

#[test]
fn processor_time_is_bounded() {
    let ended = shell(&["--cpu", "1"], "while :; do :; done");
    assert!(CPU_SPENT.contains(&ended.signal.unwrap()), "{ended:?}");
}

#[test]
fn no_core_is_dumped_and_few_files_are_open() {
    assert_eq!(shell(&[], "ulimit -c; ulimit -n").printed(), "0\n256\n");
}

#[test]
fn a_limit_is_not_raised_again() {
    let ended = shell(&[], "ulimit -n 1024 && echo raised");
    assert_eq!(ended.out, "");
    assert_ne!(ended.code, Some(0));
}

#[test]
fn a_lower_limit_of_the_caller_stays() {
    let script = format!(
        "ulimit -n 64; exec {WEIR} jail --memory 1000000000 --file-max 1 -- sh -c 'ulimit -n'"
    );
    let ended = end(std::process::Command::new("sh").args(["-c", &script]));
    assert_eq!(ended.printed(), "64\n");
}

#[test]
fn the_environment_holds_no_secret() {
    let mut command = jail(&[]);
    command
        .env("WEIR_UPLOAD_KEY", "secret")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("LD_PRELOAD", "")
        .env("LANG", "C")
        .arg("env");
    let printed = end(&mut command).printed();
    let names: Vec<&str> = printed
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert_eq!(
        {
            let mut names = names.clone();
            names.sort_unstable();
            names
        },
        ["LANG", "PATH"]
    );
}

#[test]
fn the_callers_environment_is_not_to_be_seen() {
    let parent = format!("/proc/{}/environ", std::process::id());
    run(&[], &["cat", &parent]).was_denied();
}
