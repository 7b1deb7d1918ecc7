//! How a file is cut into parts, and whether all of them are there. Pure.

use serde_json::{Map, Value};
use store::Part;

use crate::OriginError;

/// Shortest and longest part but the last, bytes, and most parts of an object (S3).
const PART_BYTES: std::ops::RangeInclusive<u64> = 5 << 20..=5 << 30;
const PARTS_MAX: u64 = 10_000;

/// How a file is cut into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) file_bytes: u64,
    /// Each but the last has so many.
    pub(super) part_bytes: u64,
}

impl Layout {
    /// As Uppy cuts it, unless `partSize` says otherwise.
    ///
    /// # Errors
    /// `size` is missing, or such parts can't be.
    pub(super) fn of(metadata: &Map<String, Value>) -> Result<Self, OriginError> {
        let bad = |detail: &str| Err(OriginError::BadRequest(detail.to_owned()));
        let Some(file_bytes) = number(metadata, "size")? else {
            return bad(
                "the file's metadata lacks its size: uppy.on(\"file-added\", (file) => \
                 uppy.setFileMeta(file.id, { size: file.size }))",
            );
        };
        if file_bytes == 0 {
            return bad("the file is empty");
        }
        let part_bytes = match number(metadata, "partSize")? {
            Some(part_bytes) => part_bytes,
            None => file_bytes.div_ceil(PARTS_MAX).max(*PART_BYTES.start()),
        };
        if !PART_BYTES.contains(&part_bytes) || file_bytes.div_ceil(part_bytes) > PARTS_MAX {
            return bad("partSize must be 5 MiB to 5 GiB, and make 10,000 parts at most");
        }
        Ok(Self {
            file_bytes,
            part_bytes,
        })
    }

    fn count(self) -> u64 {
        self.file_bytes.div_ceil(self.part_bytes)
    }

    /// Length of a part, bytes, by its number from 1 on.
    pub(super) fn len_of(self, number: u64) -> Option<u64> {
        let before = number.checked_sub(1)?.checked_mul(self.part_bytes)?;
        let left = self.file_bytes.checked_sub(before)?;
        (left > 0).then_some(left.min(self.part_bytes))
    }

    /// Every part is there, as long as it must be, and is what its sender was told.
    ///
    /// # Errors
    /// Which is not, for whoever can send it again.
    pub(super) fn expect_whole(
        self,
        there: &[Part],
        told: &[(i32, String)],
    ) -> Result<(), OriginError> {
        for number in 1..=self.count() {
            let find = |part: &&Part| u64::try_from(part.number) == Ok(number);
            let Some(part) = there.iter().find(find) else {
                return Err(not_whole(format!("part {number} is not there: send it")));
            };
            let wanted = self.len_of(number).unwrap_or_default();
            if part.len_bytes != wanted {
                let has = part.len_bytes;
                return Err(not_whole(format!(
                    "part {number} has {has} bytes instead of {wanted}: send it again"
                )));
            }
            let told = told.iter().find(|(told, _)| *told == part.number);
            let Some((_, told)) = told else {
                return Err(not_whole(format!("the list lacks part {number}")));
            };
            let differs = part
                .etag
                .as_deref()
                .is_some_and(|it| bare(it) != bare(told));
            if differs {
                return Err(not_whole(format!(
                    "part {number} has another ETag than the list: send it again"
                )));
            }
        }
        match u64::try_from(there.len()) == Ok(self.count()) {
            true => Ok(()),
            false => Err(not_whole(format!(
                "there are more parts than {}: abort, and begin anew",
                self.count()
            ))),
        }
    }
}

fn not_whole(detail: String) -> OriginError {
    OriginError::Upload {
        status: http::StatusCode::CONFLICT,
        detail,
    }
}

/// Without quotes: not everybody keeps them.
fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// A number that is one, or text of one: form fields are text.
fn number(metadata: &Map<String, Value>, name: &str) -> Result<Option<u64>, OriginError> {
    let number = match metadata.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let number = number.filter(|it| i64::try_from(*it).is_ok());
    let bad = || OriginError::BadRequest(format!("metadata {name} is not a number of bytes"));
    number.map(Some).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn layout(metadata: Value) -> Result<Layout, OriginError> {
        Layout::of(metadata.as_object().unwrap())
    }

    #[test]
    fn parts_are_as_long_as_uppy_makes_them() {
        for (size, part, count, last) in [
            (1, 5 * MIB, 1, 1),
            (5 * MIB, 5 * MIB, 1, 5 * MIB),
            (12 * MIB, 5 * MIB, 3, 2 * MIB),
            // chunkSize = Math.ceil(fileSize / 10_000)
            (60_000 * MIB + 1, 6_291_457, 10_000, 6_281_458),
        ] {
            let cut = layout(json!({ "size": size })).unwrap();
            assert_eq!((cut.part_bytes, cut.count()), (part, count), "{size}");
            assert_eq!(cut.len_of(count), Some(last), "{size}");
            assert_eq!((cut.len_of(0), cut.len_of(count + 1)), (None, None));
        }
        let text = layout(json!({"size": "12582912", "partSize": "8388608"})).unwrap();
        assert_eq!((text.part_bytes, text.len_of(2)), (8 * MIB, Some(4 * MIB)));
    }

    #[test]
    fn what_can_not_be_cut_is_told() {
        for (metadata, word) in [
            (json!({}), "setFileMeta"),
            (json!({"size": 0}), "empty"),
            (json!({"size": -1}), "size is not"),
            (json!({"size": "many"}), "size is not"),
            (json!({"size": 9, "partSize": 1}), "5 MiB"),
            (json!({"size": 60_000 * MIB, "partSize": 5 * MIB}), "10,000"),
        ] {
            let fault = layout(metadata).unwrap_err().to_string();
            assert!(fault.contains(word), "{fault}");
        }
    }

    #[test]
    fn only_the_right_parts_are_a_whole() {
        let cut = layout(json!({"size": 12 * MIB})).unwrap();
        let part = |number, len_bytes| Part {
            number,
            len_bytes,
            etag: Some(format!("\"{number}\"")),
        };
        let there = [part(1, 5 * MIB), part(2, 5 * MIB), part(3, 2 * MIB)];
        let told: Vec<_> = (1..=3).map(|n| (n, n.to_string())).collect();
        cut.expect_whole(&there, &told).unwrap();
        let refused = |there: &[Part], told: &[(i32, String)], words: &str| {
            let fault = cut.expect_whole(there, told).unwrap_err().to_string();
            assert!(fault.contains(words), "{fault}");
        };
        refused(&there[1..], &told, "part 1 is not there");
        refused(&[part(1, 9), part(2, 5 * MIB)], &told, "part 1 has 9 bytes");
        refused(&there, &told[..2], "the list lacks part 3");
        let other = [told[0].clone(), (2, "x".to_owned()), told[2].clone()];
        refused(&there, &other, "part 2 has another ETag");
        let more = [&there[..], &[part(4, 1)]].concat();
        refused(&more, &told, "more parts than 3");
    }
}
