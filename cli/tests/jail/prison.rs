//! Programs run in the jail.

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
};

pub(crate) const WEIR: &str = env!("CARGO_BIN_EXE_weir");
/// Enough for everything here.
pub(crate) const MEMORY: &str = "4294967296";

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The launcher's command line, with these rules besides memory and file length.
pub(crate) fn jail(rules: &[&str]) -> Command {
    let mut command = Command::new(WEIR);
    command
        .args(["jail", "--memory", MEMORY, "--file-max", "1000000"])
        .args(rules)
        .arg("--")
        .stdin(Stdio::null());
    command
}

/// Runs a program with these rules.
pub(crate) fn run(rules: &[&str], program: &[&str]) -> Ended {
    end(jail(rules).args(program))
}

/// A shell script; the shell's own words only, for it can start nothing.
pub(crate) fn shell(rules: &[&str], script: &str) -> Ended {
    run(rules, &["sh", "-c", script])
}

/// A Perl script: it can make any system call.
pub(crate) fn perl(rules: &[&str], script: &str) -> Ended {
    run(rules, &["perl", "-e", script])
}

pub(crate) fn end(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended {
        code: output.status.code(),
        signal: output.status.signal(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Ended {
    /// What it printed, where all went well.
    #[track_caller]
    pub(crate) fn printed(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""));
        self.out
    }

    /// It was not let, and said so.
    #[track_caller]
    pub(crate) fn was_denied(&self) {
        assert_ne!(self.code, Some(0), "{self:?}");
        assert!(self.err.contains("Permission denied"), "{self:?}");
    }

    /// The launcher did not run it, and said why.
    #[track_caller]
    pub(crate) fn was_refused(&self, why: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(126), ""), "{self:?}");
        assert!(self.err.starts_with("weir jail: "), "{self:?}");
        assert!(self.err.contains(why), "{self:?}");
    }
}

/// A folder with a file in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.at("inside"), "hello").unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        Path::new(&self.at(name)).exists()
    }
}
