//! Objects that are sent in parts.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::{
    S3,
    fault::{fault, no_upload_or},
};
use crate::{BlobKey, StoreError, Unfinished};

/// Unfinished objects that are told at one time. Chosen.
const UNFINISHED_MAX: i32 = 1000;

/// A part that the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10,000.
    pub number: i32,
    /// Length, bytes.
    pub len_bytes: u64,
    /// What the server calls its bytes, if it says.
    pub etag: Option<String>,
}

/// An object being sent in parts by us. Dropped before it is complete, it is aborted, by a
/// task of its own.
pub(super) struct Upload {
    s3: S3,
    key: BlobKey,
    id: String,
    is_complete: bool,
}

impl Upload {
    pub(super) async fn begin(s3: &S3, key: &BlobKey) -> Result<Self, StoreError> {
        Ok(Self {
            s3: s3.clone(),
            key: key.clone(),
            id: s3.begin_parts(key).await?,
            is_complete: false,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) async fn complete(
        mut self,
        parts: Vec<Part>,
        len_bytes: u64,
    ) -> Result<(), StoreError> {
        let completed = self.s3.complete_parts(&self.key, &self.id, parts).await;
        match completed {
            // Answered once before, to a request whose answer was lost.
            Err(StoreError::Missing(_)) => {
                let head = self.s3.head(&self.key).await?;
                if head.len_bytes != len_bytes {
                    return completed;
                }
            }
            completed => completed?,
        }
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        let (s3, key) = (self.s3.clone(), self.key.clone());
        let id = std::mem::take(&mut self.id);
        // Without a runtime the process ends: the next walk aborts it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = s3.abort_parts(&key, &id).await;
            });
        }
    }
}

impl S3 {
    /// Begins an object that others send in parts; gives the upload's id.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::Unreachable`].
    pub async fn begin_parts(&self, key: &BlobKey) -> Result<String, StoreError> {
        let request = self.client.create_multipart_upload();
        let request = request.bucket(self.bucket()).key(self.name(key));
        let answer = request.send().await;
        let answer = answer.map_err(fault("begin", key))?;
        let id = answer.upload_id.unwrap_or_default();
        match id.is_empty() {
            true => Err(nonsense("begin", key, "an upload without an id")),
            false => Ok(id),
        }
    }

    /// Sends one part.
    pub(super) async fn send_part(
        &self,
        key: &BlobKey,
        upload: &str,
        number: i32,
        bytes: Bytes,
    ) -> Result<Part, StoreError> {
        let len_bytes = bytes.len() as u64;
        let request = self.client.upload_part().bucket(self.bucket());
        let request = request.key(self.name(key)).upload_id(upload);
        let sent = request.part_number(number).body(bytes.into()).send().await;
        let sent = sent.map_err(fault("send a part of", key))?;
        Ok(Part {
            number,
            len_bytes,
            etag: sent.e_tag,
        })
    }

    /// The parts that the server has, by number.
    ///
    /// # Errors
    /// [`StoreError::Missing`]: there is no such upload, or it is complete;
    /// [`StoreError::Refused`], [`StoreError::Unreachable`].
    pub async fn parts(&self, key: &BlobKey, upload: &str) -> Result<Vec<Part>, StoreError> {
        let mut parts = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let request = self.client.list_parts().bucket(self.bucket());
            let request = request.key(self.name(key)).upload_id(upload);
            let answer = request.set_part_number_marker(marker).send().await;
            let answer = answer.map_err(no_upload_or("list the parts of", key))?;
            parts.extend(answer.parts().iter().map(|part| Part {
                number: part.part_number().unwrap_or(0),
                len_bytes: part.size().and_then(|len| len.try_into().ok()).unwrap_or(0),
                etag: part.e_tag().map(str::to_owned),
            }));
            marker = answer.next_part_number_marker;
            if answer.is_truncated != Some(true) || marker.is_none() {
                parts.sort_unstable_by_key(|part| part.number);
                return Ok(parts);
            }
        }
    }

    /// Makes the object of its parts, in that order: then it is there, whole.
    ///
    /// # Errors
    /// [`StoreError::Missing`]: there is no such upload, or it is complete;
    /// [`StoreError::Refused`], [`StoreError::Unreachable`].
    pub async fn complete_parts(
        &self,
        key: &BlobKey,
        upload: &str,
        parts: Vec<Part>,
    ) -> Result<(), StoreError> {
        let parts = parts.into_iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number)
                .set_e_tag(part.etag)
                .build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect()));
        let request = self.client.complete_multipart_upload();
        let request = request.bucket(self.bucket()).key(self.name(key));
        let request = request.upload_id(upload).multipart_upload(parts.build());
        let answer = request.send().await;
        answer.map(|_| ()).map_err(no_upload_or("complete", key))
    }

    /// Deletes the parts of an object that won't be; those of one that is not there are
    /// deleted already.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::Unreachable`].
    pub async fn abort_parts(&self, key: &BlobKey, upload: &str) -> Result<(), StoreError> {
        let request = self.client.abort_multipart_upload();
        let request = request.bucket(self.bucket()).key(self.name(key));
        let request = request.upload_id(upload);
        match request.send().await.map_err(no_upload_or("abort", key)) {
            Err(StoreError::Missing(_)) => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// See [`crate::Store::unfinished`].
    ///
    /// # Errors
    /// See there.
    pub async fn unfinished(&self, age: Duration) -> Result<Vec<Unfinished>, StoreError> {
        let Some(before) = SystemTime::now().checked_sub(age) else {
            return Ok(Vec::new());
        };
        let request = self.client.list_multipart_uploads().bucket(self.bucket());
        let request = request.prefix(self.prefix()).max_uploads(UNFINISHED_MAX);
        let listed = request.send().await;
        let uploads = match listed.map_err(fault("list the uploads of", self.bucket())) {
            Ok(answer) => answer.uploads.unwrap_or_default(),
            // Not every server has this list: its rules of expiry do it there.
            Err(StoreError::Refused { .. }) => return Ok(Vec::new()),
            Err(StoreError::Unreachable { source, .. }) if is_not_implemented(&*source) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let old = uploads.iter().filter_map(|upload| {
            let began = u64::try_from(upload.initiated()?.secs()).ok()?;
            let began = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(began))?;
            let name = upload.key()?.strip_prefix(self.prefix())?;
            (began <= before).then_some(Unfinished {
                key: name.parse().ok()?,
                upload: upload.upload_id()?.to_owned(),
            })
        });
        Ok(old.collect())
    }
}

fn is_not_implemented(error: &(dyn std::error::Error + 'static)) -> bool {
    use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsError;
    let error = error.downcast_ref::<super::fault::S3Error<ListMultipartUploadsError>>();
    let status = error.and_then(|error| error.raw_response());
    status.is_some_and(|answer| answer.status().as_u16() == 501)
}

pub(super) fn nonsense(action: &'static str, key: &BlobKey, what: &str) -> StoreError {
    StoreError::Refused {
        action,
        name: key.to_string(),
        answer: what.to_owned(),
        source: "an answer that no S3 server gives".into(),
    }
}
