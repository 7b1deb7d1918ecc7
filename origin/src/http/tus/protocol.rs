//! Which protocol a request speaks: tus 1.0, or the IETF's draft "Resumable Uploads for HTTP"
//! (draft-ietf-httpbis-resumable-upload) in the versions of tus-js-client. Both work on the
//! same uploads.

use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::{
    VERSION,
    headers::{announced, has_body, has_piece, length, require_piece, set, text, told_length},
};
use crate::{
    OriginError,
    catalogue::{Length, UploadRow},
};

/// Header that names the draft's version.
pub(super) const DRAFT: &str = "upload-draft-interop-version";

/// What a piece is in drafts since version 6.
const PARTIAL: &str = "application/partial-upload";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tus,
    /// Interop version 5: draft -03.
    Draft5,
    /// Interop version 6: drafts -04 and -05.
    Draft6,
}

impl Protocol {
    /// # Errors
    /// 412: another version of tus, or none; 400: another version of the draft.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, OriginError> {
        match (text(headers, "tus-resumable"), text(headers, DRAFT)) {
            (Some(VERSION), _) => Ok(Self::Tus),
            (None, Some("5")) => Ok(Self::Draft5),
            (None, Some("6")) => Ok(Self::Draft6),
            (None, Some(_)) => Err(OriginError::BadRequest(
                "of the draft for resumable uploads, interop versions 5 and 6 are spoken here"
                    .into(),
            )),
            _ => Err(OriginError::Upload {
                status: StatusCode::PRECONDITION_FAILED,
                detail: format!("send Tus-Resumable: {VERSION}"),
            }),
        }
    }

    pub(super) fn is_draft(self) -> bool {
        self != Self::Tus
    }

    /// A creation brings bytes. In the draft any body is the file's, whatever its type.
    ///
    /// # Errors
    /// 415, for tus: the body is something else.
    pub(super) fn creation_brings(self, headers: &HeaderMap) -> Result<bool, OriginError> {
        if self.is_draft() {
            return Ok(has_body(headers) || self.completes(headers)?);
        }
        if has_body(headers) {
            require_piece(headers)?;
        }
        Ok(has_piece(headers))
    }

    /// # Errors
    /// 415: the body of a PATCH is something else than a piece.
    pub(super) fn require_piece(self, headers: &HeaderMap) -> Result<(), OriginError> {
        match self {
            Self::Tus => require_piece(headers),
            Self::Draft5 => Ok(()),
            Self::Draft6 if text(headers, "content-type") == Some(PARTIAL) => Ok(()),
            Self::Draft6 => Err(OriginError::Upload {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail: format!("Content-Type must be {PARTIAL}"),
            }),
        }
    }

    /// The body's end is the file's: `Upload-Complete: ?1`.
    pub(super) fn completes(self, headers: &HeaderMap) -> Result<bool, OriginError> {
        match text(headers, "upload-complete") {
            _ if !self.is_draft() => Ok(false),
            Some("?1") => Ok(true),
            Some("?0") => Ok(false),
            _ => Err(OriginError::BadRequest(
                "Upload-Complete must be ?0 or ?1".into(),
            )),
        }
    }

    /// Length of a new upload.
    pub(super) fn new_length(
        self,
        headers: &HeaderMap,
        max_bytes: u64,
    ) -> Result<Length, OriginError> {
        match self {
            Self::Tus => length(headers, max_bytes),
            _ => self.length(headers, (Length::Deferred { max_bytes }, 0)),
        }
    }

    /// Length of an upload, with what a piece of it tells.
    ///
    /// # Errors
    /// 400: it is another than before; 413: it is too large.
    pub(super) fn length(
        self,
        headers: &HeaderMap,
        (length, received_bytes): (Length, u64),
    ) -> Result<Length, OriginError> {
        let told = told_length(headers, (length, received_bytes))?;
        let end = match announced(headers) {
            Some(bytes) if self.completes(headers)? => received_bytes.saturating_add(bytes),
            _ => return Ok(told),
        };
        match told {
            Length::Deferred { max_bytes } if end > max_bytes => {
                Err(OriginError::TooLarge { max_bytes })
            }
            Length::Known(told) if end != told => Err(OriginError::BadRequest(format!(
                "with Upload-Complete: ?1 the body would end at {end}, and Upload-Length is {told}"
            ))),
            _ => Ok(Length::Known(end)),
        }
    }

    /// What an answer says besides, and its status where the draft has another.
    pub(super) fn tell(self, row: &UploadRow, headers: &mut HeaderMap) {
        if self.is_draft() {
            set(
                headers,
                "upload-complete",
                if row.is_whole() { "?1" } else { "?0" },
            );
            let limit = format!("max-size={}", row.length.max_bytes());
            set(headers, "upload-limit", &limit);
        }
    }
}

/// The version that an answer names: the one that was asked for.
pub(super) fn named(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers
        .get(DRAFT)
        .filter(|_| !headers.contains_key("tus-resumable"))?;
    Some(match asked.as_bytes() {
        b"5" => HeaderValue::from(5),
        _ => HeaderValue::from(6),
    })
}
