//! The content keys of a lease: asked for by whoever plans, used by all others.

use media::Method;
use wire::{Encryption, Lease, TaskKind};

use super::{api::Job, key_server};
use crate::{
    PackagerError,
    outlet::Outlet,
    protect::{Keys, Protector},
};

/// Asks the key server for a version's keys, where it has none yet, and tells them to the
/// origin. Whoever plans does it, before anything is encrypted.
pub(crate) async fn get(job: &Job, lease: &Lease) -> Result<(), PackagerError> {
    let url = match &lease.settings.key_server {
        Some(url) if lease.task.kind == TaskKind::Plan && lease.content_keys.is_none() => url,
        _ => return Ok(()),
    };
    let keys = key_server::ask(url, lease.asset.as_str(), lease.version.as_str()).await?;
    job.put_keys(&keys).await
}

/// Where the lease's tracks go, encrypted where they are to be.
pub(crate) fn outlet(job: &Job, lease: &Lease) -> Result<Outlet, PackagerError> {
    let origin = Outlet::Origin(Box::new(job.clone()));
    match (&lease.content_keys, lease.settings.encryption) {
        (_, Encryption::None) => Ok(origin),
        // It writes no track.
        (None, _) if lease.task.kind == TaskKind::Plan => Ok(origin),
        (None, _) => Err(PackagerError::Encoder(
            "the lease has no content keys".into(),
        )),
        (Some(keys), encryption) => {
            let method = match encryption {
                Encryption::Aes128 => Method::Aes128,
                _ => Method::Cbcs,
            };
            let protector = Protector::new(method, Keys::try_from(keys)?);
            Ok(Outlet::Encrypted(protector, Box::new(origin)))
        }
    }
}
