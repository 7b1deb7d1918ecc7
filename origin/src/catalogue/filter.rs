//! Conditions of a question, with what is bound to them: SQL is made of our words alone.

use sqlx::{Any, any::AnyArguments, query::QueryAs};

/// Conditions that all must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    conditions: Vec<String>,
    binds: Vec<Bind>,
}

#[derive(Debug)]
enum Bind {
    Text(String),
    Number(i64),
}

impl Filter {
    pub(super) fn and(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    /// The placeholder of a text.
    pub(super) fn text(&mut self, text: impl Into<String>) -> String {
        self.binds.push(Bind::Text(text.into()));
        format!("${}", self.binds.len())
    }

    /// The placeholder of a number.
    pub(super) fn number(&mut self, number: i64) -> String {
        self.binds.push(Bind::Number(number));
        format!("${}", self.binds.len())
    }

    /// `WHERE …`; nothing where there is no condition.
    pub(super) fn sql(&self) -> String {
        match self.conditions.as_slice() {
            [] => String::new(),
            conditions => format!("WHERE {}", conditions.join(" AND ")),
        }
    }

    pub(super) fn bind<'q, O>(
        self,
        mut query: QueryAs<'q, Any, O, AnyArguments>,
    ) -> QueryAs<'q, Any, O, AnyArguments> {
        for bind in self.binds {
            query = match bind {
                Bind::Text(text) => query.bind(text),
                Bind::Number(number) => query.bind(number),
            };
        }
        query
    }
}

/// A pattern for `LIKE … ESCAPE '!'` that finds a text with this in it.
pub(super) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
