use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use packager::outward::{Connector, OutwardError, Resolve};

use crate::{
    config, get,
    server::{Server, answer},
};

/// Gives these addresses, one list after the other, then the last again.
#[derive(Clone)]
struct Names {
    lists: Arc<Vec<Vec<&'static str>>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    fn of(lists: &[&[&'static str]]) -> Self {
        Self {
            lists: Arc::new(lists.iter().map(|list| list.to_vec()).collect()),
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl Resolve for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let n = self.asked.fetch_add(1, SeqCst).min(self.lists.len() - 1);
        Ok(self.lists[n].iter().map(|ip| ip.parse().unwrap()).collect())
    }
}

#[tokio::test]
async fn one_address_that_is_not_public_refuses_the_host_before_any_is_dialled() {
    let server = Server::saying(answer("200 OK", "", "x")).await;
    for list in [
        &["127.0.0.1", "10.0.0.1"][..],
        &["127.0.0.1", "::1"],
        &["127.0.0.1", "::ffff:127.0.0.1"],
        &["127.0.0.1", "64:ff9b::7f00:1"],
        &["127.0.0.1", "169.254.169.254"],
        &["127.0.0.1", "0.0.0.0"],
    ] {
        let connector = Connector::with(config(&[server.port]), Names::of(&[list])).unwrap();
        let url = format!("http://a.example:{}/", server.port);
        let refused = get(&connector, &url).await.unwrap_err();
        assert!(
            matches!(refused, OutwardError::Address { .. }),
            "{list:?}: {refused}"
        );
        assert!(refused.is_permanent());
    }
    assert_eq!(server.came(), 0);
}

#[tokio::test]
async fn a_name_that_changes_after_it_was_looked_at_changes_nothing() {
    let good = Server::saying(answer("200 OK", "", "good")).await;
    let names = Names::of(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let connector = Connector::with(config(&[good.port]), names.clone()).unwrap();
    let url = format!("http://a.example:{}/", good.port);
    // At 127.0.0.2 nobody listens.
    let body = get(&connector, &url).await.unwrap().body;
    assert_eq!(body.collect().await.unwrap(), b"good");
    assert_eq!((names.asked(), good.came()), (1, 1));
    assert!(good.heard()[0].contains(&format!("host: a.example:{}\r\n", good.port)));
}

#[tokio::test]
async fn a_name_that_turns_private_between_two_redirects_is_refused() {
    let server = Server::at([127, 0, 0, 1].into(), |_| {
        let again = answer("302 Found", "Location: /again\r\n", "");
        vec![(std::time::Duration::ZERO, again)]
    })
    .await;
    let names = Names::of(&[&["127.0.0.1"], &["192.168.0.1"]]);
    let connector = Connector::with(config(&[server.port]), names).unwrap();
    let url = format!("http://a.example:{}/", server.port);
    let refused = get(&connector, &url).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("192.168.0.1, which is private"),
        "{refused}"
    );
    assert_eq!(server.came(), 1);
}

#[tokio::test]
async fn the_next_address_is_dialled_where_one_does_not_answer() {
    let server = Server::saying(answer("200 OK", "", "x")).await;
    let names = Names::of(&[&["127.0.0.9", "127.0.0.1"]]);
    let connector = Connector::with(config(&[server.port]), names).unwrap();
    let url = format!("http://a.example:{}/", server.port);
    assert_eq!(get(&connector, &url).await.unwrap().status, 200);
}

#[tokio::test]
async fn without_leave_of_the_operator_nothing_on_this_machine_is_called() {
    let server = Server::saying(answer("200 OK", "", "x")).await;
    let mut config = config(&[server.port]);
    config.allow.clear();
    let connector = Connector::open(config).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:7f00:1]", "0.0.0.0"] {
        let url = format!("http://{host}:{}/", server.port);
        let refused = get(&connector, &url).await.unwrap_err();
        assert!(
            matches!(refused, OutwardError::Address { .. }),
            "{host}: {refused}"
        );
    }
    assert_eq!(server.came(), 0);
}

#[tokio::test]
async fn a_host_without_an_address_is_asked_again_later() {
    let connector = Connector::with(config(&[80]), Names::of(&[&[]])).unwrap();
    let error = get(&connector, "http://a.example/").await.unwrap_err();
    assert!(matches!(error, OutwardError::Unresolved { .. }) && !error.is_permanent());
}

#[tokio::test]
async fn only_a_few_ports_are_called() {
    let server = Server::saying(answer("200 OK", "", "x")).await;
    let connector = Connector::open(config(&[80, 443])).unwrap();
    let refused = get(&connector, &server.url("/")).await.unwrap_err();
    assert!(matches!(refused, OutwardError::Port(..)) && refused.is_permanent());
    assert_eq!(server.came(), 0);
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn without_tls_https_is_refused_in_words_that_name_the_feature() {
    let server = Server::saying(answer("200 OK", "", "x")).await;
    let connector = Connector::open(config(&[server.port])).unwrap();
    let url = server.url("/").replace("http:", "https:");
    let refused = get(&connector, &url).await.unwrap_err();
    assert!(matches!(refused, OutwardError::NoTls) && refused.is_permanent());
    assert_eq!(server.came(), 0);
}
