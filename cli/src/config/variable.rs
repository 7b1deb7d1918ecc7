//! Variables of the environment that are settings: `WEIR_EDGE__RAM` is `edge.ram`.

use std::ffi::OsString;

use toml::{Table, Value};

const PREFIX: &str = "WEIR_";
/// Those that flags read by themselves.
const OTHERS: [&str; 1] = ["WEIR_UPLOAD_KEY"];
/// What an orchestrator sets for a service that is called `weir`, or begins so.
const OF_SERVICES: [&str; 3] = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"];
const SECTIONS: [&str; 7] = [
    "LOG", "ADMIN", "ORIGIN", "STORE", "WORKER", "OUTWARD", "EDGE",
];

/// See the module.
pub(super) struct Variable {
    pub(super) name: String,
    section: String,
    key: String,
    value: Value,
}

/// Those among `environment`; of what looks like one and is none, `warn` is told.
pub(super) fn all(
    environment: impl Iterator<Item = (OsString, OsString)>,
    mut warn: impl FnMut(String),
) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Ok(name) = name.into_string() else {
            continue;
        };
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let Some((section, key)) = rest.split_once("__") else {
            if let Some(warning) = unknown(&name, rest) {
                warn(warning);
            }
            continue;
        };
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        variables.push(Variable {
            section,
            key,
            value: value_of(&value.to_string_lossy()),
            name,
        });
    }
    variables
}

impl Variable {
    pub(super) fn set(&self, table: &mut Table) {
        let section = table.entry(&self.section);
        let section = section.or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(self.key.clone(), self.value.clone());
        }
    }
}

/// What is wrong with a variable that is no setting.
fn unknown(name: &str, rest: &str) -> Option<String> {
    let is_of_service = |part: &str| name.ends_with(part) || name.contains(&format!("{part}_"));
    if OTHERS.contains(&name) || OF_SERVICES.into_iter().any(is_of_service) {
        return None;
    }
    let meant = SECTIONS.into_iter().find_map(|section| {
        let key = rest.strip_prefix(section)?.strip_prefix('_')?;
        Some(format!("; did you mean {PREFIX}{section}__{key}?"))
    });
    let hint = meant.unwrap_or_else(|| "; settings are as in WEIR_EDGE__RAM=1GiB".to_owned());
    Some(format!("the variable {name} is ignored{hint}"))
}

/// A value of the environment: TOML where it is (`8`, `true`, `[720, 360]`), else text.
fn value_of(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .filter(|value| !matches!(value, Value::Datetime(_) | Value::Table(_)))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn warned(name: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        let pairs = [(name.into(), "1".into())].into_iter();
        all(pairs, |warning| warnings.push(warning));
        warnings
    }

    #[test]
    fn what_looks_like_a_setting_and_is_none_is_warned_of() {
        for (name, hint) in [
            ("WEIR_EDGE_RAM", "did you mean WEIR_EDGE__RAM?"),
            ("WEIR_EDGE_CACHE_DIR", "did you mean WEIR_EDGE__CACHE_DIR?"),
            ("WEIR_RAM", "as in WEIR_EDGE__RAM"),
        ] {
            let warnings = warned(name);
            assert!(warnings.len() == 1 && warnings[0].contains(hint), "{name}");
            assert!(warnings[0].contains(name), "{name}");
        }
    }

    #[test]
    fn what_others_set_or_read_is_not_warned_of() {
        for name in [
            "WEIR_EDGE__RAM",
            "WEIR_UPLOAD_KEY",
            "WEIR_EDGE_SERVICE_HOST",
            "WEIR_EDGE_SERVICE_PORT_HTTP",
            "WEIR_EDGE_PORT",
            "WEIR_EDGE_PORT_8081_TCP_ADDR",
            "WEIRD_RAM",
        ] {
            assert!(warned(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn variables_that_are_no_text_are_others() {
        let bad = || OsString::from_vec(vec![0xff]);
        let pairs = [(bad(), bad()), ("X".into(), bad())];
        assert!(all(pairs.into_iter(), |_| panic!("a warning")).is_empty());
    }
}
