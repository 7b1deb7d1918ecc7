//! Styles: what a line looks like where nothing in it says otherwise.

use std::collections::HashMap;

use super::fields;

/// What of a text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Bold,
    Italic,
    Underlined,
}

impl Mark {
    pub(super) const ALL: [Self; 3] = [Self::Bold, Self::Italic, Self::Underlined];

    /// Its tag in WebVTT, and its override in ASS.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Bold => 'b',
            Self::Italic => 'i',
            Self::Underlined => 'u',
        }
    }

    /// Its column among the styles.
    fn column(self) -> &'static str {
        match self {
            Self::Bold => "bold",
            Self::Italic => "italic",
            Self::Underlined => "underline",
        }
    }
}

/// The styles of a file, as far as they mark a text.
#[derive(Debug, Default)]
pub(super) struct Styles {
    pub(super) columns: Vec<String>,
    /// Lines are broken where they say so alone (`WrapStyle: 2`).
    pub(super) breaks: bool,
    marks: HashMap<String, Vec<Mark>>,
}

impl Styles {
    pub(super) fn add(&mut self, line: &str) {
        let mut name = None;
        let mut marks = Vec::new();
        for (column, value) in fields(line, &self.columns) {
            let value = value.trim();
            if column == "name" {
                name = Some(value);
            }
            // -1 is yes, 0 no; of bold others are weights.
            let is_set = value.parse::<i32>().is_ok_and(|value| value != 0);
            let mark = Mark::ALL.into_iter().find(|mark| mark.column() == column);
            // A column may come twice.
            marks.extend(mark.filter(|mark| is_set && !marks.contains(mark)));
        }
        if let Some(name) = name {
            self.marks.insert(plain(name), marks);
        }
    }

    pub(super) fn of(&self, name: &str) -> Vec<Mark> {
        self.marks.get(&plain(name)).cloned().unwrap_or_default()
    }
}

/// Old files have a star before the names of some styles.
fn plain(name: &str) -> String {
    name.trim().trim_start_matches('*').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_kept_once_however_many_columns_set_it() {
        let bold = vec!["bold".to_owned(); 100_000];
        let mut styles = Styles {
            columns: [vec!["name".to_owned()], bold].concat(),
            ..Styles::default()
        };
        styles.add(&format!("x{}", ",1".repeat(100_000)));
        assert_eq!(styles.of("x"), [Mark::Bold]);
    }
}
