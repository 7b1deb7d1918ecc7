//! What this kernel has of what a jail is made of.

use std::fmt;

use super::files;

/// The two parts that depend on the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Rules for files: Linux 5.13 and later, where it is turned on.
    pub landlock: bool,
    /// Rules for system calls.
    pub seccomp: bool,
}

impl Kernel {
    /// Looks, and changes nothing of this process.
    #[must_use]
    pub fn look() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            landlock: files::ruleset(false).is_ok(),
            seccomp: status.lines().any(|line| line.starts_with("Seccomp:")),
        }
    }

    /// A jail can be made that lacks nothing.
    #[must_use]
    pub fn suffices(self) -> bool {
        self.landlock && self.seccomp
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.landlock, self.seccomp) {
            (true, true) => "this kernel has landlock and seccomp",
            (true, false) => "this kernel has no seccomp",
            (false, true) => "this kernel has no landlock",
            (false, false) => "this kernel has neither landlock nor seccomp",
        })
    }
}
