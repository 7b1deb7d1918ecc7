//! The fields of tus 1.0, read and written.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use wire::UploadId;

use crate::{
    OriginError,
    catalogue::{Concat, Length},
};

/// Longest `Upload-Metadata`, bytes. Chosen.
const METADATA_MAX: usize = 4096;

/// Longest title, characters. Chosen.
const TITLE_MAX: usize = 200;

/// Most uploads that one is made of. Chosen: clients send in 2 to 20 parts.
const PARTS_MAX: usize = 256;

/// Media type of a piece of an upload.
const PIECE: &str = "application/offset+octet-stream";

/// The body is a piece of an upload.
pub(super) fn has_piece(headers: &HeaderMap) -> bool {
    let named = text(headers, "content-type").and_then(|text| text.split(';').next());
    named.is_some_and(|named| named.trim().eq_ignore_ascii_case(PIECE))
}

/// There is a body, as far as its head tells.
pub(super) fn has_body(headers: &HeaderMap) -> bool {
    announced(headers).map_or(headers.contains_key("transfer-encoding"), |bytes| bytes > 0)
}

/// Length of the body, bytes, where its head tells.
pub(super) fn announced(headers: &HeaderMap) -> Option<u64> {
    text(headers, "content-length")?.parse().ok()
}

/// # Errors
/// 415: the body is something else than a piece of an upload.
pub(super) fn require_piece(headers: &HeaderMap) -> Result<(), OriginError> {
    if has_piece(headers) {
        return Ok(());
    }
    Err(OriginError::Upload {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        detail: format!("Content-Type must be {PIECE}"),
    })
}

/// `Upload-Length`, or `Upload-Defer-Length: 1`; of `max_bytes` at most.
pub(super) fn length(headers: &HeaderMap, max_bytes: u64) -> Result<Length, OriginError> {
    let bad = |detail: &str| Err(OriginError::BadRequest(detail.to_owned()));
    match (
        headers.contains_key("upload-length"),
        text(headers, "upload-defer-length"),
    ) {
        (true, Some(_)) => bad("send Upload-Length or Upload-Defer-Length, not both"),
        (false, Some("1")) => Ok(Length::Deferred { max_bytes }),
        (false, Some(_)) => bad("Upload-Defer-Length must be 1"),
        (_, None) => match number(headers, "upload-length")? {
            length_bytes if length_bytes > max_bytes => Err(OriginError::TooLarge { max_bytes }),
            length_bytes => Ok(Length::Known(length_bytes)),
        },
    }
}

/// The length that a piece tells of an upload, whose length was deferred, or was not.
pub(super) fn told_length(
    headers: &HeaderMap,
    (length, received_bytes): (Length, u64),
) -> Result<Length, OriginError> {
    if !headers.contains_key("upload-length") {
        return Ok(length);
    }
    let bad = |detail: String| Err(OriginError::BadRequest(detail));
    let told = number(headers, "upload-length")?;
    match length {
        Length::Known(known) if known != told => bad(format!(
            "Upload-Length was {known}, and can't become {told}"
        )),
        Length::Deferred { max_bytes } if told > max_bytes => {
            Err(OriginError::TooLarge { max_bytes })
        }
        _ if told < received_bytes => bad(format!(
            "Upload-Length {told} is less than came already: {received_bytes}"
        )),
        _ => Ok(Length::Known(told)),
    }
}

