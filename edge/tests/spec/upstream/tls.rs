//! Origins with `https`.

use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

use super::raw::{Raw, Said, fine, last_words};
use crate::setup::Edge;

/// An authority, and an origin with a certificate of it.
struct Secure {
    origin: Raw,
    authority: NamedTempFile,
}

/// An origin that says this by TLS, under the name `localhost`.
async fn secure(what: Said) -> Secure {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = NamedTempFile::new().unwrap();
    let pem = ca.self_signed(&ca_key).unwrap().pem();
    std::fs::write(&authority, pem).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let chain = vec![certificate.der().clone()];
    let config = config.with_no_client_auth().with_single_cert(chain, key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let wrap = move |stream| {
        let accepted = acceptor.accept(stream);
        async { accepted.await.ok() }
    };
    Secure {
        origin: Raw::wrapped(move |_| what.clone(), wrap).await,
        authority,
    }
}

impl Secure {
    async fn edge(&self, host: &str, authority: &str) -> Edge {
        let url = format!("https://{host}:{}", self.origin.addr.port());
        let authority = authority.to_owned();
        Edge::before(&[url], |config| config.origin_ca = authority).await
    }

    fn authority(&self) -> &str {
        self.authority.path().to_str().unwrap()
    }
}

#[tokio::test]
async fn an_origin_with_a_trusted_certificate_is_asked_by_tls() {
    let secure = secure(fine("fine")).await;
    let edge = secure.edge("localhost", secure.authority()).await;
    for n in 0..3 {
        assert_eq!(edge.get(&format!("/{n}")).send().await.body, "fine");
    }
    let heads = secure.origin.heads();
    let host = format!("host: localhost:{}\r\n", secure.origin.addr.port());
    assert!(heads[0].contains(&host), "{}", heads[0]);
    assert_eq!((heads.len(), secure.origin.connections()), (3, 1));
}

#[tokio::test]
async fn an_origin_with_a_foreign_certificate_is_told_nothing() {
    let secure = secure(fine("fine")).await;
    for (host, authority) in [("localhost", ""), ("127.0.0.1", secure.authority())] {
        let edge = secure.edge(host, authority).await;
        assert_eq!(edge.get("/x").send().await.status, 502, "{host}");
    }
    assert!(secure.origin.heads().is_empty());
}

#[tokio::test]
async fn an_origin_without_tls_is_told_nothing_and_has_the_time_of_a_connection() {
    let origin = Raw::saying(fine("fine")).await;
    let url = format!("https://{}", origin.addr);
    let edge = Edge::before(&[url], |config| {
        config.connect_timeout = Duration::from_millis(50);
    })
    .await;
    assert_eq!(edge.get("/x").send().await.status, 502);
    assert!(origin.heads().is_empty());
}

#[tokio::test]
async fn a_file_without_an_authority_is_refused_before_anything_is_served() {
    let empty = NamedTempFile::new().unwrap();
    for file in [empty.path().to_str().unwrap(), "/does/not/exist.pem"] {
        let mut edge = Edge::before(&["https://o".to_owned()], |config| {
            config.origin_ca = file.to_owned();
        })
        .await;
        let error = (&mut edge.task).await.unwrap().unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_is_whole_by_word_of_tls_alone() {
    let head = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n\r\n";
    let secure = secure(last_words(format!("{head}hello"))).await;
    let edge = secure.edge("localhost", secure.authority()).await;
    let reply = edge.get("/x").send().await;
    assert_eq!((reply.cut, &reply.body[..]), (false, &b"hello"[..]));
}
