//! The players that people use, on what Weir made: the page in `player-test/players/`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use player_test::webdriver::{Browser, BrowserOptions};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{demo::Facts, timed};

/// The page and its players. `make test` fetches them.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../player-test/players");

/// Longest wait for anything. Chosen: many times what an idle machine takes.
const WAIT: Duration = Duration::from_secs(60);

/// Where is sought to, seconds: forth over what was never loaded, and back again.
const SEEKS: [u32; 2] = [24, 6];

/// Plays HLS and DASH in each player, seeks, and takes each language and its subtitles.
pub(crate) async fn each_player_plays_seeks_and_switches(facts: &Facts, languages: &[&str]) {
    let files = Files::serve(None).await;
    for (player, source) in [
        ("hlsjs", &facts.hls),
        ("shaka-hls", &facts.hls),
        ("shaka-dash", &facts.dash),
        ("dashjs", &facts.dash),
    ] {
        let page = format!("http://{}/players.html?player={player}", files.address);
        let played = Player::open(&page, source);
        let player_page = timed(&format!("{player} plays"), played).await;
        for secs in SEEKS {
            player_page.seeks(secs).await;
        }
        for language in languages {
            player_page.switches_to(language).await;
        }
        let error = player_page.ask("state().error").await;
        assert_eq!(error, Value::Null, "{player}");
        player_page.quit().await;
    }
}

/// One player in a browser.
pub(crate) struct Player {
    browser: Browser,
}

impl Player {
    pub(crate) async fn open(page: &str, source: &str) -> Self {
        let player = Self::show(page, source).await;
        player
            .until("state().currentTime > 1 && state().videoWidth > 0")
            .await;
        player
    }

    /// Opens the page and waits for nothing.
    pub(crate) async fn show(page: &str, source: &str) -> Self {
        let browser = Browser::start(BrowserOptions::default()).await;
        let browser = browser.expect("chromedriver and chromium start");
        // The addresses of the demo have no character that a query would need escaped.
        let address = format!("{page}&src={source}");
        browser.goto(&address).await.expect("the page is served");
        Self { browser }
    }

    /// Waits until the player gives up, before it showed anything.
    pub(crate) async fn fails(&self) {
        let script = "return Boolean(window.state && state().error)";
        let waited = self.browser.wait_until(script, WAIT).await;
        let state = self.ask("window.state && state()").await;
        assert!(waited.is_ok(), "{waited:?} {state}");
        assert!(
            state["currentTime"].as_f64().is_some_and(|at| at < 1.0),
            "{state}"
        );
    }

    pub(crate) async fn seeks(&self, secs: u32) {
        self.run("seek(arguments[0])", &json!(secs)).await;
        let end = secs + 6;
        self.until(&format!(
            "!state().seeking && state().currentTime > {secs} + 1 && state().currentTime < {end}"
        ))
        .await;
    }

    /// Its sound and its subtitles are taken, and a cue is shown.
    async fn switches_to(&self, language: &str) {
        self.run("selectAudio(arguments[0])", &json!(language))
            .await;
        self.run("selectText(arguments[0])", &json!(language)).await;
        let active =
            |kind| format!("state().{kind}.some(t => t.lang === '{language}' && t.active)");
        let (audio, text) = (active("audio"), active("text"));
        self.until(&format!("{audio} && {text} && state().cues.length > 0"))
            .await;
        self.run("selectText(arguments[0])", &Value::Null).await;
        self.until("state().cues.length === 0").await;
    }

    async fn run(&self, script: &str, argument: &Value) {
        let done = self
            .browser
            .execute(script, std::slice::from_ref(argument))
            .await;
        done.expect("the page does it");
    }

    pub(crate) async fn ask(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        let value = self.browser.execute(&script, &[]).await;
        value.expect("the page answers")
    }

    pub(crate) async fn quit(self) {
        self.browser.quit().await.expect("the browser ends");
    }

    /// Waits until an expression is true; an error of the player ends the wait.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!("return Boolean(window.state && (state().error || ({expression})))");
        let waited = self.browser.wait_until(&script, WAIT).await;
        let state = self.ask("window.state && state()").await;
        assert!(waited.is_ok(), "{expression}: {waited:?} {state}");
        assert_eq!(state["error"], Value::Null, "{expression}: {state}");
    }
}

/// Serves the page's folder, and another one below `/stream/`.
pub(crate) struct Files {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Files {
    pub(crate) async fn serve(stream: Option<&Path>) -> Self {
        let fetched = Path::new(FOLDER).join("node_modules").is_dir();
        assert!(
            fetched,
            "npm install --no-save --ignore-scripts in {FOLDER}"
        );
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let stream = stream.map(Path::to_owned);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((browser, _)) = listener.accept().await {
                connections.spawn(answer(browser, stream.clone()));
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
async fn answer(mut browser: TcpStream, stream: Option<PathBuf>) -> Option<()> {
    let mut lines = BufReader::new(&mut browser).lines();
    let request = lines.next_line().await.ok()??;
    while !lines.next_line().await.ok()??.is_empty() {}
    let path = request.split([' ', '?']).nth(1)?;
    let file = match (path.strip_prefix("/stream/"), stream) {
        (Some(path), Some(stream)) => stream.join(path),
        _ => Path::new(FOLDER).join(path.trim_start_matches('/')),
    };
    let body = tokio::fs::read(&file).await.unwrap_or_default();
    let kind = match file.extension()?.to_str()? {
        "html" => "text/html",
        "js" => "text/javascript",
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "mp4" | "m4s" => "video/mp4",
        _ => "application/octet-stream",
    };
    let status = if body.is_empty() {
        "404 Not Found"
    } else {
        "200 OK"
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    browser.write_all(head.as_bytes()).await.ok()?;
    browser.write_all(&body).await.ok()?;
    browser.shutdown().await.ok()
}
