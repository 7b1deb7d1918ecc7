//! Blobs as objects of an S3 bucket.
//!
//! What differs between servers is kept away from: no checksums but those that S3 requires
//! (parts and answers are held to their lengths), no batch deletion, which requires one.

mod fault;
mod multipart;
mod presign;
mod put;
mod read;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::{
    Client,
    config::{
        Credentials, RequestChecksumCalculation, ResponseChecksumValidation,
        StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
    primitives::DateTime,
};
use futures_util::{TryStreamExt, stream};

use self::fault::{fault, missing_or};
pub use self::{multipart::Part, presign::Presigned, read::S3Reader};
use crate::{BlobKey, Config, Entry, Head, Page, Round, StoreError};

/// Most names in one answer (S3's own limit).
const PAGE_MAX: usize = 1000;

/// Blobs deleted at one time, of many. Chosen.
const DELETES_AT_ONCE: usize = 8;

/// First and longest pause before a request is repeated; each is a random part of that.
/// Chosen.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Blobs as objects of an S3 bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bucket: String,
    /// Empty, or ends in `/`.
    prefix: String,
    idle_timeout: Duration,
}

impl S3 {
    /// Opens a bucket, with credentials from where AWS's programs have them.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it is not there or not ours to list, and
    /// [`StoreError::Unreachable`].
    pub async fn open(config: &Config) -> Result<Self, StoreError> {
        let found = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(config.region.clone()))
            .load()
            .await;
        let builder = aws_sdk_s3::config::Builder::from(&found);
        Self::of(builder, config).await
    }

    /// Opens a bucket with these credentials: a key and its secret.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_as(config: &Config, key: &str, secret: &str) -> Result<Self, StoreError> {
        let builder = aws_sdk_s3::config::Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(Credentials::new(key, secret, None, None, "given"));
        Self::of(builder, config).await
    }

    async fn of(
        mut builder: aws_sdk_s3::config::Builder,
        config: &Config,
    ) -> Result<Self, StoreError> {
        let retries = RetryConfig::standard()
            .with_max_attempts(config.attempts_max)
            .with_initial_backoff(PAUSES.0)
            .with_max_backoff(PAUSES.1);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(config.connect_timeout)
            .operation_attempt_timeout(config.answer_timeout)
            .build();
        if !config.endpoint.is_empty() {
            builder = builder.endpoint_url(&config.endpoint);
        }
        let builder = builder
            .region(Region::new(config.region.clone()))
            .force_path_style(config.path_style)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_config(retries)
            .timeout_config(timeouts)
            // A reader's own pace is no stall of the server's: silence is timed in `read`.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let prefix = match config.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let s3 = Self {
            client: Client::from_conf(builder.build()),
            shared: Arc::new(Shared {
                bucket: config.bucket.clone(),
                prefix,
                idle_timeout: config.idle_timeout,
            }),
        };
        // A wrong name, key or address is told now, not by the first viewer.
        s3.list(None, None, 1).await?;
        Ok(s3)
    }

    /// See [`crate::Store::head`].
    ///
    /// # Errors
    /// See there.
    pub async fn head(&self, key: &BlobKey) -> Result<Head, StoreError> {
        let request = self.client.head_object();
        let request = request.bucket(self.bucket()).key(self.name(key));
        let answer = request.send().await;
        let answer = answer.map_err(missing_or("look at", key))?;
        Ok(head(answer.content_length, answer.last_modified.as_ref()))
    }

    /// See [`crate::Store::list`].
    ///
    /// # Errors
    /// See there.
    pub async fn list(
        &self,
        below: Option<&BlobKey>,
        after: Option<&BlobKey>,
        max: usize,
    ) -> Result<Page, StoreError> {
        let prefix = below.map_or_else(|| self.prefix().to_owned(), |key| self.name(key) + "/");
        let mut page = Page::default();
        let mut token: Option<String> = None;
        loop {
            let left = max.saturating_sub(page.entries.len()).clamp(1, PAGE_MAX);
            let request = self.client.list_objects_v2().bucket(self.bucket());
            let request = request
                .prefix(&prefix)
                .set_start_after(after.map(|key| self.name(key)))
                .set_continuation_token(token.take())
                .max_keys(i32::try_from(left).unwrap_or(i32::MAX));
            let answer = request.send().await;
            let answer = answer.map_err(fault("list", self.bucket()))?;
            page.entries.extend(
                answer
                    .contents()
                    .iter()
                    .filter_map(|object| self.entry(object)),
            );
            token = answer.next_continuation_token;
            if token.is_none() {
                return Ok(page);
            }
            // Names that are no keys are a stranger's: a page of them is not the end.
            if page.entries.len() >= max {
                page.next = page.entries.last().map(|entry| entry.key.clone());
                return Ok(page);
            }
        }
    }

    /// See [`crate::Store::walk`].
    ///
    /// # Errors
    /// See there.
    pub async fn walk(
        &self,
        after: Option<&BlobKey>,
        age: Duration,
        max: usize,
    ) -> Result<Round, StoreError> {
        let before = SystemTime::now().checked_sub(age);
        let page = self.list(None, after, max).await?;
        Ok(page.written_before(before))
    }

    /// See [`crate::Store::delete`].
    ///
    /// # Errors
    /// See there.
    pub async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        let request = self.client.delete_object();
        let request = request.bucket(self.bucket()).key(self.name(key));
        match request.send().await.map_err(missing_or("delete", key)) {
            Err(StoreError::Missing(_)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// See [`crate::Store::delete_below`].
    ///
    /// # Errors
    /// See there.
    pub async fn delete_below(&self, prefix: &BlobKey) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.list(Some(prefix), after.as_ref(), PAGE_MAX).await?;
            let deletions = page
                .entries
                .iter()
                .map(|entry| Ok(self.delete(&entry.key)))
                .collect::<Vec<_>>();
            let deleted = stream::iter(deletions).try_buffer_unordered(DELETES_AT_ONCE);
            deleted.try_for_each(async |()| Ok(())).await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn bucket(&self) -> &str {
        &self.shared.bucket
    }

    fn prefix(&self) -> &str {
        &self.shared.prefix
    }

    /// The object's name.
    fn name(&self, key: &BlobKey) -> String {
        format!("{}{key}", self.prefix())
    }

    fn entry(&self, object: &aws_sdk_s3::types::Object) -> Option<Entry> {
        let name = object.key()?.strip_prefix(self.prefix())?;
        Some(Entry {
            key: name.parse().ok()?,
            head: head(object.size(), object.last_modified()),
        })
    }
}

/// In whole seconds, which is how a HEAD tells it.
fn head(len_bytes: Option<i64>, modified: Option<&DateTime>) -> Head {
    let secs = modified.map_or(0, DateTime::secs);
    let since = Duration::from_secs(u64::try_from(secs).unwrap_or(0));
    Head {
        len_bytes: len_bytes
            .and_then(|len| u64::try_from(len).ok())
            .unwrap_or(0),
        modified: SystemTime::UNIX_EPOCH + since,
    }
}
