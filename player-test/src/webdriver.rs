//! Drives a real Chromium through chromedriver (W3C WebDriver), for browser tests.
//!
//! ```no_run
//! # async fn demo() -> Result<(), player_test::webdriver::BrowserError> {
//! use player_test::webdriver::{Browser, BrowserOptions};
//! let browser = Browser::start(BrowserOptions::default()).await?;
//! browser.goto("http://127.0.0.1:8081/watch/a1").await?;
//! let title = browser.execute("return document.title", &[]).await?;
//! browser.screenshot("page.png").await?;
//! browser.quit().await
//! # }
//! ```

mod process;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::fetch::{Client, FetchError, Limits};
use process::Driver;

/// Longest time for a page to load or a script to answer. Chosen.
const PAGE_WAIT: Duration = Duration::from_secs(60);
/// Longest time for any command: a script's, and some for the driver. Chosen.
const COMMAND_WAIT: Duration = Duration::from_secs(75);
/// Longest answer, bytes: a screenshot of a large window. Chosen.
const ANSWER_LEN_MAX: usize = 64 << 20;
/// Pause between two looks of [`Browser::wait_until`]. Chosen.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How WebDriver names an element (W3C WebDriver §11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Keeps Chromium from the network, the disk and the desktop of the machine it runs on.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
];

/// How to start a browser.
#[derive(Debug, Clone)]
pub struct BrowserOptions {
    /// The driver's program, looked up in `PATH`. Default `chromedriver`.
    pub driver: PathBuf,
    /// The browser's program. Default: what the driver finds.
    pub browser: Option<PathBuf>,
    /// Size of the window, pixels. Default 1280 × 800.
    pub window: (u32, u32),
    /// More arguments for the browser.
    pub arguments: Vec<String>,
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            driver: "chromedriver".into(),
            browser: None,
            window: (1280, 800),
            arguments: Vec::new(),
        }
    }
}

/// Why a browser did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The driver could not be started.
    #[error("cannot start {driver}: {reason}")]
    Start {
        /// Its program.
        driver: PathBuf,
        /// What went wrong, and what to install.
        reason: String,
    },
    /// The driver did not answer, or not as WebDriver says.
    #[error("chromedriver: {0}")]
    Driver(String),
    /// The browser refused a command, or a script threw.
    #[error("browser: {error}: {message}")]
    Refused {
        /// WebDriver's error code, such as `javascript error`.
        error: String,
        /// The browser's words.
        message: String,
    },
    /// What a script was to say true to did not come in time.
    #[error("not true within {} s: {script}", within.as_secs())]
    NeverTrue {
        /// The script.
        script: String,
        /// How long it was asked.
        within: Duration,
    },
    /// The screenshot could not be written.
    #[error("cannot write the screenshot")]
    Write(#[source] std::io::Error),
}

/// A headless Chromium with a profile of its own. Dropping it ends driver and browser.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    client: Client,
}

impl Browser {
    /// Starts a driver on a free port, and a browser.
    ///
    /// # Errors
    /// [`BrowserError::Start`] if a program is missing, else whatever the driver says.
    pub async fn start(options: BrowserOptions) -> Result<Self, BrowserError> {
        let driver = Driver::start(&options.driver).await?;
        let mut browser = Self {
            driver,
            client: Client::new(),
        };
        let profile = browser
            .driver
            .folder()
            .join("profile")
            .display()
            .to_string();
        let capabilities = capabilities(&options, &profile);
        let session = browser
            .send(Method::POST, "/session", Some(capabilities))
            .await?;
        let id = session["sessionId"]
            .as_str()
            .ok_or_else(|| BrowserError::Driver("no session id".to_owned()))?;
        browser.driver.session = Some(id.to_owned());
        Ok(browser)
    }

    /// Opens a page and waits until it has loaded.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] if nothing answers at `url`.
    pub async fn goto(&self, url: &str) -> Result<(), BrowserError> {
        self.post("url", json!({ "url": url })).await.map(drop)
    }

    /// Runs the body of a function in the page and returns what it returns; a promise is
    /// awaited, for 60 s at most.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] with `javascript error` if it throws.
    pub async fn execute(&self, script: &str, args: &[Value]) -> Result<Value, BrowserError> {
        self.post("execute/sync", json!({ "script": script, "args": args }))
            .await
    }

    /// Runs the body of a function whose last argument is a callback, and returns what
    /// that is called with, within 60 s.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] with `script timeout` if it is not called.
    pub async fn execute_async(&self, script: &str, args: &[Value]) -> Result<Value, BrowserError> {
        self.post("execute/async", json!({ "script": script, "args": args }))
            .await
    }

