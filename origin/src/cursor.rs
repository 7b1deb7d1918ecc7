//! Where a page of a list ended, as text that means nothing to clients.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::OriginError;

/// Longest cursor, bytes: four numbers and an id are 128.
const LEN_MAX: usize = 200;

/// What the last entry of a page was ordered by: numbers, then its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor<const N: usize> {
    pub(crate) numbers: [i64; N],
    pub(crate) id: String,
}

impl<const N: usize> Cursor<N> {
    pub(crate) fn to_text(&self) -> String {
        let numbers: String = self.numbers.iter().map(|n| format!("{n}.")).collect();
        BASE64_URL_SAFE_NO_PAD.encode(numbers + &self.id)
    }

    /// # Errors
    /// No page ended with it.
    pub(crate) fn parse(text: &str) -> Result<Self, OriginError> {
        Self::read(text).ok_or_else(|| {
            OriginError::BadRequest(
                "cursor is none of this list: take `next` of the page before, or leave it out"
                    .into(),
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(Some(text).filter(|text| text.len() <= LEN_MAX)?)
            .ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let mut parts = text.split('.');
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = parts.next()?.parse().ok()?;
        }
        let id = parts.next().filter(|id| !id.is_empty() && id.is_ascii())?;
        parts.next().is_none().then(|| Self {
            numbers,
            id: id.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = Cursor {
            numbers: [-10, i64::MAX],
            id: "a-1".into(),
        };
        assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
        let other = Cursor {
            numbers: [7],
            id: "a".into(),
        };
        let long = "A".repeat(LEN_MAX + 4);
        for bad in ["", "!", "e30", "MS4y", &other.to_text(), &long] {
            assert!(Cursor::<2>::parse(bad).is_err(), "{bad}");
        }
    }
}