/// `Upload-Concat`: `partial`, or `final;` and the URLs of uploads, between spaces.
pub(super) fn concat(headers: &HeaderMap) -> Result<Option<Concat>, OriginError> {
    let Some(value) = headers.get("upload-concat") else {
        return Ok(None);
    };
    let bad = |detail: String| OriginError::BadRequest(format!("Upload-Concat {detail}"));
    let value = value.to_str().unwrap_or_default();
    if value == "partial" {
        return Ok(Some(Concat::Part));
    }
    let urls = value
        .strip_prefix("final;")
        .ok_or_else(|| bad("must be partial, or final; and URLs of uploads".into()))?;
    let mut parts: Vec<UploadId> = Vec::new();
    for url in urls.split_ascii_whitespace() {
        let part = part(url).ok_or_else(|| bad(format!("names {url:?}, which is no upload")))?;
        if parts.contains(&part) {
            return Err(bad(format!("names {part} twice")));
        }
        parts.push(part);
        if parts.len() > PARTS_MAX {
            return Err(bad(format!("may name {PARTS_MAX} uploads at most")));
        }
    }
    match parts.is_empty() {
        true => Err(bad("names no upload".into())),
        false => Ok(Some(Concat::Whole(parts))),
    }
}

/// The upload of a URL, absolute or not.
fn part(url: &str) -> Option<UploadId> {
    let (folder, id) = url.rsplit_once('/')?;
    folder.ends_with("/api/uploads").then(|| id.parse().ok())?
}

pub(super) fn concat_text(concat: &Concat) -> String {
    match concat {
        Concat::Part => "partial".to_owned(),
        Concat::Whole(parts) => {
            let urls: Vec<String> = parts
                .iter()
                .map(|id| format!("/api/uploads/{id}"))
                .collect();
            format!("final;{}", urls.join(" "))
        }
    }
}

/// `Upload-Metadata` as it came.
pub(super) fn metadata(headers: &HeaderMap) -> Result<String, OriginError> {
    let metadata = text(headers, "upload-metadata").unwrap_or_default();
    if metadata.len() > METADATA_MAX {
        return Err(OriginError::BadRequest(format!(
            "Upload-Metadata may have {METADATA_MAX} bytes at most"
        )));
    }
    Ok(metadata.to_owned())
}

/// The file's name in `Upload-Metadata`, else in `Content-Disposition`, else "untitled".
pub(super) fn title(metadata: &str, headers: &HeaderMap) -> String {
    let pairs = metadata
        .split(',')
        .filter_map(|pair| pair.trim().split_once(' '));
    let name = pairs
        .filter(|(key, _)| matches!(*key, "filename" | "name"))
        .find_map(|(_, value)| BASE64_STANDARD.decode(value.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let name = name.or_else(|| disposed(text(headers, "content-disposition")?));
    shown(&name.unwrap_or_default()).unwrap_or_else(|| "untitled".to_owned())
}

/// A title as it is kept; `None` for one of nothing that can be seen.
pub(in crate::http) fn shown(title: &str) -> Option<String> {
    let shown: String = title
        .chars()
        .filter(|c| !c.is_control())
        .take(TITLE_MAX)
        .collect();
    (!shown.trim().is_empty()).then_some(shown)
}

/// The `filename="…"` of RFC 6266, where it is quoted.
fn disposed(disposition: &str) -> Option<String> {
    let (_, name) = disposition.split_once("filename=\"")?;
    Some(name.split_once('"')?.0.to_owned())
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn number(headers: &HeaderMap, name: &str) -> Result<u64, OriginError> {
    let text =
        text(headers, name).ok_or_else(|| OriginError::BadRequest(format!("{name} is missing")))?;
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number| i64::try_from(*number).is_ok())
        .ok_or_else(|| OriginError::BadRequest(format!("{name} is not a number of bytes")))
}

pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // What came in a header, or is made of letters and digits, can go in one.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_is_the_files_name() {
        let none = HeaderMap::new();
        let metadata = "filename YmJiLm1wNA==,filetype dmlkZW8vbXA0";
        assert_eq!(title(metadata, &none), "bbb.mp4");
        for unnamed in [
            "",
            "filename",
            "filename !!",
            "filename Cg==",
            "filename /w==",
        ] {
            assert_eq!(title(unnamed, &none), "untitled", "{unnamed:?}");
        }
        let mut named = HeaderMap::new();
        set(
            &mut named,
            "content-disposition",
            "attachment; filename=\"a b.mov\"",
        );
        assert_eq!(title("", &named), "a b.mov");
    }
}
