//! TLS: which certificate, which protocol, new files, wrong files.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use edge::{Config, EdgeError, Listeners};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use testkit::{Answer, FakeOrigin, Still};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

use crate::setup::{SEGMENT, bytes, segment};

fn cert(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/certs/{name}"))
}

fn config(origin: &FakeOrigin, pairs: &[(PathBuf, PathBuf)]) -> Config {
    Config {
        origin: origin.url(),
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        tls_cert: pairs.iter().map(|(cert, _)| cert.clone()).collect(),
        tls_key: pairs.iter().map(|(_, key)| key.clone()).collect(),
        ..Config::default()
    }
}

fn pair(name: &str) -> (PathBuf, PathBuf) {
    (cert(&format!("{name}.pem")), cert(&format!("{name}.key")))
}

/// Serves; where TLS is.
async fn serve(config: Config) -> SocketAddr {
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = tls.local_addr().unwrap();
    let mut listeners = Listeners::from(http);
    listeners.tls = Some(tls);
    tokio::spawn(edge::serve(
        listeners,
        config,
        None,
        CancellationToken::new(),
    ));
    addr
}

fn client(
    protocols: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(cert("ca.pem")).unwrap();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    Arc::new(config)
}

async fn shake(
    addr: SocketAddr,
    name: &str,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(config.clone())
        .connect(name, stream)
        .await
}

/// The certificate shown for a name, if it is for it.
async fn shown(addr: SocketAddr, name: &str) -> Option<Vec<u8>> {
    let stream = shake(addr, name, &client(&[], &[&TLS13])).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?[0].to_vec())
}

fn der(file: &str) -> Vec<u8> {
    CertificateDer::from_pem_file(cert(file)).unwrap().to_vec()
}

async fn one(origin: &FakeOrigin) -> SocketAddr {
    serve(config(origin, &[pair("one")])).await
}

#[tokio::test]
async fn http_2_and_http_1_are_chosen_by_alpn() {
    let origin = FakeOrigin::start().await;
    origin.route(SEGMENT, segment());
    let addr = one(&origin).await;
    let request = || Request::get(format!("https://one.test{SEGMENT}"));
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = shake(addr, "one.test", &client(offered, &[&TLS13]))
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
        let io = TokioIo::new(stream);
        let empty = Empty::<Bytes>::new;
        let response = if chosen == Some(b"h2") {
            let connected = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
            let (mut sender, connection) = connected.unwrap();
            tokio::spawn(connection);
            sender.send_request(request().body(empty()).unwrap()).await
        } else {
            let connected = hyper::client::conn::http1::handshake(io).await;
            let (mut sender, connection) = connected.unwrap();
            tokio::spawn(connection);
            let request = request().header("host", "one.test");
            sender.send_request(request.body(empty()).unwrap()).await
        };
        let body = response.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), bytes(50_000));
    }
    assert_eq!(origin.fetches(SEGMENT), 1);
    assert!(
        shake(addr, "one.test", &client(&["spdy/3"], &[&TLS13]))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_sessions_resumed() {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x"));
    let addr = one(&origin).await;
    for (offered, spoken) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let config = client(&[], &[offered]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let stream = shake(addr, "one.test", &config).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
            // The tickets of 1.3 come with the first bytes.
            let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (mut sender, connection) = connected.unwrap();
            tokio::spawn(connection);
            let request = Request::get("/x").header("host", "one.test");
            let request = request.body(Empty::<Bytes>::new()).unwrap();
            let body = sender.send_request(request).await.unwrap().into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes(), "x");
        }
    }
}

#[tokio::test]
async fn the_name_asked_for_chooses_the_certificate() {
    let origin = FakeOrigin::start().await;
    let addr = serve(config(&origin, &[pair("one"), pair("two")])).await;
    assert_eq!(shown(addr, "one.test").await, Some(der("one.pem")));
    assert_eq!(shown(addr, "TWO.test").await, Some(der("two.pem")));
    assert_eq!(shown(addr, "a.many.test").await, Some(der("one.pem")));
    // The first is shown, and it is not for these.
    for name in ["other.test", "a.b.many.test", "many.test"] {
        assert_eq!(shown(addr, name).await, None, "{name}");
    }
}

#[tokio::test]
async fn new_files_are_taken_over_and_broken_ones_are_not() {
    let origin = FakeOrigin::start().await;
    let folder = tempfile::tempdir().unwrap();
    let [pem, key] = ["it.pem", "it.key"].map(|name| folder.path().join(name));
    let put = |pem_from: &str, key_from: &str| {
        std::fs::copy(cert(pem_from), &pem).unwrap();
        std::fs::copy(cert(key_from), &key).unwrap();
    };
    put("one.pem", "one.key");
    let addr = serve(config(&origin, &[(pem.clone(), key.clone())])).await;
    assert_eq!(shown(addr, "one.test").await, Some(der("one.pem")));
    let clock = Still::now();
    let broken = [
        ("again.pem", "one.key"),
        ("make.sh", "one.key"),
        ("expired.pem", "expired.key"),
    ];
    for (pem_from, key_from) in broken {
        put(pem_from, key_from);
        for _ in 0..3 {
            clock.advance(Duration::from_secs(4)).await;
            assert_eq!(
                shown(addr, "one.test").await,
                Some(der("one.pem")),
                "{pem_from}"
            );
        }
    }
    put("again.pem", "again.key");
    let mut looks = 0;
    while shown(addr, "one.test").await != Some(der("again.pem")) {
        clock.advance(Duration::from_secs(4)).await;
        looks += 1;
        assert!(looks < 100, "the new files are not taken over");
    }
}

#[tokio::test]
async fn wrong_files_are_named_before_anything_is_served() {
    let origin = FakeOrigin::start().await;
    let [one, two] = [pair("one"), pair("two")];
    let none = cert("none.pem");
    for (pem, key, file, why) in [
        (none.clone(), one.1.clone(), "none.pem", "No such file"),
        (one.0.clone(), none, "none.pem", "No such file"),
        (one.0.clone(), two.1, "two.key", "not the key of"),
        (one.1.clone(), one.1.clone(), "one.key", "no certificate"),
        (one.0.clone(), one.0.clone(), "one.pem", "no private key"),
        (
            pair("expired").0,
            pair("expired").1,
            "expired.pem",
            "expired on Fri, 01 Jan 2021",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(&origin, &[(pem, key)]);
        let refused = edge::serve(listener, config, None, CancellationToken::new()).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, EdgeError::Tls { .. }), "{refused}");
        let said = refused.to_string();
        assert!(said.contains(file) && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn settings_that_do_not_go_together_are_refused() {
    let origin = FakeOrigin::start().await;
    let without = config(&origin, &[]);
    assert!(
        without
            .validate()
            .unwrap_err()
            .to_string()
            .contains("tls_cert")
    );
    let mut uneven = config(&origin, &[pair("one")]);
    uneven.tls_key.clear();
    assert!(
        uneven
            .validate()
            .unwrap_err()
            .to_string()
            .contains("tls_key")
    );
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_ended_and_holds_up_nobody() {
    let origin = FakeOrigin::start().await;
    let addr = serve(config(&origin, &[pair("one")])).await;
    let clock = Still::now();
    let mut silent = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        // The head of a ClientHello, of which no more comes (RFC 8446 §5.1).
        stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).await.unwrap();
        silent.push(stream);
    }
    assert!(shown(addr, "one.test").await.is_some());
    clock.advance(Duration::from_secs(11)).await;
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    }
}
