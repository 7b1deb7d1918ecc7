//! Addresses that let others at one object for a while.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;

use super::{S3, fault::fault, multipart::nonsense};
use crate::{BlobKey, StoreError};

/// A request that whoever holds it may send, until it expires. It is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    /// `GET` or `PUT`.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Fields that are signed, and must be sent like this.
    pub headers: Vec<(String, String)>,
}

impl S3 {
    /// A request that reads the blob, for `life`, a week at most.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where `life` or credentials are no good.
    pub async fn presign_read(
        &self,
        key: &BlobKey,
        life: Duration,
    ) -> Result<Presigned, StoreError> {
        let request = self.client.get_object().bucket(self.bucket());
        let signed = request.key(self.name(key)).presigned(signing(key, life)?);
        let signed = signed.await.map_err(fault("sign a read of", key))?;
        Ok(presigned(&signed))
    }

    /// A request that sends one part, of exactly `len_bytes`, for `life`, a week at most.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where `life`, length or credentials are no good.
    pub async fn presign_part(
        &self,
        key: &BlobKey,
        upload: &str,
        (number, len_bytes): (i32, u64),
        life: Duration,
    ) -> Result<Presigned, StoreError> {
        let len = i64::try_from(len_bytes).map_err(|_| nonsense("sign", key, "such a length"))?;
        let request = self.client.upload_part().bucket(self.bucket());
        let request = request.key(self.name(key)).upload_id(upload);
        let request = request.part_number(number).content_length(len);
        let signed = request.presigned(signing(key, life)?).await;
        let signed = signed.map_err(fault("sign a part of", key))?;
        Ok(presigned(&signed))
    }
}

fn signing(key: &BlobKey, life: Duration) -> Result<PresigningConfig, StoreError> {
    PresigningConfig::expires_in(life).map_err(|source| StoreError::Refused {
        action: "sign a request for",
        name: key.to_string(),
        answer: "a life of more than a week".to_owned(),
        source: source.into(),
    })
}

fn presigned(signed: &aws_sdk_s3::presigning::PresignedRequest) -> Presigned {
    let headers = signed.headers();
    Presigned {
        method: signed.method().to_owned(),
        url: signed.uri().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// Without its signature.
impl std::fmt::Debug for Presigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.url.split('?').next().unwrap_or_default();
        write!(f, "Presigned({} {path})", self.method)
    }
}
