//! The watch page in a browser, asked by `window.weir`.

use std::time::Duration;

use player_test::webdriver::{Browser, BrowserOptions};
use serde::Deserialize;
use serde_json::Value;

use crate::{FIRST_FRAME_MAX_MS, timed};

/// Where to leave a picture of the playing page, if anywhere.
const SCREENSHOT: &str = "WEIR_SCREENSHOT";

/// Longest wait for anything on the page. Chosen: many times what an idle machine takes.
const WAIT: Duration = Duration::from_secs(120);

/// What was on screen, by the video element's own account and the page's.
const WATCHED: &str = "\
    const { played } = document.getElementById('video'); \
    return { \
        first: played.length ? played.start(0) : -1, \
        last: played.length ? played.end(played.length - 1) : 0, \
        pieces: played.length, \
        stalls: weir.stats().stalls \
    }";

/// What is told when a wait was in vain.
const STORY: &str = "return JSON.stringify({ \
    state: weir.state, error: weir.error, stats: weir.stats(), levels: weir.levels() })";

/// What a viewer has seen so far, seconds of media.
#[derive(Debug, Deserialize)]
pub(crate) struct Watched {
    pub(crate) first: f64,
    pub(crate) last: f64,
    /// 1, unless something was skipped.
    pieces: u32,
    stalls: u32,
}

/// A browser on a watch page.
#[derive(Debug)]
pub(crate) struct Page {
    browser: Browser,
}

impl Page {
    /// Opens it in a browser that has seen nothing yet.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_with(BrowserOptions::default(), url).await
    }

    /// The same in a browser that keeps nothing, so that each segment comes from an edge.
    pub(crate) async fn open_forgetful(url: &str) -> Self {
        let arguments = vec!["--disk-cache-size=1".to_owned()];
        let options = BrowserOptions {
            arguments,
            ..BrowserOptions::default()
        };
        Self::open_with(options, url).await
    }

    async fn open_with(options: BrowserOptions, url: &str) -> Self {
        let browser = Browser::start(options).await;
        let browser = browser.expect("chromedriver and chromium start");
        let page = Self { browser };
        page.go(url).await;
        page
    }

    /// Goes to an address; one that differs in its fragment only loads nothing anew.
    pub(crate) async fn go(&self, url: &str) {
        self.browser
            .goto(url)
            .await
            .expect("the edge serves the page");
    }

    pub(crate) async fn close(self) {
        self.browser.quit().await.expect("the browser ends");
    }

    /// The value of an expression.
    pub(crate) async fn ask(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        let value = self.browser.execute(&script, &[]).await;
        value.expect("the page answers")
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!("return {expression}");
        if let Err(error) = self.browser.wait_until(&script, WAIT).await {
            let story = self.browser.execute(STORY, &[]).await;
            let console = self.browser.console().await;
            panic!("{error}\n{story:?}\n{console:#?}");
        }
    }

    /// Waits for the first frame, and tells how long it took.
    pub(crate) async fn until_first_frame(&self, when: &str) {
        self.until("weir.firstFrameMs !== null").await;
        let ms = self.ask("weir.firstFrameMs").await;
        let ms = ms.as_f64().expect("milliseconds");
        println!("{ms:6.0} ms to the first frame, when {when}");
        assert!(ms < FIRST_FRAME_MAX_MS);
    }

    pub(crate) async fn watched(&self) -> Watched {
        let watched = self.browser.execute(WATCHED, &[]).await;
        serde_json::from_value(watched.expect("the page answers")).expect("numbers")
    }

    /// Waits until this position, seconds, was on screen.
    pub(crate) async fn until_watched(&self, secs: f64) {
        let reached = format!(
            "weir.state === 'failed' || (played => \
                played.length > 0 && played.end(played.length - 1) >= {secs} \
            )(document.getElementById('video').played)"
        );
        timed(&format!("watched up to {secs} s"), self.until(&reached)).await;
        let watched = self.watched().await;
        assert!(watched.last >= secs, "{}", self.ask("weir.error").await);
    }

    pub(crate) async fn played_from_0_without_a_stall(&self) {
        let watched = self.watched().await;
        let whole = watched.first < 0.5 && watched.pieces == 1 && watched.stalls == 0;
        assert!(whole, "{watched:?} {}", self.ask("weir.stats()").await);
    }

    /// The overlay is there, and says that the last segment came from this POP, and how.
    pub(crate) async fn overlay_names(&self, pop: &str) {
        self.until(&format!(
            "document.getElementById('stats').checkVisibility() && \
             document.getElementById('s-pop').textContent === '{pop}' && \
             /^(hit|miss)/.test(document.getElementById('s-cache').textContent)"
        ))
        .await;
    }

    /// Takes the rendition of this height, and waits until it is on screen.
    pub(crate) async fn choose(&self, height: u32) {
        let level = format!("weir.levels().find(level => level.height === {height})");
        let width = self.ask(&format!("{level}.width")).await;
        self.ask(&format!("weir.setLevel({level}.index)")).await;
        let switched = format!(
            "document.getElementById('video').videoWidth === {width} && \
             weir.levels().find(level => level.index === weir.level).height === {height}"
        );
        let what = format!("switched to {height} lines");
        timed(&what, self.until(&switched)).await;
    }

    /// The page says why it plays nothing.
    pub(crate) async fn refuses(&self, kind: &str, title: &str) {
        let refused = format!("weir.state === 'failed' && weir.error.kind === '{kind}'");
        self.until(&refused).await;
        assert_eq!(self.notice().await, title);
    }

    /// The heading of the card over the picture; empty if there is none.
    pub(crate) async fn notice(&self) -> String {
        let heading = "document.getElementById('notice').checkVisibility() \
            ? document.getElementById('notice-title').textContent : ''";
        let heading = self.ask(heading).await;
        heading.as_str().expect("a text").to_owned()
    }

    pub(crate) async fn console_is_clean(&self) {
        let console = self.browser.console().await.expect("the browser tells");
        assert!(console.is_empty(), "{console:#?}");
    }

    /// Leaves a picture where the environment says.
    pub(crate) async fn picture(&self) {
        if let Some(path) = std::env::var_os(SCREENSHOT) {
            let saved = self.browser.screenshot(path).await;
            saved.expect("the picture is written");
        }
    }
}
