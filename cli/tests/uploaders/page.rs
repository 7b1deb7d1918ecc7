//! An uploader's page in a browser, and who serves it.

use std::{net::SocketAddr, path::Path, time::Duration};

use player_test::webdriver::{Browser, BrowserOptions};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// The page and the uploaders. `make test` fetches and bundles them.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../player-test/uploaders");

/// Longest wait for a page to be ready.
const WAIT: Duration = Duration::from_secs(240);

pub(crate) struct Page {
    browser: Browser,
    url: String,
    _files: Files,
}

impl Page {
    pub(crate) async fn open(uploader: &str, endpoint: &str) -> Self {
        let files = Files::serve().await;
        let url = format!(
            "http://{}/uploaders.html?with={uploader}&endpoint={endpoint}",
            files.address
        );
        let browser = Browser::start(BrowserOptions::default()).await;
        let page = Self {
            browser: browser.expect("chromedriver and chromium start"),
            url,
            _files: files,
        };
        page.load().await;
        page
    }

    /// Loads it, again too.
    pub(crate) async fn load(&self) {
        self.browser.goto(&self.url).await.expect("it is served");
        self.until("window.input").await;
    }

    pub(crate) async fn choose(&self, file: &Path) {
        self.until("document.querySelector(input)").await;
        let selector = self.ask("input").await;
        let selector = selector.as_str().expect("a selector");
        let chosen = self.browser.choose_file(selector, file).await;
        chosen.expect("the input takes a file");
    }

    pub(crate) async fn until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        if let Err(error) = self.browser.wait_until(&script, WAIT).await {
            let (state, console) = self.story().await;
            panic!("{error}: {state} {console:#?}");
        }
    }

    /// What is told when a wait was in vain.
    pub(crate) async fn story(&self) -> (Value, Vec<String>) {
        let console = self.browser.console().await.unwrap_or_default();
        (self.ask("window.state && state()").await, console)
    }

    pub(crate) async fn ask(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        let value = self.browser.execute(&script, &[]).await;
        value.expect("the page answers")
    }

    pub(crate) async fn quit(self) {
        self.browser.quit().await.expect("the browser ends");
    }
}

struct Files {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Files {
    async fn serve() -> Self {
        let bundled = Path::new(FOLDER).join("dist/uploaders.js").is_file();
        let how = "npm install --no-save --ignore-scripts && npm run build";
        assert!(bundled, "{how} in {FOLDER}");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((browser, _)) = listener.accept().await {
                connections.spawn(answer(browser));
            }
        });
        Self { address, accepting }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One file for one connection; whatever breaks, breaks the page, and that is seen.
async fn answer(mut browser: TcpStream) -> Option<()> {
    let mut lines = BufReader::new(&mut browser).lines();
    let request = lines.next_line().await.ok()??;
    while !lines.next_line().await.ok()??.is_empty() {}
    let path = request.split([' ', '?']).nth(1)?;
    let file = Path::new(FOLDER).join(path.trim_start_matches('/'));
    let body = tokio::fs::read(&file).await.unwrap_or_default();
    let kind = match file.extension().and_then(|it| it.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        _ => "application/octet-stream",
    };
    let status = if body.is_empty() {
        "404 Not Found"
    } else {
        "200 OK"
    };
    let len = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n"
    );
    browser.write_all(head.as_bytes()).await.ok()?;
    browser.write_all(&body).await.ok()?;
    browser.shutdown().await.ok()
}
