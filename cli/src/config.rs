//! Settings: defaults, then the file, then the environment; flags come on top.

mod fault;
mod variable;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Table;

use self::{fault::Fault, variable::Variable};
use crate::exit::{Exit, error};

/// Read when no `--config` is given, if it is there.
const FILE: &str = "weir.toml";

/// All settings, by role.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) log: Log,
    pub(crate) admin: Admin,
    pub(crate) origin: origin::Config,
    pub(crate) store: store::Config,
    pub(crate) worker: packager::Config,
    pub(crate) outward: packager::outward::Config,
    pub(crate) edge: edge::Config,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `text` or `json`, one line an event. Default `text`.
    pub(crate) format: LogFormat,
    /// Levels by module, as in `info,edge=debug`. Default `info`.
    pub(crate) filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The listener that viewers never see.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    /// Address of `/metrics`, or `off`. Default 127.0.0.1:9090.
    pub(crate) listen: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9090".to_owned(),
        }
    }
}

impl Admin {
    /// The address, or `None` for `off`.
    pub(crate) fn address(&self) -> anyhow::Result<Option<SocketAddr>> {
        if self.listen == "off" {
            return Ok(None);
        }
        self.listen.parse().map(Some).map_err(|_| {
            error(
                Exit::Config,
                format!("admin.listen {:?} is no ADDRESS:PORT", self.listen),
            )
        })
    }
}

impl Config {
    /// Reads file and environment.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let named = file.map(Path::to_owned);
        let file = named.clone().unwrap_or_else(|| PathBuf::from(FILE));
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                String::new()
            }
            Err(fault) => {
                return Err(error(Exit::Config, format!("{}: {fault}", file.display())));
            }
        };
        let environment =
            variable::all(std::env::vars_os(), |warning| eprintln!("weir: {warning}"));
        Self::from_parts(&text, &environment).map_err(|fault| {
            let place = match fault {
                Fault::File(_) => file.display().to_string(),
                Fault::Variable(ref name, _) => format!("the variable {name}"),
            };
            error(Exit::Config, format!("{place}: {fault}"))
        })
    }

    /// The settings in a file's text, with those of the environment over them.
    fn from_parts(text: &str, environment: &[Variable]) -> Result<Self, Fault> {
        let mut table: Table = text.parse().map_err(Fault::File)?;
        // From text: an error then names its line.
        let mut config: Self = toml::from_str(text).map_err(Fault::File)?;
        for variable in environment {
            let refused = |fault| Fault::Variable(variable.name.clone(), fault);
            variable.set(&mut table);
            config = Self::deserialize(table.clone()).map_err(refused)?;
        }
        config.origin.store = config.store.clone();
        config.worker.outward = config.outward.clone();
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../weir.example.toml");

    fn environment(pairs: &[(&str, &str)]) -> Vec<Variable> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        variable::all(pairs, |_| {})
    }

    #[test]
    fn the_example_file_is_the_defaults() {
        let example = Config::from_parts(EXAMPLE, &[]).unwrap();
        // The one default that depends on the machine.
        let mut defaults = Config::default();
        defaults.worker.work_dir = example.worker.work_dir.clone();
        assert_eq!(example, defaults);
    }

    #[test]
    fn the_example_file_names_every_setting() {
        // A setting that the file leaves out could not be told from one it states: so
        // every key of the debug form, which is every field, must be in the file.
        let defaults = format!("{:#?}", Config::default());
        for line in defaults.lines() {
            let Some((field, _)) = line.trim().split_once(": ") else {
                continue;
            };
            let named = EXAMPLE.lines().any(|line| {
                // One that is unset by default stands behind a mark.
                let line = line.strip_prefix("# ").unwrap_or(line);
                line.split_once(" = ").is_some_and(|(key, _)| key == field)
                    || line == format!("[{field}]")
            });
            assert!(named, "{field} is not in weir.example.toml");
        }
    }

    #[test]
    fn the_environment_is_over_the_file() {
        let set = environment(&[
            ("WEIR_ORIGIN__LADDER", "[360]"),
            ("WEIR_ORIGIN__LISTEN", "127.0.0.1:1"),
            ("WEIR_UPLOAD_KEY", "not a setting"),
        ]);
        let config = Config::from_parts("[origin]\nlisten = \"127.0.0.1:2\"", &set).unwrap();
        assert_eq!(config.origin.ladder, [360]);
        assert_eq!(config.origin.listen.port(), 1);
    }

    #[test]
    fn what_is_refused_is_answered_with_what_to_write() {
        for (line, hint) in [
            ("rma = 1", "did you mean `ram`?"),
            ("acces_log = \"x\"", "did you mean `access_log`?"),
            ("banana = 1", "weir.example.toml lists all"),
            ("drain = 10", "as in \"10s\", \"5m\" or \"12h\""),
            ("drain = \"10x\"", "as in \"10s\", \"5m\" or \"12h\""),
            ("ram = \"10Q\"", "as in \"512MiB\""),
            ("listen = \"localhost\"", "as in \"127.0.0.1:8081\""),
            ("origins = \"http://o\"", "as in [\"one\", \"two\"]"),
            ("profile = \"cashe\"", "expected `cache` or `passthrough`"),
            ("profile = 7", "in quotes"),
        ] {
            let fault = Config::from_parts(&format!("[edge]\n{line}"), &[]).err();
            let said = fault.map(|fault| fault.to_string()).unwrap_or_default();
            assert!(
                said.contains(hint) && said.contains("line 2"),
                "{line}: {said}"
            );
            assert!(!said.contains("expected one of"), "{said}");
        }
    }

    #[test]
    fn a_variable_that_is_refused_is_named() {
        for (name, value) in [("WEIR_EDGE__RMA", "1"), ("WEIR_EDGE__RAM", "lots")] {
            let set = environment(&[("WEIR_EDGE__POP", "fra"), (name, value)]);
            let refused = Config::from_parts("", &set);
            assert!(matches!(refused, Err(Fault::Variable(told, _)) if told == name));
        }
    }
}
