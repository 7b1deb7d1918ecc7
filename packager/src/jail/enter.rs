//! Into the jail, in the process that becomes ffmpeg.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::File,
    io::{self, Read},
    os::unix::{ffi::OsStringExt, fs::FileExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Resource, Rlimit, getpgrp, getpid, getrlimit, setpgid, setrlimit};

use super::{
    Rules, calls,
    files::{self, Executable},
    tools::{environment, find},
};

/// The launcher's exit code when the program was not run. ffmpeg has no such code.
pub const EXIT_REFUSED: u8 = 126;

/// Files that a program may have open: each output is a pipe, and a source is one or a
/// few. Chosen.
const FILES_MAX: u64 = 256;

/// Why the program was not run.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// It cannot be found or started.
    #[error("can't run {}: {source}", program.display())]
    Program {
        /// The program, as named.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path of the rules cannot be allowed.
    #[error("can't allow {}: {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A limit or the process group cannot be set.
    #[error("can't set {what}: {source}")]
    Limit {
        /// Which.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The kernel did not take the rules for files.
    #[error("can't restrict files (landlock): {0}")]
    Landlock(String),
    /// The kernel did not take the rules for system calls.
    #[error("can't restrict system calls (seccomp): {0}")]
    Seccomp(String),
}

/// Restricts this process to the rules, for good, and becomes the program. It must have
/// one thread: others would stay free until then.
///
/// # Errors
/// The program was not run. This process may already be restricted: it should end.
pub fn enter_and_exec(rules: &Rules, command: &[OsString]) -> Result<Infallible, JailError> {
    let [name, args @ ..] = command else {
        return Err(JailError::Program {
            program: PathBuf::new(),
            source: io::ErrorKind::NotFound.into(),
        });
    };
    let fault = |source| JailError::Program {
        program: name.into(),
        source,
    };
    let program = find(name).map_err(fault)?;
    let loader = loader(&program).map_err(fault)?;
    own_group()?;
    limit(rules)?;
    let executable = Executable { program, loader };
    files::restrict(rules, &executable)?;
    // Last: it also refuses what was used until here, such as setting limits.
    calls::restrict(rules.best_effort)?;
    let source = Command::new(&executable.program)
        .arg0(name)
        .args(args)
        .env_clear()
        .envs(environment())
        .exec();
    Err(fault(source))
}

/// So that whoever ends the group ends no one else.
fn own_group() -> Result<(), JailError> {
    if getpgrp() == getpid() {
        return Ok(());
    }
    setpgid(None, None).map_err(|e| JailError::Limit {
        what: "a process group",
        source: e.into(),
    })
}

fn limit(rules: &Rules) -> Result<(), JailError> {
    let limits = [
        (Resource::As, "the address space", Some(rules.memory_bytes)),
        (
            Resource::Fsize,
            "the length of files",
            Some(rules.file_len_max),
        ),
        (
            Resource::Nofile,
            "the number of open files",
            Some(FILES_MAX),
        ),
        (Resource::Core, "the length of a core dump", Some(0)),
        (Resource::Cpu, "the processor time", rules.cpu_secs),
    ];
    for (resource, what, value) in limits {
        if value.is_none() {
            continue;
        }
        // Whoever started us may have set a lower one, which only root raises.
        let value = value.into_iter().chain(getrlimit(resource).maximum).min();
        let limit = Rlimit {
            current: value,
            maximum: value,
        };
        setrlimit(resource, limit).map_err(|e| JailError::Limit {
            what,
            source: e.into(),
        })?;
    }
    Ok(())
}

/// The dynamic loader that an ELF program of 64 bits names (segment `PT_INTERP`): the
/// kernel executes it too. `None` for a static program. A script is not a program here,
/// since its interpreter could run any other.
fn loader(program: &Path) -> io::Result<Option<PathBuf>> {
    const INTERP: u32 = 3;
    let no_program = || io::Error::other("it is not a program of 64 bits");
    let mut file = File::open(program)?;
    let mut head = [0; 64];
    file.read_exact(&mut head).map_err(|_| no_program())?;
    // Magic, 64 bits, little-endian: every Linux that this is built for.
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return Err(no_program());
    }
    let table = number(&head[0x20..0x28]);
    let (len, count) = (number(&head[0x36..0x38]), number(&head[0x38..0x3a]));
    for n in 0..count {
        let mut entry = [0; 56];
        file.read_exact_at(&mut entry, table.saturating_add(n * len))?;
        if number(&entry[0..4]) == u64::from(INTERP) {
            // With a zero at its end. 4096: a path is never longer.
            let mut name = vec![0; number(&entry[0x20..0x28]).min(4096) as usize];
            file.read_exact_at(&mut name, number(&entry[0x08..0x10]))?;
            name.pop();
            return Ok(Some(OsString::from_vec(name).into()));
        }
    }
    Ok(None)
}

/// Little-endian, eight bytes at most.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn the_loader_of_a_program_is_a_file_that_is_there() {
        let program = find(OsStr::new("ffmpeg")).unwrap();
        let loader = loader(&program).unwrap().expect("ffmpeg is dynamic");
        assert!(loader.is_absolute() && loader.exists(), "{loader:?}");
    }

    #[test]
    fn a_script_or_rubbish_is_no_program() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        for bytes in [b"#!/bin/sh\necho\n".to_vec(), vec![0; 100], vec![]] {
            std::fs::write(&file, bytes).unwrap();
            assert!(loader(&file).is_err());
        }
    }
}
