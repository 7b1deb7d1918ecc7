//! Exit codes, for scripts.

use std::{fmt, process::ExitCode};

/// What a script can tell apart. The table in `weir --help` and in the docs is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did not work, for a reason told in the message.
    Failed = 1,
    // 2 is clap's: the command line can't be understood.
    /// A setting can't be.
    Config = 3,
    /// A port is taken, or an address is not ours.
    Listen = 4,
    /// The origin does not answer.
    Unreachable = 5,
    /// The origin or the packager refused the file.
    Refused = 6,
    /// The stream is broken, or breaks a rule.
    Broken = 7,
    /// The machine lacks something.
    Lacking = 8,
    /// The store and the catalogue differ.
    Unsound = 9,
    /// A second signal came before all had stopped. As shells tell of SIGINT: 128 + 2.
    Interrupted = 130,
}

/// The table, for `--help`.
pub(crate) const TABLE: &str = "Exit codes:
  0  done
  1  failed, for the reason told
  2  the command line can't be understood
  3  a setting can't be
  4  a port is taken, or an address is not this host's
  5  the origin, or the edge, does not answer, or says that it can't now (502 to 504)
  6  the file, or what was asked for, was refused
  7  the stream is broken (weir play) or breaks a rule (weir validate)
  8  the machine lacks something (weir doctor)
  9  the store lacks something, or has what nothing names (weir store fsck)
  130  a second signal ended it at once";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that ends the program with a code of its own.
#[derive(Debug)]
struct Coded {
    exit: Exit,
    message: String,
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

/// An error with a code.
pub(crate) fn error(exit: Exit, message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Coded {
        exit,
        message: message.into(),
    })
}

/// The code that an error ends the program with.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Coded>())
        .map_or(Exit::Failed, |c| c.exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../docs/operating.md");

    /// Code and meaning, where a line has them.
    fn row(code: &str, meaning: &str) -> Option<(u8, String)> {
        let meaning = meaning.trim().replace('`', "");
        Some((code.trim().parse().ok()?, meaning))
    }

    #[test]
    fn help_and_manual_tell_the_same_codes() {
        let told: Vec<_> = TABLE
            .lines()
            .filter_map(|line| line.trim().split_once(' '))
            .filter_map(|(code, meaning)| row(code, meaning))
            .collect();
        let manual: Vec<_> = MANUAL
            .lines()
            .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|')?.split_once('|'))
            .filter_map(|(code, meaning)| row(code, meaning))
            .collect();
        assert_eq!(told, manual);
        assert!(
            told.iter()
                .any(|(code, _)| *code == Exit::Interrupted as u8)
        );
    }
}
