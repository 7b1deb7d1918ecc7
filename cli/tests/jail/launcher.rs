//! The launcher: it becomes the program, or says why not.

use std::{os::unix::fs::PermissionsExt, process::Command};

use crate::prison::{Ended, Folder, MEMORY, WEIR, end, perl, run, shell};

#[test]
fn exit_codes_pass() {
    assert_eq!(shell(&[], "exit 7").code, Some(7));
    assert_eq!(shell(&[], "exit 0").code, Some(0));
}

#[test]
fn signals_pass() {
    assert_eq!(perl(&[], "kill 'KILL', $$").signal, Some(9));
    assert_eq!(perl(&[], "kill 'TERM', $$").signal, Some(15));
}

#[test]
fn descriptors_above_the_standard_ones_pass() {
    let program = "echo three >&3; echo seven >&7";
    let script = format!(
        "{WEIR} jail --memory {MEMORY} --file-max 1000 -- sh -c '{program}' 3>&1 7>&1 >/dev/null"
    );
    let ended = end(Command::new("sh").args(["-c", &script]));
    assert_eq!(ended.printed(), "three\nseven\n");
}

#[test]
fn a_program_keeps_the_name_it_was_called_by() {
    assert_eq!(shell(&[], "echo $0").printed(), "sh\n");
}

#[test]
fn what_can_not_be_allowed_is_refused() {
    let folder = Folder::new();
    let absent = folder.at("absent");
    run(&["--read", &absent], &["true"]).was_refused("absent");
    run(&["--write", &absent], &["true"]).was_refused("absent");
    // A file is no folder to write in.
    run(&["--write", &folder.at("inside")], &["true"]).was_refused("inside");
}

#[test]
fn what_is_no_program_is_refused() {
    let folder = Folder::new();
    run(&[], &["no-such-program"]).was_refused("not in PATH");
    run(&[], &[&folder.at("inside")]).was_refused("not a program");
    let script = folder.at("script");
    std::fs::write(&script, format!("#!/bin/sh\n{}", "echo free\n".repeat(50))).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    run(&[], &[&script]).was_refused("not a program");
}

#[test]
fn without_its_rules_nothing_is_run() {
    let ended = end(Command::new(WEIR).args(["jail", "--", "sh", "-c", "echo free"]));
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
}

#[test]
fn a_jail_within_a_jail_is_not_made() {
    let inner = [WEIR, "jail", "--memory", MEMORY, "--file-max", "0", "--"];
    let program = [&inner[..], &["sh", "-c", "echo free"]].concat();
    run(&[], &program).was_refused("can't");
}

/// Runs the launcher on a kernel that answers one system call with ENOSYS, as one
/// without it does.
fn on_a_kernel_without(call: i64, args: &[&str]) -> Ended {
    let (prctl, enosys) = (libc::SYS_prctl, 0x0005_0000 | libc::ENOSYS);
    // Load the number; if it is this one, ENOSYS; else let it through.
    let script = format!(
        "$f = pack('(SCCL)4', 0x20,0,0,0, 0x15,0,1,{call}, 6,0,0,{enosys}, 6,0,0,0x7fff0000);
         syscall({prctl}, 38, 1, 0, 0, 0);
         syscall({prctl}, 22, 2, pack('S x6 P', 4, $f)) == 0 or die $!;
         exec @ARGV"
    );
    end(Command::new("perl")
        .args(["-e", &script, WEIR])
        .args(args)
        .current_dir(std::env::temp_dir()))
}

const SAY: [&str; 4] = ["--", "sh", "-c", "echo ran"];
const RULES: [&str; 5] = ["jail", "--memory", MEMORY, "--file-max", "0"];

#[test]
fn a_kernel_that_lacks_a_part_runs_nothing() {
    let args = [&RULES[..], &SAY].concat();
    on_a_kernel_without(libc::SYS_landlock_create_ruleset, &args).was_refused("landlock");
    on_a_kernel_without(libc::SYS_seccomp, &args).was_refused("seccomp");
}

#[test]
fn a_kernel_that_lacks_a_part_is_put_up_with_by_request() {
    let args = [&RULES[..], &["--best-effort"], &SAY].concat();
    for call in [libc::SYS_landlock_create_ruleset, libc::SYS_seccomp] {
        assert_eq!(on_a_kernel_without(call, &args).printed(), "ran\n");
    }
}

#[test]
fn the_doctor_tells_what_a_kernel_lacks() {
    let call = libc::SYS_landlock_create_ruleset;
    let told = on_a_kernel_without(call, &["doctor", "--ports", "0"]).out;
    let line = |what: &str| told.lines().find(|line| line.contains(what)).unwrap();
    assert!(line(" jail ").starts_with("FAULT"), "{told}");
    assert!(line(" jail ").contains("no landlock"), "{told}");
    // It asks ffmpeg in the jail, so it does not get that far.
    assert!(line(" ffmpeg ").starts_with("FAULT"), "{told}");
    assert!(line(" ffmpeg ").contains("landlock"), "{told}");
}
