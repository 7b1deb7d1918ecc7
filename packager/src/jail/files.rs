//! Which files: landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};

use super::{JailError, Rules};

/// The least that a kernel must have: rules for files (Linux 5.13). What later versions
/// added is asked for too, and `calls` closes what an older one leaves open.
pub(super) const LEAST: ABI = ABI::V1;
/// The newest that this is written for: device ioctls (V5), signals and abstract sockets
/// out of the jail (V6).
const NEWEST: ABI = ABI::V6;

/// What programs need of the system: shared libraries and their index, and how many
/// processors there are. Those that are not there are left out.
const SYSTEM: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self/status",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
];

/// A program and its dynamic loader.
pub(super) struct Executable {
    pub(super) program: PathBuf,
    pub(super) loader: Option<PathBuf>,
}

/// Takes all files from this process but those of the rules. `false` where the kernel has
/// no landlock and the rules allow that.
pub(super) fn restrict(rules: &Rules, executable: &Executable) -> Result<bool, JailError> {
    let mut ruleset = ruleset(rules.best_effort)?;
    for path in SYSTEM.iter().map(Path::new).filter(|path| path.exists()) {
        ruleset = allow(ruleset, path, reading(path))?;
    }
    ruleset = allow(ruleset, Path::new("/dev/null"), {
        make_bitflags!(AccessFs::{ReadFile | WriteFile})
    })?;
    for path in &rules.read {
        ruleset = allow(ruleset, path, reading(path))?;
    }
    if let Some(folder) = &rules.write {
        if !folder.is_dir() {
            return Err(JailError::Path {
                path: folder.clone(),
                reason: "it is not a folder".to_owned(),
            });
        }
        ruleset = allow(ruleset, folder, writing())?;
    }
    for path in std::iter::once(&executable.program).chain(&executable.loader) {
        let running = make_bitflags!(AccessFs::{ReadFile | Execute});
        ruleset = allow(ruleset, path, running)?;
    }
    let status = ruleset
        .restrict_self()
        .map_err(|e| JailError::Landlock(e.to_string()))?;
    let held = status.ruleset != RulesetStatus::NotEnforced;
    if held || rules.best_effort {
        Ok(held)
    } else {
        Err(JailError::Landlock("it was not enforced".to_owned()))
    }
}

/// Handles all there is, so that whatever no rule allows is refused.
pub(super) fn ruleset(best_effort: bool) -> Result<RulesetCreated, JailError> {
    let fault = |e: landlock::RulesetError| JailError::Landlock(e.to_string());
    let least = if best_effort {
        CompatLevel::BestEffort
    } else {
        CompatLevel::HardRequirement
    };
    Ruleset::default()
        .set_compatibility(least)
        .handle_access(AccessFs::from_all(LEAST))
        .map_err(fault)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .map_err(fault)?
        .handle_access(AccessNet::from_all(NEWEST))
        .map_err(fault)?
        .scope(Scope::from_all(NEWEST))
        .map_err(fault)?
        .create()
        .map_err(fault)
}

fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, JailError> {
    let fault = |reason: String| JailError::Path {
        path: path.to_owned(),
        reason,
    };
    let opened = PathFd::new(path).map_err(|e| fault(e.to_string()))?;
    ruleset
        .add_rule(PathBeneath::new(opened, access))
        .map_err(|e| fault(e.to_string()))
}

fn reading(path: &Path) -> BitFlags<AccessFs> {
    if path.is_dir() {
        make_bitflags!(AccessFs::{ReadFile | ReadDir})
    } else {
        AccessFs::ReadFile.into()
    }
}

/// Plain files and folders: no device, socket, pipe or link is made, nothing is run.
fn writing() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir
    })
}
