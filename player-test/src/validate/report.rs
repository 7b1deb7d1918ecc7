//! What the validator has to say.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Findings kept of one rule; the others are counted. Chosen: enough to see a pattern.
const EACH_MAX: usize = 10;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A rule is broken.
    Error,
    /// It plays, but is not as it should be.
    Warning,
}

/// A rule of a standard, or one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    pub(super) source: &'static str,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the rule.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// URL or file, and line where there is one.
    pub place: String,
    /// What is wrong, with the numbers.
    pub words: String,
    /// Where the rule is from.
    pub source: &'static str,
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Playlists and manifests.
    pub documents: u64,
    /// Init, media and text segments.
    pub segments: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// All that is wrong with a presentation, as far as it was read.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Validation {
    /// What was read.
    pub checked: Checked,
    /// At most ten of each rule, in the order in which they were found.
    pub findings: Vec<Finding>,
    /// How many findings of a rule there are beyond these.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Validation {
    /// No rule is broken; there may be warnings.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// How many findings of a severity are told.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let alike = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(alike).count()
    }

    /// Tells a finding once, however often it is found.
    pub(super) fn add(&mut self, rule: Rule, place: &str, words: impl Into<String>) {
        let Rule {
            id,
            severity,
            source,
        } = rule;
        let finding = Finding {
            rule: id,
            severity,
            place: place.to_owned(),
            words: words.into(),
            source,
        };
        let of_rule = self.findings.iter().filter(|known| known.rule == id);
        if self.findings.contains(&finding) {
        } else if of_rule.count() < EACH_MAX {
            self.findings.push(finding);
        } else {
            *self.left_out.entry(id).or_default() += 1;
        }
    }
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let Finding {
                rule,
                place,
                words,
                source,
                ..
            } = finding;
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            writeln!(f, "{severity}: {rule}: {place}: {words} [{source}]")?;
        }
        for (rule, count) in &self.left_out {
            writeln!(f, "and {count} more of {rule}")?;
        }
        let Checked {
            documents,
            segments,
            bytes,
        } = self.checked;
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        write!(
            f,
            "{errors} errors, {warnings} warnings in {documents} documents and {segments} segments, {bytes} bytes"
        )
    }
}
