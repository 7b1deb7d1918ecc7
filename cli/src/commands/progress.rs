//! How far something is: a bar on a terminal, a line now and then elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// Per cent between two lines. Chosen: a log stays short, and shows that it goes on.
const LINE_EVERY: u64 = 10;

/// Shows how far something is, on standard error. Dropping it takes the bar away.
pub(super) struct Progress {
    bar: ProgressBar,
    lines: Option<Lines>,
}

impl Progress {
    /// `template` is that of the bar.
    pub(super) fn new(template: &str, length: u64) -> anyhow::Result<Self> {
        let bar = ProgressBar::new(length).with_style(ProgressStyle::with_template(template)?);
        let lines = bar.is_hidden().then(Lines::default);
        Ok(Self { bar, lines })
    }

    /// `done` of `all` of this stage.
    pub(super) fn show(&mut self, stage: &str, done: u64, all: u64, remark: String) {
        self.bar.set_length(all);
        self.bar.set_prefix(stage.to_owned());
        self.bar.set_position(done);
        self.bar.set_message(remark);
        let line = self.lines.as_mut().and_then(|l| l.at(stage, done, all));
        if let Some(line) = line {
            eprintln!("{line}");
        }
    }

    /// Prints without the bar in the way.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Which lines are due.
#[derive(Debug, Default)]
struct Lines {
    /// Stage and step of the last one.
    told: Option<(String, u64)>,
}

impl Lines {
    /// The line to print, if this stage or this tenth of it is new.
    fn at(&mut self, stage: &str, done: u64, all: u64) -> Option<String> {
        let percent = (done * 100).checked_div(all).unwrap_or(100).min(100);
        let now = (stage.to_owned(), percent / LINE_EVERY);
        if self.told.as_ref() == Some(&now) {
            return None;
        }
        self.told = Some(now);
        Some(format!("{stage} {percent} %"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_at_each_tenth_and_at_each_stage() {
        let mut lines = Lines::default();
        let seen = [
            ("queued", 0),
            ("queued", 0),
            ("encode", 0),
            ("encode", 9),
            ("encode", 10),
            ("encode", 19),
            ("encode", 35),
            ("publish", 35),
            ("publish", 100),
        ];
        let told: Vec<_> = seen
            .iter()
            .filter_map(|(stage, done)| lines.at(stage, *done, 100))
            .collect();
        let due = [
            "queued 0 %",
            "encode 0 %",
            "encode 10 %",
            "encode 35 %",
            "publish 35 %",
            "publish 100 %",
        ];
        assert_eq!(told, due);
    }

    #[test]
    fn nothing_of_nothing_is_all_of_it() {
        let line = Lines::default().at("upload", 0, 0);
        assert_eq!(line.as_deref(), Some("upload 100 %"));
    }
}
