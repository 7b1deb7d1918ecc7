//! What goes wrong at an origin, and which answer it gets.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use store::StoreError;
use wire::{Problem, kind};

use crate::db;

/// What goes wrong at an origin.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Nothing of that name.
    #[error("{0}")]
    NotFound(String),
    /// The request can't be understood.
    #[error("{0}")]
    BadRequest(String),
    /// A key is missing or bad; the kind says which.
    #[error("{detail}")]
    Unauthorized {
        /// One of [`wire::kind`].
        kind: &'static str,
        /// What to do.
        detail: String,
    },
    /// The key is good for something else.
    #[error("{0}")]
    Forbidden(String),
    /// The asset will be playable soon.
    #[error("{0}")]
    NotYetPlayable(String),
    /// This form of the asset comes when it is whole.
    #[error("{0}")]
    NotYetWhole(String),
    /// The asset must be whole before it can be added to, or changed meanwhile.
    #[error("{0}")]
    NotSealed(String),
    /// The asset will never be playable.
    #[error("{0}")]
    PackagingFailed(String),
    /// Another attempt holds the job, or it has ended.
    #[error("this attempt no longer holds the job")]
    LeaseLost,
    /// The version has another init segment for this track.
    #[error("another init segment is stored for {0}")]
    InitMismatch(wire::TrackId),
    /// Too many requests wait already.
    #[error("{0}")]
    Overloaded(String),
    /// An upload's precondition fails; status and words as tus 1.0 has them.
    #[error("{detail}")]
    Upload {
        /// The answer's status.
        status: StatusCode,
        /// What to do.
        detail: String,
    },
    /// A piece of an upload does not follow what is there.
    #[error("go on from Upload-Offset {there_bytes}")]
    WrongOffset {
        /// What is there, bytes.
        there_bytes: u64,
    },
    /// What is uploaded can't become a stream.
    #[error("this is {0}: send video or sound. What came of it is deleted")]
    NotMedia(&'static str),
    /// It is not what the request's `If-Match` names any more.
    #[error("{0}")]
    Changed(String),
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.as_secs())]
    Silent(std::time::Duration),
    /// Another origin works on the same data.
    #[error("another origin works in {0}: stop it, or name another data_dir")]
    Locked(String),
    /// The body is longer than allowed.
    #[error("the body may have {max_bytes} bytes at most")]
    TooLarge {
        /// The limit, bytes.
        max_bytes: u64,
    },
    /// The catalogue is of a newer Weir.
    #[error(
        "the catalogue has schema {found}, and this weir knows up to {known}: \
         start a newer weir, or point data_dir elsewhere"
    )]
    NewerSchema {
        /// Schema of the catalogue.
        found: i64,
        /// Newest schema known here.
        known: i64,
    },
    /// A setting can't be.
    #[error("{0}")]
    Config(String),
    /// There is no whole backup to be made, or none to be restored.
    #[error("{0}")]
    Backup(String),
    /// A file of the origin's own can't be read or written.
    #[error("{action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The catalogue failed.
    #[error("catalogue")]
    Database(#[from] sqlx::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalogue holds what it must not.
    #[error("the catalogue is damaged: {0}")]
    Damaged(String),
}