    /// Asks a script (the body of a function) until it returns something that is neither
    /// null, false nor 0, and returns that.
    ///
    /// # Errors
    /// [`BrowserError::NeverTrue`] when `within` is over.
    pub async fn wait_until(&self, script: &str, within: Duration) -> Result<Value, BrowserError> {
        let started = Instant::now();
        loop {
            let answer = self.execute(script, &[]).await?;
            if ![json!(null), json!(false), json!(0)].contains(&answer) {
                return Ok(answer);
            }
            if started.elapsed() >= within {
                return Err(BrowserError::NeverTrue {
                    script: script.to_owned(),
                    within,
                });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Chooses a file in an input of the page that a CSS selector finds, as a user would.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] with `no such element` if there is no such input.
    pub async fn choose_file(&self, selector: &str, file: &Path) -> Result<(), BrowserError> {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.post("element", wanted).await?;
        let id = text(&found[ELEMENT]).to_owned();
        let path = file.display().to_string();
        self.post(&format!("element/{id}/value"), json!({ "text": path }))
            .await
            .map(drop)
    }

    /// What the page wrote to its console, and what failed to load, since last asked.
    ///
    /// # Errors
    /// [`BrowserError::Driver`] if the driver is gone.
    pub async fn console(&self) -> Result<Vec<String>, BrowserError> {
        let entries = self.post("se/log", json!({ "type": "browser" })).await?;
        let line = |entry: &Value| format!("{} {}", text(&entry["level"]), text(&entry["message"]));
        Ok(entries.as_array().into_iter().flatten().map(line).collect())
    }

    /// Writes what the window shows, as PNG.
    ///
    /// # Errors
    /// [`BrowserError::Write`] if `path` cannot be written.
    pub async fn screenshot(&self, path: impl AsRef<Path>) -> Result<(), BrowserError> {
        let answer = self
            .send(Method::GET, &self.session("screenshot"), None)
            .await?;
        let png = STANDARD
            .decode(text(&answer))
            .map_err(|_| BrowserError::Driver("screenshot is not base64".to_owned()))?;
        tokio::fs::write(path, png)
            .await
            .map_err(BrowserError::Write)
    }

    /// Where it keeps its profile and temporary files; gone when the browser is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.driver.folder()
    }

    /// Ends the browser, then the driver.
    ///
    /// # Errors
    /// [`BrowserError::Driver`] if the driver is gone; all its processes are ended anyway.
    pub async fn quit(mut self) -> Result<(), BrowserError> {
        let answer = self.send(Method::DELETE, &self.session(""), None).await;
        self.driver.session = None;
        answer.map(drop)
    }

    async fn post(&self, command: &str, body: Value) -> Result<Value, BrowserError> {
        self.send(Method::POST, &self.session(command), Some(body))
            .await
    }

    fn session(&self, command: &str) -> String {
        let id = self.driver.session.as_deref().unwrap_or_default();
        format!("/session/{id}/{command}")
            .trim_end_matches('/')
            .to_owned()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, BrowserError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.driver.port()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(
                body.map_or(Bytes::new(), |body| body.to_string().into()),
            ))
            .map_err(|error| BrowserError::Driver(error.to_string()))?;
        let limits = Limits {
            head: COMMAND_WAIT,
            pause: COMMAND_WAIT,
            len_max: ANSWER_LEN_MAX,
        };
        let answer = self.client.exchange(request, limits).await?;
        let mut json: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| BrowserError::Driver(format!("{} without JSON", answer.status)))?;
        let value = json["value"].take();
        if answer.status.is_success() {
            return Ok(value);
        }
        let (error, message) = (text(&value["error"]), text(&value["message"]));
        Err(BrowserError::Refused {
            error: error.to_owned(),
            message: first_line(message),
        })
    }
}

impl From<FetchError> for BrowserError {
    fn from(error: FetchError) -> Self {
        Self::Driver(error.to_string())
    }
}

fn capabilities(options: &BrowserOptions, profile: &str) -> Value {
    let (width, height) = options.window;
    let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
    arguments.push(format!("--window-size={width},{height}"));
    arguments.push(format!("--user-data-dir={profile}"));
    arguments.extend(options.arguments.iter().cloned());
    let mut chrome = json!({ "args": arguments });
    if let Some(browser) = &options.browser {
        chrome["binary"] = browser.display().to_string().into();
    }
    let wait_ms = u64::try_from(PAGE_WAIT.as_millis()).unwrap_or(u64::MAX);
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "timeouts": { "script": wait_ms, "pageLoad": wait_ms },
        "goog:chromeOptions": chrome,
        "goog:loggingPrefs": { "browser": "ALL" },
    }}})
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}
