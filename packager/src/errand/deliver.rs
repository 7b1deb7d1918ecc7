//! Calling a webhook: one POST, signed by the origin, and its answer.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use wire::WebUrl;

use super::{Fault, fetch::retry_after_secs};
use crate::{
    Config,
    outward::{Connector, Limits},
};

/// Most that is read of an answer, bytes: it is thrown away. Chosen.
const ANSWER_LEN_MAX: u64 = 64 << 10;

/// A call that the origin has signed.
pub(super) struct Call<'a> {
    pub(super) url: &'a WebUrl,
    pub(super) message: &'a str,
    pub(super) timestamp: u64,
    pub(super) signature: &'a str,
    pub(super) body: &'a str,
}

impl Call<'_> {
    /// Calls once; gives the status of a good answer (2xx). Any other is a fault, a redirect
    /// too: what is sent was meant for this address.
    pub(super) async fn make(&self, connector: &Connector, config: &Config) -> Result<u16, Fault> {
        let limits = Limits {
            len_max: ANSWER_LEN_MAX,
            whole: config.outward.delivery_timeout,
        };
        let body = Bytes::copy_from_slice(self.body.as_bytes());
        let headers = self.headers();
        let answer = connector.post(self.url, &headers, body, limits).await?;
        let status = answer.status;
        if status.is_success() {
            return Ok(status.as_u16());
        }
        Err(Fault::Called {
            reason: format!("it answers {status}"),
            permanent: status.as_u16() == 410,
            retry_after_secs: retry_after_secs(&answer.headers),
            status: Some(status.as_u16()),
        })
    }

    fn headers(&self) -> HeaderMap {
        let fields = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (
                HeaderName::from_static("webhook-id"),
                self.message.to_owned(),
            ),
            (
                HeaderName::from_static("webhook-timestamp"),
                self.timestamp.to_string(),
            ),
            (
                HeaderName::from_static("webhook-signature"),
                self.signature.to_owned(),
            ),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| {
            let value = HeaderValue::try_from(value).ok()?;
            Some((name, value))
        });
        fields.collect()
    }
}
