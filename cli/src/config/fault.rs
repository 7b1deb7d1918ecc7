//! What is wrong with a setting, and what to write in its place.

use std::fmt;

/// See the module. Says so without naming its place.
#[derive(Debug)]
pub(super) enum Fault {
    File(toml::de::Error),
    /// In the variable of this name.
    Variable(String, toml::de::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::File(fault) | Self::Variable(_, fault)) = self;
        let (said, message) = (fault.to_string(), fault.message());
        let hint = hint(message);
        if let Some((unknown, _)) = message.split_once(", expected one of") {
            // Of dozens of names the one that was meant is not found.
            let before = said.split(message).next().unwrap_or_default();
            return write!(f, "{before}{unknown}{hint}");
        }
        write!(f, "{}{hint}", said.trim_end())
    }
}

/// What to do, by what the parser says.
fn hint(message: &str) -> String {
    for (said, hint) in [
        (
            "expected a duration",
            "; write a time as in \"10s\", \"5m\" or \"12h\"",
        ),
        (
            "expected parsable string",
            "; write a size as in \"512MiB\" or \"64GiB\"",
        ),
        ("socket address", "; write IP:PORT as in \"127.0.0.1:8081\""),
        (
            "expected a sequence",
            "; write a list as in [\"one\", \"two\"]",
        ),
        (
            "expected a map",
            "; write a table as in { \"200\" = \"1h\" }",
        ),
        (
            "wanted string or table",
            "; write one of its words in quotes",
        ),
    ] {
        if message.contains(said) {
            return hint.to_owned();
        }
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    if !message.starts_with("unknown field") {
        return String::new();
    }
    let written = quoted.next().unwrap_or_default();
    let near = quoted
        .map(|name| (distance(written, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min();
    match near {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None => "; weir.example.toml lists all there are".to_owned(),
    }
}

/// How many bytes are to be added, taken away, changed, or swapped with the next, at least,
/// to make one of the other (Damerau and Levenshtein; what was swapped stays).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && (a[i - 1], a[i - 2]) == (b[j - 2], b[j - 1]) {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_is_one_change() {
        for (a, b, far) in [
            ("rma", "ram", 1),
            ("ram", "ram", 0),
            ("", "ab", 2),
            ("lisen", "listen", 1),
        ] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }
}
