//! Why a worker, or one attempt at a job, ends.

use std::{io, path::PathBuf, time::Duration};

use http::StatusCode;

/// What a worker cannot go on from; most variants end one attempt only.
#[derive(Debug, thiserror::Error)]
pub enum PackagerError {
    /// The origin's URL is not one that this worker can call.
    #[error("cannot call origin {url:?}: {reason}")]
    OriginUrl {
        /// The URL, as configured.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The origin does not accept the join token; asking again changes nothing.
    #[error("the origin refuses the join token (status {status})")]
    JoinRefused {
        /// Its answer.
        status: StatusCode,
    },
    /// ffmpeg or ffprobe cannot be started.
    #[error("cannot run {program}")]
    Tool {
        /// The program, as configured.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The work folder cannot be written.
    #[error("cannot use work folder {path}")]
    WorkDir {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder that packages are written to is not usable.
    #[error("cannot write {path}")]
    Output {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another attempt holds the job, or its key opens nothing any more.
    #[error("lease lost")]
    LeaseLost,
    /// The asset was deleted.
    #[error("job cancelled")]
    Cancelled,
    /// The worker is shutting down.
    #[error("the worker is shutting down")]
    Stopped,
    /// The origin did not answer in time.
    #[error("no answer to {request} for {waited:?}: {reason}")]
    Unreachable {
        /// What was asked.
        request: String,
        /// How long it was repeated.
        waited: Duration,
        /// The last fault.
        reason: String,
    },
    /// The origin answered and meant it.
    #[error("{request} was answered {status} {kind}")]
    Refused {
        /// What was asked.
        request: String,
        /// Its answer.
        status: StatusCode,
        /// The kind of problem, empty if it named none.
        kind: String,
    },
    /// The key server gave no keys.
    #[error("the key server {server} gives no keys: {reason}")]
    KeyServer {
        /// Its scheme, host and port: the rest of its address may be secret.
        server: String,
        /// It would answer the same again.
        permanent: bool,
        /// What it did instead; nothing of what it sent.
        reason: String,
    },
    /// What is outside of the fleet cannot be called as the settings say.
    #[error(transparent)]
    Outward(crate::outward::OutwardError),
    /// The source cannot be packaged, now or later: words for the uploader.
    #[error("{0}")]
    Source(String),
    /// ffmpeg failed or wrote what it should not; another attempt may succeed.
    #[error("the encoder failed: {0}")]
    Encoder(String),
}

impl PackagerError {
    /// Another attempt at the same job would end the same way.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Source(_) => true,
            Self::KeyServer { permanent, .. } => *permanent,
            Self::Refused { kind, .. } => kind == wire::kind::INIT_MISMATCH,
            _ => false,
        }
    }

    /// The metric label and log field of an attempt that ends so.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::LeaseLost => "lease-lost",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::Source(_) => "source-refused",
            Self::KeyServer { .. } => "no-keys",
            Self::Unreachable { .. } => "origin-unreachable",
            _ => "failed",
        }
    }
}
