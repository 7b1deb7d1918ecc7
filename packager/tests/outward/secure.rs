use std::{path::PathBuf, sync::Arc};

use packager::outward::{Config, Connector, OutwardError};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    config, get,
    server::{Server, answer},
};

/// Its port, and its certificate as a file.
struct Secure {
    port: u16,
    ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

/// A server whose certificate is for `name`.
async fn secure(name: &str, says: Vec<u8>) -> Secure {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signing_key.serialize_pem().as_bytes()).unwrap();
    let tls = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&says).await;
            let _ = stream.shutdown().await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, cert.pem()).unwrap();
    Secure {
        port,
        ca_file,
        _folder: folder,
    }
}

fn trusting(server: &Secure, ports: &[u16]) -> Connector {
    let config = Config {
        ca_file: server.ca_file.clone(),
        ..config(ports)
    };
    Connector::open(config).unwrap()
}

#[tokio::test]
async fn a_server_is_spoken_to_whose_certificate_names_it() {
    let server = secure("127.0.0.1", answer("200 OK", "", "safe")).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    let body = get(&trusting(&server, &[server.port]), &url)
        .await
        .unwrap()
        .body;
    assert_eq!(body.collect().await.unwrap(), b"safe");
}

#[tokio::test]
async fn a_server_is_not_spoken_to_whose_certificate_names_another_or_is_not_trusted() {
    let other = secure("other.example", answer("200 OK", "", "")).await;
    let url = format!("https://127.0.0.1:{}/", other.port);
    let connectors = [
        trusting(&other, &[other.port]),
        Connector::open(config(&[other.port])).unwrap(),
    ];
    for connector in connectors {
        let error = get(&connector, &url).await.unwrap_err();
        assert!(matches!(error, OutwardError::Tls { .. }), "{error}");
    }
}

#[tokio::test]
async fn no_redirect_leads_out_of_tls() {
    let plain = Server::saying(answer("200 OK", "", "")).await;
    let location = format!("Location: {}\r\n", plain.url("/"));
    let server = secure("127.0.0.1", answer("302 Found", &location, "")).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    let connector = trusting(&server, &[server.port, plain.port]);
    let error = get(&connector, &url).await.unwrap_err();
    assert!(error.to_string().contains("from https to http"), "{error}");
    assert_eq!(plain.came(), 0);
}
