//! What an S3 server's failures mean.

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::{BlobKey, StoreError};

pub(super) type S3Error<E> = SdkError<E, HttpResponse>;

/// An error of an operation that is not about one object.
pub(super) fn fault<E>(
    action: &'static str,
    name: impl ToString,
) -> impl FnOnce(S3Error<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let name = name.to_string();
    move |error| {
        let meant = match &error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                (status < 500 && status != 429).then(|| {
                    let code = answer.err().code().unwrap_or("no code").to_owned();
                    let said = answer.err().message().unwrap_or_default();
                    format!("{status} {code} {said}").trim_end().to_owned()
                })
            }
            SdkError::ConstructionFailure(_) => Some("the request can't be made".to_owned()),
            _ => None,
        };
        let source = Box::new(error);
        match meant {
            Some(answer) => StoreError::Refused {
                action,
                name,
                answer,
                source,
            },
            None => StoreError::Unreachable {
                action,
                name,
                source,
            },
        }
    }
}

/// An error of an operation on one object: it may not be there.
pub(super) fn missing_or<E>(
    action: &'static str,
    key: &BlobKey,
) -> impl FnOnce(S3Error<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let key = key.clone();
    move |error| match is_missing(&error) {
        true => StoreError::Missing(key),
        false => fault(action, key)(error),
    }
}

/// An error of an operation on one upload in parts: it may be complete, or aborted.
pub(super) fn no_upload_or<E>(
    action: &'static str,
    key: &BlobKey,
) -> impl FnOnce(S3Error<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let key = key.clone();
    move |error| {
        let code = error.as_service_error().and_then(|it| it.code());
        match code {
            Some("NoSuchUpload") => StoreError::Missing(key),
            _ => fault(action, key)(error),
        }
    }
}

/// 404, but not of the bucket or an upload. The answer to a HEAD has no body to say which.
fn is_missing<E: ProvideErrorMetadata>(error: &S3Error<E>) -> bool {
    let SdkError::ServiceError(answer) = error else {
        return false;
    };
    let is_object = matches!(answer.err().code(), None | Some("NoSuchKey" | "NotFound"));
    answer.raw().status().as_u16() == 404 && is_object
}
