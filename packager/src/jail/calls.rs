//! Which system calls: seccomp. A list of what is refused, since what ffmpeg and some two
//! hundred libraries need differs from one build to the next.

use std::collections::BTreeMap;

use rustix::process::getpid;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter, sock_filter,
};

use super::JailError;

/// Refused with EPERM whatever the arguments.
#[rustfmt::skip]
const REFUSED: &[i64] = &[
    // The network, and any way to another process by sockets.
    libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect, libc::SYS_bind,
    libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
    // Other processes: to look into, to hold, to signal beyond `kill`.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev,
    libc::SYS_process_madvise, libc::SYS_kcmp, libc::SYS_pidfd_open, libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal, libc::SYS_tkill, libc::SYS_rt_sigqueueinfo,
    // Out of the process group, which is what ends it.
    libc::SYS_setpgid, libc::SYS_setsid,
    // Another program, by ways that landlock does not see: a file in memory, a handle.
    libc::SYS_execveat, libc::SYS_memfd_create, libc::SYS_memfd_secret,
    libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at,
    // The file tree and namespaces.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
    libc::SYS_move_mount, libc::SYS_open_tree, libc::SYS_fsopen, libc::SYS_fsconfig,
    libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_mount_setattr,
    libc::SYS_unshare, libc::SYS_setns,
    // Files that landlock lets through: modes, owners, times, attributes; and truncation
    // by name, which it sees from Linux 6.2 on.
    libc::SYS_truncate, libc::SYS_fchmodat, libc::SYS_fchownat, libc::SYS_utimensat,
    libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_removexattr, libc::SYS_lremovexattr,
    // Large and often faulty parts of the kernel.
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key,
    libc::SYS_fanotify_init, libc::SYS_landlock_create_ruleset, libc::SYS_seccomp,
    // The machine, for a worker that is root.
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module,
    libc::SYS_kexec_load, libc::SYS_reboot, libc::SYS_swapon, libc::SYS_swapoff,
    libc::SYS_acct, libc::SYS_quotactl, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_clock_adjtime, libc::SYS_adjtimex, libc::SYS_sethostname,
    libc::SYS_setdomainname, libc::SYS_syslog, libc::SYS_vhangup, libc::SYS_personality,
    // Its own limits, and who it is.
    libc::SYS_setrlimit, libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid,
    libc::SYS_setregid, libc::SYS_setresuid, libc::SYS_setresgid, libc::SYS_setgroups,
    libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_capset,
    // Newer than libc's list, with the same number everywhere: fchmodat2, setxattrat,
    // removexattrat, open_tree_attr.
    452, 463, 466, 467,
];

/// The older names of some, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_fork, libc::SYS_vfork, libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown,
    libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_kexec_file_load,
    libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[libc::SYS_kexec_file_load];

/// Flags of `clone` that make a namespace.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Takes these calls from this process, and the right to gain privileges by executing.
pub(super) fn restrict(best_effort: bool) -> Result<(), JailError> {
    let filters = filters().map_err(|e| JailError::Seccomp(e.to_string()))?;
    for filter in &filters {
        match apply_filter(filter) {
            Err(_) if best_effort => break,
            applied => applied.map_err(|e| JailError::Seccomp(e.to_string()))?,
        }
    }
    Ok(())
}

fn filters() -> Result<[BpfProgram; 2], BackendError> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .iter()
        .chain(REFUSED_HERE)
        .map(|call| (*call, vec![]))
        .collect();
    refused.insert(libc::SYS_clone, new_processes()?);
    let others = || all(vec![differs(0, own_pid())?, differs(0, 0)?]);
    refused.insert(libc::SYS_kill, vec![others()?]);
    refused.insert(libc::SYS_tgkill, vec![all(vec![differs(0, own_pid())?])?]);
    // A change, of whomever: its third argument is the new limit.
    refused.insert(libc::SYS_prlimit64, vec![all(vec![differs(2, 0)?])?]);
    let mut refused = filter(refused, libc::EPERM)?;
    refused.splice(0..0, foreign_numbers());
    // Its flags are in memory, where no filter sees them; told that there is none, C
    // libraries use `clone`.
    let unknown = [(libc::SYS_clone3, vec![])].into();
    Ok([filter(unknown, libc::ENOSYS)?, refused])
}

fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<BpfProgram, BackendError> {
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

/// `clone` makes threads, not processes or namespaces.
fn new_processes() -> Result<Vec<SeccompRule>, BackendError> {
    let flag = |flag: i32, value: i32| {
        let (flag, value) = (
            u64::from(flag.unsigned_abs()),
            u64::from(value.unsigned_abs()),
        );
        all(vec![condition(0, SeccompCmpOp::MaskedEq(flag), value)?])
    };
    let no_thread = flag(libc::CLONE_THREAD, 0);
    std::iter::once(no_thread)
        .chain(NAMESPACES.map(|namespace| flag(namespace, namespace)))
        .collect()
}

/// Numbers from 2³⁰ up are x86's other list of calls (x32), which no filter of ours
/// names: refused before anything else is looked at.
fn foreign_numbers() -> [sock_filter; 3] {
    let op = |code, jf, k| sock_filter { code, jt: 0, jf, k };
    let refuse = u32::from(SeccompAction::Errno(libc::EPERM.unsigned_abs()));
    // Load the number; if it is not that high, jump over the next; return.
    [op(0x20, 0, 0), op(0x35, 1, 1 << 30), op(0x06, 0, refuse)]
}

fn own_pid() -> u64 {
    u64::from(getpid().as_raw_nonzero().get().unsigned_abs())
}

fn all(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions)
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    // All 64 bits would also tell apart two signed numbers of 32 bits that are the same.
    let len = match argument {
        2 => SeccompCmpArgLen::Qword,
        _ => SeccompCmpArgLen::Dword,
    };
    SeccompCondition::new(argument, len, operator, value)
}
