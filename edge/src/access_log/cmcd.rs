//! What players say of themselves (CTA-5004, Common Media Client Data).
//!
//! Read leniently: what is no pair is left out, and the rest is kept.

use serde_json::{Map, Number, Value};

/// Longest data of one request that is read, bytes; the rest is left out. Chosen: all keys of
/// version 2 are under 1 KiB.
const LEN_MAX: usize = 4096;
/// Most keys. Version 2 has about fifty.
const KEYS_MAX: usize = 64;
/// Longest key and text, bytes. CTA-5004 §2 allows 64 for ids; `nor` is a path.
const KEY_LEN_MAX: usize = 64;
const TEXT_LEN_MAX: usize = 256;

/// The data in a query's `CMCD=`, still escaped.
pub(super) fn in_query(query: &str) -> Option<String> {
    let pairs = query.split('&');
    let data = pairs.filter_map(|pair| pair.strip_prefix("CMCD=")).next()?;
    Some(unescape(data))
}

/// What is escaped, and a `+` for what it is; a broken escape stays as it is.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match crate::path::unescape(&mut ahead) {
            Ok(escaped) if byte == b'%' => {
                out.push(escaped);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Adds the pairs of `data` to what was found; the first of a key counts.
pub(super) fn read(data: &str, found: &mut Map<String, Value>) {
    let end = (0..=data.len().min(LEN_MAX))
        .rev()
        .find(|end| data.is_char_boundary(*end));
    for pair in split(&data[..end.unwrap_or(0)]) {
        if found.len() >= KEYS_MAX {
            return;
        }
        let (key, value) = match pair.split_once('=') {
            Some((key, value)) => (key.trim(), value_of(value.trim())),
            // A key alone is true.
            None => (pair, Some(Value::Bool(true))),
        };
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let good = !key.is_empty() && key.len() <= KEY_LEN_MAX && key.bytes().all(is_key);
        if let Some(value) = value.filter(|_| good) {
            found.entry(key).or_insert(value);
        }
    }
}

/// Splits at commas outside quotes and parentheses (version 2 has lists).
fn split(data: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_u32);
    let parts = data.split(move |c| {
        let here = quoted || depth > 0;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && !here
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// A number, a truth, or text; none if it is too long.
fn value_of(text: &str) -> Option<Value> {
    if let Some(inner) = text.strip_prefix('"') {
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        let plain = inner.replace("\\\"", "\"").replace("\\\\", "\\");
        return (plain.len() <= TEXT_LEN_MAX).then_some(Value::String(plain));
    }
    match text {
        "true" | "?1" => return Some(Value::Bool(true)),
        "false" | "?0" => return Some(Value::Bool(false)),
        _ => {}
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let looks = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let number = text
        .parse()
        .ok()
        .filter(|_| looks)
        .and_then(Number::from_f64);
    match number {
        Some(number) => Some(Value::Number(number)),
        None => (text.len() <= TEXT_LEN_MAX).then(|| text.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(data: &str) -> Value {
        let mut found = Map::new();
        read(data, &mut found);
        Value::Object(found)
    }

    #[test]
    fn each_key_has_its_type() {
        for (data, found) in [
            (
                "bl=21300,br=3200,bs,cid=\"faec5fc2\",d=4004,ot=v,pr=1.5,sf=h,su=false",
                json!({"bl": 21300, "br": 3200, "bs": true, "cid": "faec5fc2", "d": 4004,
                    "ot": "v", "pr": 1.5, "sf": "h", "su": false}),
            ),
            (
                "nor=\"..%2F300kbps%2Fa,b.m4s\"",
                json!({"nor": "..%2F300kbps%2Fa,b.m4s"}),
            ),
            ("cid=\"a\\\"b\"", json!({"cid": "a\"b"})),
            (
                "br=(1;v 2;a),com.x-y=1",
                json!({"br": "(1;v 2;a)", "com.x-y": 1}),
            ),
            (" bl = 1 , , br=2", json!({"bl": 1, "br": 2})),
            ("br=1,br=2", json!({"br": 1})),
            ("", json!({})),
        ] {
            assert_eq!(of(data), found, "{data}");
        }
    }

    #[test]
    fn what_is_no_pair_or_too_long_is_left_out() {
        let long = format!("cid=\"{}\",br=1", "x".repeat(TEXT_LEN_MAX + 1));
        for data in ["=1,br=1", "b r=2,br=1", "ä=2,br=1", &long] {
            assert_eq!(of(data), json!({"br": 1}), "{data}");
        }
        let many: String = (0..100).map(|n| format!("k{n}=1,")).collect();
        assert_eq!(of(&many).as_object().unwrap().len(), KEYS_MAX);
        assert_eq!(of(&"x=1,".repeat(10_000)), json!({"x": 1}));
    }

    #[test]
    fn a_query_has_it_escaped() {
        assert_eq!(
            in_query("a=1&CMCD=br%3D1%2Cbs&b"),
            Some("br=1,bs".to_owned())
        );
        assert_eq!(in_query("CMCD=%zz%4"), Some("%zz%4".to_owned()));
        assert_eq!(in_query("cmcd=1"), None);
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_sends_can_panic_it(data in "\\PC{0,200}") {
            let mut found = Map::new();
            read(&data, &mut found);
            in_query(&data);
        }
    }
}
