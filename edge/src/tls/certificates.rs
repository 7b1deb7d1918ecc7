//! Which certificate a client is shown.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, RwLock},
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use webpki::EndEntityCert;

/// By the names they are for. New ones may take their place at any time; connections go
/// on with what they began with.
pub(super) struct Certificates(RwLock<Arc<Shown>>);

#[derive(Default)]
struct Shown {
    /// As in the certificate, in lower case: `a.example`, `*.example`.
    by_name: HashMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    pub(super) fn new(pairs: Vec<CertifiedKey>) -> Self {
        Self(RwLock::new(Arc::new(Shown::new(pairs))))
    }

    pub(super) fn replace(&self, pairs: Vec<CertifiedKey>) {
        *self.0.write().expect("no holder panics") = Arc::new(Shown::new(pairs));
    }
}

impl Shown {
    fn new(pairs: Vec<CertifiedKey>) -> Self {
        let mut shown = Self::default();
        for pair in pairs.into_iter().map(Arc::new) {
            for name in names(&pair) {
                shown.by_name.entry(name).or_insert_with(|| pair.clone());
            }
            shown.first.get_or_insert(pair);
        }
        shown
    }

    /// A wildcard stands for the first label alone (RFC 9525 §6.3).
    fn for_name(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        self.by_name.get(&name).or_else(wildcard)
    }
}

fn names(pair: &CertifiedKey) -> Vec<String> {
    let leaf = pair.end_entity_cert().ok();
    let leaf = leaf.and_then(|leaf| EndEntityCert::try_from(leaf).ok());
    let names = leaf.map(|leaf| {
        leaf.valid_dns_names()
            .map(str::to_ascii_lowercase)
            .collect()
    });
    names.unwrap_or_default()
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.0.read().expect("no holder panics").clone();
        let named = hello.server_name().and_then(|name| shown.for_name(name));
        named.or(shown.first.as_ref()).cloned()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}
