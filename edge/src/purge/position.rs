use std::{fmt, str::FromStr};

/// How much of the log its source had applied when an answer's bytes were asked for. Until
/// edges read the fleet's log, it counts the purges of this edge alone.
///
/// Written `<epoch>.<offset>`, both in decimal. The epoch is when its counter began, in
/// milliseconds since 1970: offsets of different epochs say nothing about one another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) epoch: u64,
    /// Purges that were in force; 0 is none.
    pub(crate) offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.offset)
    }
}

impl FromStr for Position {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "a position is <epoch>.<offset>, two whole numbers";
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten().ok_or(WHY)
        };
        let (epoch, offset) = text.split_once('.').ok_or(WHY)?;
        Ok(Self {
            epoch: number(epoch)?,
            offset: number(offset)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(epoch: u64, offset: u64) {
            let position = Position { epoch, offset };
            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in [
            "",
            "1",
            "1.",
            ".1",
            "+1.2",
            "1.2.3",
            "1.99999999999999999999",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
