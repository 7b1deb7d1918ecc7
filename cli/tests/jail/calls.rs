//! System calls: what ffmpeg needs not is refused.

use crate::prison::{Folder, end, jail, perl, run};

/// A call with arguments that harm nobody where it is let through; there it fails in
/// another way, or succeeds.
#[rustfmt::skip]
const REFUSED: &[(&str, i64, &str)] = &[
    ("socket", libc::SYS_socket, "2, 1, 0"),
    ("a socket of the same host", libc::SYS_socket, "1, 1, 0"),
    ("socketpair", libc::SYS_socketpair, "0, 0, 0, 0"),
    ("connect", libc::SYS_connect, "-1, 0, 0"),
    ("bind", libc::SYS_bind, "-1, 0, 0"),
    ("ptrace", libc::SYS_ptrace, "0, 0, 0, 0"),
    ("process_vm_readv", libc::SYS_process_vm_readv, "$$, 0, 0, 0, 0, 0"),
    ("process_vm_writev", libc::SYS_process_vm_writev, "$$, 0, 0, 0, 0, 0"),
    ("pidfd_open", libc::SYS_pidfd_open, "$$, 0"),
    ("mount", libc::SYS_mount, "0, 0, 0, 0, 0"),
    ("umount2", libc::SYS_umount2, "0, 0"),
    ("pivot_root", libc::SYS_pivot_root, "0, 0"),
    ("open_tree", libc::SYS_open_tree, "-1, 0, 0"),
    ("fsopen", libc::SYS_fsopen, "0, 0"),
    ("unshare", libc::SYS_unshare, "0"),
    ("setns", libc::SYS_setns, "-1, 0"),
    ("keyctl", libc::SYS_keyctl, "0, -3, 0, 0, 0"),
    ("bpf", libc::SYS_bpf, "0, 0, 0"),
    ("perf_event_open", libc::SYS_perf_event_open, "0, 0, 0, 0, 0"),
    ("userfaultfd", libc::SYS_userfaultfd, "1"),
    ("io_uring_setup", libc::SYS_io_uring_setup, "0, 0"),
    ("memfd_create", libc::SYS_memfd_create, "0, 0"),
    ("execveat", libc::SYS_execveat, "-1, 0, 0, 0, 0"),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, "-1, 0, 0"),
    ("a namespace beside a thread", libc::SYS_clone, "0x00020000 | 0x00010000, 0, 0, 0, 0"),
    ("a limit of its own", libc::SYS_prlimit64, "0, 7, 1, 0"),
    ("setuid", libc::SYS_setuid, "-1"),
];

/// `errno` of a call, in the jail or out of it.
fn errno(jailed: bool, number: i64, args: &str) -> i32 {
    let script = format!("$! = 0; syscall({number}, {args}); print $!+0");
    let ended = if jailed {
        perl(&[], &script)
    } else {
        end(std::process::Command::new("perl").args(["-e", &script]))
    };
    ended.printed().parse().unwrap()
}

#[test]
fn calls_that_reach_out_are_refused() {
    for (name, number, args) in REFUSED {
        assert_eq!(errno(true, *number, args), libc::EPERM, "{name}");
    }
}

#[test]
fn out_of_the_jail_the_same_calls_do_something_else() {
    // Or the jail's answer would prove nothing. Of those that need no privilege.
    for name in [
        "socket",
        "socketpair",
        "connect",
        "bind",
        "ptrace",
        "memfd_create",
        "execveat",
    ] {
        let (_, number, args) = REFUSED.iter().find(|row| row.0 == name).unwrap();
        assert_ne!(errno(false, *number, args), libc::EPERM, "{name}");
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_other_numbers_of_a_call_are_no_way_around() {
    let x32 = 0x4000_0000;
    assert_eq!(errno(true, x32 + libc::SYS_socket, "2, 1, 0"), libc::EPERM);
}

#[test]
fn no_process_is_made() {
    let forked = perl(&[], "defined(fork) ? print 'forked' : print $!");
    assert_eq!(forked.printed(), "Operation not permitted");
}

#[test]
fn threads_are_made() {
    let folder = Folder::new();
    let out = folder.at("out.mp4");
    let args = "-v error -f lavfi -i testsrc2=size=320x240 -frames:v 5 -c:v libx264 -threads 4";
    let program: Vec<&str> = ["ffmpeg"]
        .into_iter()
        .chain(args.split(' '))
        .chain([out.as_str()])
        .collect();
    run(&["--write", folder.path()], &program).printed();
    let args = "-v error -select_streams v -count_frames -show_entries stream=nb_read_frames \
                -of csv=p=0";
    let program: Vec<&str> = ["ffprobe"]
        .into_iter()
        .chain(args.split_whitespace())
        .chain([out.as_str()])
        .collect();
    assert_eq!(run(&["--read", &out], &program).printed(), "5\n");
}

#[test]
fn nobody_else_is_signalled() {
    // Signal 0 only asks whether it would be let.
    let others = "kill(0, getppid) ? print 'signalled' : print $!";
    assert_eq!(perl(&[], others).printed(), "Operation not permitted");
    assert_eq!(
        perl(&[], "print kill(0, $$), getpgrp == $$").printed(),
        "11"
    );
}

#[test]
fn ffmpeg_reaches_no_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/x.mp4", listener.local_addr().unwrap());
    let ended = end(jail(&[]).args(["ffprobe", "-v", "error", &url]));
    assert_ne!(ended.code, Some(0));
    let called = listener.accept().map(|(_, caller)| caller);
    assert_eq!(called.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
