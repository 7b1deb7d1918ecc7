//! Lines of a playlist (RFC 8216bis §4.1), each with its number. Besides m3u8-rs, which
//! knows neither numbers of lines nor tags that are there twice.

use std::collections::BTreeMap;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A tag without its `#EXT`, and what follows its colon.
    Tag(&'a str, &'a str),
    Uri(&'a str),
}

/// Lines with their numbers, without comments and empty ones.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, Line<'_>)> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let line = match line.strip_prefix('#') {
            Some(tag) => {
                let tag = tag.strip_prefix("EXT")?;
                let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
                Line::Tag(name, value)
            }
            None if line.trim().is_empty() => return None,
            None => Line::Uri(line),
        };
        Some((at + 1, line))
    })
}

/// An attribute list (§4.2). Quotes are taken off.
pub(super) type Attributes<'a> = BTreeMap<&'a str, &'a str>;

pub(super) fn attributes(mut rest: &str) -> Result<Attributes<'_>, String> {
    let mut found = BTreeMap::new();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or_else(|| format!("{rest:?} in an attribute list has no ="))?;
        let valid = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(valid) {
            return Err(format!("{name:?} is no name of an attribute"));
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or_else(|| format!("{name} has no closing quote"))?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if found.insert(name, value).is_some() {
            return Err(format!("{name} is there twice"));
        }
        rest = match after.strip_prefix(',') {
            Some("") => return Err("an attribute list ends with a comma".to_owned()),
            Some(next) => next,
            None if after.is_empty() => after,
            None => return Err(format!("no comma after {name}")),
        };
    }
    Ok(found)
}

/// `n[@o]` (§4.4.4.2): length, and where it begins.
pub(super) fn byte_range(text: &str) -> Option<(u64, Option<u64>)> {
    match text.split_once('@') {
        Some((len, at)) => Some((len.parse().ok()?, Some(at.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_lists_read_as_the_rfc_writes_them() {
        let list = attributes("A=1,B=\"x,y=z\",C-2=1x2").unwrap();
        assert_eq!(
            list,
            BTreeMap::from([("A", "1"), ("B", "x,y=z"), ("C-2", "1x2")])
        );
        for bad in ["A", "a=1", "A=\"x", "A=\"x\"B=1", "A=1,A=2", "A=1,", "=1"] {
            assert!(attributes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_no_lines() {
        let found: Vec<_> = lines("#EXTM3U\n\n# x\n#EXTINF:4,\n0.m4s\r\n").collect();
        let expected = [
            (1, Line::Tag("M3U", "")),
            (4, Line::Tag("INF", "4,")),
            (5, Line::Uri("0.m4s")),
        ];
        assert_eq!(found, expected);
    }
}
