//! `weir jail`: the launcher of ffmpeg and ffprobe. A worker starts it; nobody types it.

use std::process::ExitCode;

use packager::jail::{EXIT_REFUSED, Kernel, Mode, Rules, enter_and_exec};

use crate::args::JailArgs;

/// Becomes the program, or says why it did not. Before any thread is started, and
/// without settings: it gets all it must know on its command line.
pub(crate) fn run(args: JailArgs) -> ExitCode {
    let (rules, command) = args.into();
    let fault = match enter_and_exec(&rules, &command) {
        Err(fault) => fault,
        Ok(never) => match never {},
    };
    eprintln!("weir jail: {fault}");
    ExitCode::from(EXIT_REFUSED)
}

impl From<JailArgs> for (Rules, Vec<std::ffi::OsString>) {
    fn from(args: JailArgs) -> Self {
        let rules = Rules {
            read: args.read,
            write: args.write,
            memory_bytes: args.memory,
            file_len_max: args.file_max,
            cpu_secs: args.cpu,
            best_effort: args.best_effort,
        };
        (rules, args.command)
    }
}

/// What an operator should know of the jail that these settings give on this kernel;
/// `Err` where no jail can be made that they ask for.
pub(super) fn state(config: &packager::Config) -> Result<String, String> {
    let kernel = Kernel::look();
    match config.jail {
        Mode::Off => Ok(
            "off, by worker.jail: ffmpeg may read and reach all that this worker may".to_owned(),
        ),
        _ if kernel.suffices() => Ok(format!("{kernel}")),
        Mode::BestEffort => Ok(format!(
            "not whole, by worker.jail: {kernel}, so ffmpeg may do more than it needs"
        )),
        Mode::Required => Err(format!(
            "{kernel}, so ffmpeg can't be jailed; worker.jail = \"best-effort\" goes without"
        )),
    }
}

/// The jail is whole.
pub(super) fn is_whole(config: &packager::Config) -> bool {
    config.jail != Mode::Off && Kernel::look().suffices()
}

/// Logs what is not as it should be.
pub(super) fn warn(config: &packager::Config) {
    match state(config) {
        Ok(_) if is_whole(config) => {}
        Ok(state) | Err(state) => tracing::warn!("jail of ffmpeg: {state}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    #[test]
    fn what_a_worker_writes_the_launcher_reads() {
        let full = Rules {
            read: vec!["/a b/-c".into(), "--".into()],
            write: Some("/w".into()),
            memory_bytes: u64::MAX,
            file_len_max: 0,
            cpu_secs: Some(5),
            best_effort: true,
        };
        let least = Rules {
            read: vec![],
            write: None,
            memory_bytes: 1,
            file_len_max: 1,
            cpu_secs: None,
            best_effort: false,
        };
        for rules in [full, least] {
            let program = ["ffmpeg", "-i", "--", "--read"].map(Into::into);
            let args = std::iter::once("weir".into()).chain(rules.arguments());
            let Ok(Args {
                command: Command::Jail(read),
                ..
            }) = Args::try_parse_from(args.chain(program.clone()))
            else {
                panic!("{rules:?}")
            };
            assert_eq!(<(Rules, Vec<_>)>::from(read), (rules, program.to_vec()));
        }
    }

    #[test]
    fn a_jail_that_is_off_is_told() {
        let config = packager::Config {
            jail: Mode::Off,
            ..Default::default()
        };
        assert!(state(&config).unwrap().starts_with("off"));
        assert!(!is_whole(&config));
    }
}