impl OriginError {
    /// Uploads in parts have nowhere to go.
    pub(crate) fn no_bucket() -> Self {
        Self::Upload {
            status: StatusCode::NOT_IMPLEMENTED,
            detail: "this origin has no bucket to send parts to ([store]): upload by tus, to \
                     /api/uploads"
                .into(),
        }
    }

    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound(_) => (StatusCode::NOT_FOUND, kind::NOT_FOUND),
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, kind::BAD_REQUEST),
            Self::Unauthorized { kind, .. } => (StatusCode::UNAUTHORIZED, kind),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, kind::KEY_SCOPE),
            Self::NotYetPlayable(_) => (StatusCode::NOT_FOUND, kind::NOT_YET_PLAYABLE),
            Self::NotYetWhole(_) => (StatusCode::NOT_FOUND, kind::NOT_YET_WHOLE),
            Self::NotSealed(_) => (StatusCode::CONFLICT, kind::NOT_YET_WHOLE),
            Self::PackagingFailed(_) => (StatusCode::NOT_FOUND, kind::PACKAGING_FAILED),
            Self::LeaseLost => (StatusCode::CONFLICT, kind::LEASE_LOST),
            Self::InitMismatch(_) => (StatusCode::CONFLICT, kind::INIT_MISMATCH),
            Self::Overloaded(_) => (StatusCode::SERVICE_UNAVAILABLE, kind::OVERLOADED),
            Self::Upload { status, .. } => (*status, kind::BAD_REQUEST),
            Self::WrongOffset { .. } => (StatusCode::CONFLICT, kind::BAD_REQUEST),
            Self::NotMedia(_) => (StatusCode::UNPROCESSABLE_ENTITY, kind::NOT_MEDIA),
            Self::Changed(_) => (StatusCode::PRECONDITION_FAILED, kind::CHANGED_MEANWHILE),
            Self::Silent(_) => (StatusCode::REQUEST_TIMEOUT, kind::BAD_REQUEST),
            Self::Database(error) if db::passes(error) => {
                (StatusCode::SERVICE_UNAVAILABLE, kind::OVERLOADED)
            }
            Self::Database(error) if db::is_refused_text(error) => {
                (StatusCode::BAD_REQUEST, kind::BAD_REQUEST)
            }
            Self::TooLarge { .. } | Self::Store(StoreError::TooLarge { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, kind::TOO_LARGE)
            }
            Self::Store(StoreError::Full { .. }) => {
                (StatusCode::INSUFFICIENT_STORAGE, kind::STORAGE_FULL)
            }
            Self::Store(StoreError::Unreachable { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, kind::OVERLOADED)
            }
            Self::Store(StoreError::Body { .. }) => (StatusCode::BAD_REQUEST, kind::BAD_REQUEST),
            Self::Store(_)
            | Self::Database(_)
            | Self::NewerSchema { .. }
            | Self::Config(_)
            | Self::Backup(_)
            | Self::Locked(_)
            | Self::File { .. }
            | Self::Damaged(_) => (StatusCode::INTERNAL_SERVER_ERROR, kind::INTERNAL),
        }
    }

    /// Seconds after which asking again may help.
    fn retry_after_secs(&self) -> Option<u16> {
        match self {
            Self::NotYetPlayable(_)
            | Self::Overloaded(_)
            | Self::Store(StoreError::Unreachable { .. }) => Some(1),
            Self::Database(error) if db::passes(error) => Some(1),
            Self::NotYetWhole(_) | Self::NotSealed(_) => Some(5),
            Self::Store(StoreError::Full { .. }) => Some(60),
            _ => None,
        }
    }

    /// Caches may keep for one second what many ask for at once.
    fn cache_control(&self) -> &'static str {
        match self {
            Self::NotFound(_) | Self::NotYetPlayable(_) => "public, max-age=1",
            _ => "no-store",
        }
    }
}

impl IntoResponse for OriginError {
    fn into_response(self) -> Response {
        let (status, kind) = self.parts();
        let detail = match &self {
            _ if status == StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(error = &self as &dyn std::error::Error, "request failed");
                "the origin failed; its log says more".to_owned()
            }
            Self::Database(_) if status == StatusCode::BAD_REQUEST => {
                "a text has a character, such as U+0000, that can't be stored".to_owned()
            }
            Self::Database(_) => "the catalogue can't be reached: ask again".to_owned(),
            _ => self.to_string(),
        };
        if status == StatusCode::SERVICE_UNAVAILABLE
            && let Self::Store(_) | Self::Database(_) = &self
        {
            tracing::warn!(error = &self as &dyn std::error::Error, "request put off");
        }
        let offset = match self {
            Self::WrongOffset { there_bytes } => Some(there_bytes),
            _ => None,
        };
        let problem = Problem::new(status.as_u16(), kind, detail);
        let mut response = (status, problem.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(Problem::CONTENT_TYPE),
        );
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(self.cache_control()),
        );
        if let Some(offset) = offset {
            headers.insert("upload-offset", HeaderValue::from(offset));
        }
        if let Some(secs) = self.retry_after_secs() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
