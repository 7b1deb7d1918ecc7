//! Which parts of a query count under `/v/`.

use crate::path::{is_unreserved, unescape};

/// The parameters that count, sorted.
const KEPT: [&str; 9] = [
    "_HLS_msn",
    "_HLS_part",
    "_HLS_skip",
    "audio",
    "end",
    "key_format",
    "max_height",
    "start",
    "text",
];
/// Those that are whole numbers.
const NUMBERS: [&str; 3] = ["_HLS_msn", "_HLS_part", "max_height"];
/// Longest value, bytes. Chosen: times, languages and numbers are shorter.
const VALUE_LEN_MAX: usize = 64;
/// Most digits of a number: what fits 64 bits.
const DIGITS_MAX: usize = 19;
/// Segments, init files and images: their URIs carry no query.
const WITHOUT: [&str; 6] = [".m4s", ".mp4", ".jpg", ".png", ".webp", ".avif"];

/// Whether a query on this path counts at all.
pub(crate) fn counts(path: &str) -> bool {
    !WITHOUT.iter().any(|ending| path.ends_with(ending))
}

/// The parameters that count, once each and sorted; all else is dropped.
pub(crate) fn canonical(query: &str) -> Result<String, &'static str> {
    let mut values: [Option<String>; KEPT.len()] = Default::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        let Some(at) = KEPT.iter().position(|kept| name == kept.as_bytes()) else {
            continue;
        };
        if values[at].is_some() {
            return Err("a query parameter stands twice");
        }
        values[at] = Some(checked(KEPT[at], value)?);
    }
    let pairs = KEPT.iter().zip(values);
    let kept: Vec<_> = pairs
        .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
        .collect();
    Ok(kept.join("&"))
}

fn checked(name: &str, value: &str) -> Result<String, &'static str> {
    const MALFORMED: &str = "a query parameter is malformed";
    if value.len() > 3 * VALUE_LEN_MAX {
        return Err(MALFORMED);
    }
    let value = String::from_utf8(decode(value)?).map_err(|_| MALFORMED)?;
    let plain = |byte: u8| is_unreserved(byte) || b":,".contains(&byte);
    if value.is_empty() || value.len() > VALUE_LEN_MAX || !value.bytes().all(plain) {
        return Err(MALFORMED);
    }
    let number = value.len() <= DIGITS_MAX && value.bytes().all(|b| b.is_ascii_digit());
    let padded = value.len() > 1 && value.starts_with('0');
    if NUMBERS.contains(&name) && (!number || padded) {
        return Err(MALFORMED);
    }
    Ok(value)
}

fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' {
            unescape(&mut bytes)?
        } else {
            byte
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_sorted_and_the_rest_is_dropped() {
        for (query, kept) in [
            ("", ""),
            ("CMCD=br%3D1&_=123", ""),
            ("start=5&end=9.5", "end=9.5&start=5"),
            (
                "text=de,en&_HLS_msn=7&x&audio=en",
                "_HLS_msn=7&audio=en&text=de,en",
            ),
            ("_HLS_throughput=1&max_height=720", "max_height=720"),
            ("st%61rt=1", "start=1"),
            ("audio=e%6e", "audio=en"),
            ("key_format=identity", "key_format=identity"),
            ("_HLS_skip=YES&_HLS_part=0&&", "_HLS_part=0&_HLS_skip=YES"),
        ] {
            assert_eq!(canonical(query).as_deref(), Ok(kept), "{query}");
        }
    }

    #[test]
    fn what_is_doubled_or_malformed_is_refused() {
        let long = format!("start={}", "1".repeat(VALUE_LEN_MAX + 1));
        for query in [
            "start=1&start=1",
            "start=1&st%61rt=2",
            "start",
            "start=",
            "start=%",
            "x=1&%zz=2",
            "_HLS_msn=x",
            "_HLS_msn=07",
            "max_height=-1",
            "audio=a%2Fb",
            "text=a=b",
            "text=%ff",
            long.as_str(),
        ] {
            assert!(canonical(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_segment_carries_no_query() {
        assert!(!counts("/v/a/1/v720/0.m4s") && !counts("/v/a/1/poster.jpg"));
        assert!(counts("/v/a/master.m3u8") && counts("/v/a/manifest.mpd"));
    }
}
