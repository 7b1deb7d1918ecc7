//! ffmpeg and ffprobe, as this worker starts them.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use tokio::process::Command;

use super::{EXIT_REFUSED, Mode, Rules};
use crate::{Config, PackagerError};

/// This very program, also after its file was replaced by a newer one.
const LAUNCHER: &str = "/proc/self/exe";

/// The two programs and their jail.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) ffmpeg: PathBuf,
    pub(crate) ffprobe: PathBuf,
    pub(crate) jail: Jail,
}

/// What stands around them.
#[derive(Debug, Clone)]
pub(crate) enum Jail {
    /// The launcher, and the rules that hold for every program.
    Launcher { program: PathBuf, common: Rules },
    /// Nothing: the operator said so.
    Off,
}

/// What one run may touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access<'a> {
    /// Files, and folders with all that is below.
    pub(crate) read: &'a [PathBuf],
    /// The one folder that it may write to, and read.
    pub(crate) write: Option<PathBuf>,
}

impl Tools {
    pub(crate) fn of(config: &Config) -> Self {
        let common = Rules {
            read: config.jail_read.clone(),
            write: None,
            memory_bytes: config.jail_memory.as_u64(),
            file_len_max: config.jail_file_max.as_u64(),
            cpu_secs: None,
            best_effort: config.jail == Mode::BestEffort,
        };
        let jail = match config.jail {
            Mode::Off => Jail::Off,
            Mode::Required | Mode::BestEffort => Jail::Launcher {
                program: LAUNCHER.into(),
                common,
            },
        };
        Self {
            ffmpeg: config.ffmpeg.clone(),
            ffprobe: config.ffprobe.clone(),
            jail,
        }
    }

    /// A command to which the program's own arguments are to be added. It has none of
    /// this process's environment but `PATH` and `LANG`.
    pub(crate) fn command(&self, program: &Path, access: &Access<'_>) -> Command {
        let mut command = match &self.jail {
            Jail::Off => Command::new(program),
            Jail::Launcher {
                program: launcher,
                common,
            } => {
                let mut rules = common.clone();
                rules.read.extend_from_slice(access.read);
                rules.write.clone_from(&access.write);
                let mut command = Command::new(launcher);
                command.args(rules.arguments()).arg(program);
                command
            }
        };
        command.env_clear().envs(environment());
        command
    }

    /// The fault, where the launcher could not make the jail: then the program did not
    /// run, and the source is not to blame. Without a jail no status means that.
    pub(crate) fn refused(
        &self,
        program: &Path,
        status: ExitStatus,
        stderr: &str,
    ) -> Result<(), PackagerError> {
        let jailed = matches!(self.jail, Jail::Launcher { .. });
        if !jailed || status.code() != Some(i32::from(EXIT_REFUSED)) {
            return Ok(());
        }
        let said = stderr.lines().rev().find(|line| !line.trim().is_empty());
        Err(PackagerError::Tool {
            program: program.to_owned(),
            source: io::Error::other(said.unwrap_or("the jail refused it").to_owned()),
        })
    }
}

/// What a jailed program is told of ours: where programs are, and the language.
pub(super) fn environment() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let ours = |name: &'static str| Some((name, std::env::var_os(name)?));
    ["PATH", "LANG"].into_iter().filter_map(ours)
}

/// Where a bare name is in `PATH`; a path is what it is.
pub(super) fn find(program: &OsStr) -> io::Result<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return Ok(path.to_owned());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not in PATH"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn words(command: &Command) -> Vec<String> {
        let std = command.as_std();
        let program = std::iter::once(std.get_program());
        program
            .chain(std.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_run_is_told_the_common_rules_and_its_own() {
        let config = Config {
            jail_read: vec!["/opt/lib".into()],
            ..Config::default()
        };
        let tools = Tools::of(&config);
        let access = Access {
            read: &["/job/source".into()],
            write: Some("/job/out".into()),
        };
        let command = tools.command(&tools.ffprobe, &access);
        let expected = "/proc/self/exe jail --read /opt/lib --read /job/source --write /job/out \
                        --memory 8589934592 --file-max 137438953472 -- ffprobe";
        assert_eq!(words(&command).join(" "), expected);
    }

    #[test]
    fn only_the_operator_turns_the_jail_off() {
        let config = Config {
            jail: Mode::Off,
            ..Config::default()
        };
        let tools = Tools::of(&config);
        assert_eq!(
            words(&tools.command(&tools.ffmpeg, &Access::default())),
            ["ffmpeg"]
        );
        assert!(matches!(
            Tools::of(&Config::default()).jail,
            Jail::Launcher { .. }
        ));
    }

    #[test]
    fn a_jail_that_could_not_be_made_is_no_fault_of_the_source() {
        let tools = Tools::of(&Config::default());
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let refused = tools.refused(&tools.ffmpeg, exit(126), "weir jail: no landlock\n");
        assert!(matches!(refused, Err(PackagerError::Tool { .. })));
        assert!(tools.refused(&tools.ffmpeg, exit(1), "").is_ok());
    }
}
