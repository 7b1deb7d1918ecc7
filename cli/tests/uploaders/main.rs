//! The uploaders that people use, in Debian's Chromium: each sends a file although the origin is
//! killed and the page is loaded again, and every byte is there in the end.
//!
//! `WEIR_UPLOAD_MIB=1024 cargo test --package cli --features s3 --test uploaders -- --nocapture
//! --test-threads 1` does it with a gibibyte.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod link;
mod origin;
mod page;

use std::{
    fs::File,
    io::{BufReader, Read, Write},
    path::Path,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{link::Link, origin::Origin, page::Page};

const MIB: u64 = 1 << 20;

/// Length of the file unless `WEIR_UPLOAD_MIB` says otherwise: several parts of S3, and more than
/// Uppy remembers of a file.
const FILE_MIB: u64 = 40;

/// What one interruption may cost: an origin flushes tus every 8 MiB, Uppy's parts have 5 MiB, and
/// some bytes are in buffers on the way.
const LOST_MAX: u64 = 10 * MIB;

/// Longest wait without a byte.
const WAIT: Duration = Duration::from_secs(240);

/// A file whose start is no document's.
fn file(folder: &Path) -> (std::path::PathBuf, u64) {
    let mib = std::env::var("WEIR_UPLOAD_MIB").map_or(FILE_MIB, |text| {
        text.parse().expect("WEIR_UPLOAD_MIB is a number")
    });
    let path = folder.join("film.mp4");
    let mut file = File::create(&path).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..mib {
        let words = std::iter::repeat_with(|| {
            // xorshift64: Marsaglia, "Xorshift RNGs".
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        let bytes: Vec<u8> = words.take(1 << 17).flatten().collect();
        file.write_all(&bytes).unwrap();
    }
    (path, mib * MIB)
}

fn same_bytes(one: &Path, other: &Path) -> bool {
    let [mut one, mut other] = [one, other].map(|path| BufReader::new(File::open(path).unwrap()));
    let (mut left, mut right) = (vec![0; 1 << 20], Vec::new());
    loop {
        let read = one.read(&mut left).unwrap();
        right.clear();
        let wanted = if read == 0 { 1 } else { read as u64 };
        other.by_ref().take(wanted).read_to_end(&mut right).unwrap();
        if left[..read] != right[..] {
            return false;
        }
        if read == 0 {
            return true;
        }
    }
}

/// How a file goes up.
struct Way<'a> {
    uploader: &'a str,
    origin: Origin,
    /// What the bytes pass.
    link: Link,
    endpoint: String,
}

impl Way<'_> {
    /// Sends a file with a kill of the origin and a reload of the page between; afterwards it is
    /// in the folder of `sources`, under its upload's id.
    async fn resumes_to_the_last_byte(mut self, sources: &Path) {
        let folder = tempfile::tempdir().unwrap();
        let (film, len_bytes) = file(folder.path());
        let page = Page::open(self.uploader, &self.endpoint).await;
        let began = Instant::now();
        let (first, second) = (len_bytes * 4 / 10, len_bytes * 7 / 10);
        self.link.allow(first);
        self.send(&page, &film).await;
        self.until_passed(&page, first).await;

        self.origin.kill();
        self.link.allow(second);
        self.link.cut();
        self.origin.start_again().await;
        self.until_passed(&page, second).await;

        page.load().await;
        self.link.cut();
        self.link.allow(u64::MAX);
        if self.has_dashboard() {
            // Uppy remembers the file, but not its bytes.
            page.until("reselect()").await;
        }
        self.send(&page, &film).await;
        self.until_passed(&page, len_bytes).await;
        page.until("retried() && state().url").await;
        let (passed, took) = (self.link.passed(), began.elapsed());
        let url = page.ask("state().url").await;
        page.quit().await;
        let uploader = self.uploader;
        println!("{uploader}: {len_bytes} bytes in {took:.1?}, {passed} went up");
        assert!(passed < len_bytes + 2 * LOST_MAX, "it went on, not anew");
        let id = url.as_str().and_then(|url| url.rsplit('/').next());
        let there = sources.join(id.expect("the upload's address"));
        assert!(same_bytes(&film, &there), "{uploader}: other bytes");
    }

    fn has_dashboard(&self) -> bool {
        self.uploader.starts_with("uppy")
    }

    async fn send(&self, page: &Page, film: &Path) {
        page.choose(film).await;
        if self.has_dashboard() {
            page.until("press('upload')").await;
        }
    }

    /// Waits until so many bytes went up; presses Retry where the uploader gave up.
    async fn until_passed(&self, page: &Page, bytes: u64) {
        let (mut passed, mut news) = (0, Instant::now());
        while self.link.passed() < bytes {
            if passed != self.link.passed() {
                (passed, news) = (self.link.passed(), Instant::now());
            }
            page.ask("retried()").await;
            if news.elapsed() > WAIT {
                let (state, console) = page.story().await;
                panic!("{passed} of {bytes} bytes: {state} {console:#?}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn tus_js_client_goes_on_after_a_kill_and_a_reload() {
    by_tus("tus-js").await;
}

#[tokio::test]
async fn uppys_dashboard_goes_on_by_tus_after_a_kill_and_a_reload() {
    by_tus("uppy-tus").await;
}

async fn by_tus(uploader: &str) {
    let origin = Origin::start(&[]).await;
    let link = Link::to(origin.address).await;
    let sources = origin.sources();
    let way = Way {
        uploader,
        endpoint: format!("http://{}/api/uploads", link.address),
        origin,
        link,
    };
    way.resumes_to_the_last_byte(&sources).await;
}

#[cfg(feature = "s3")]
#[tokio::test]
async fn uppys_dashboard_goes_on_to_a_bucket_after_a_kill_and_a_reload() {
    use testkit::s3::{BUCKET, KEY, SECRET, Server};

    let bucket = Server::start().await;
    let link = Link::to(bucket.address).await;
    let origin = Origin::start(&[
        ("WEIR_STORE__BUCKET", BUCKET),
        ("WEIR_STORE__ENDPOINT", &format!("http://{}", link.address)),
        ("WEIR_STORE__PATH_STYLE", "true"),
        // s3s-fs copies all parts together, not optimised here.
        ("WEIR_STORE__ANSWER_TIMEOUT", "200s"),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ])
    .await;
    let way = Way {
        uploader: "uppy-s3",
        endpoint: format!("http://{}/api/uploads", origin.address),
        origin,
        link,
    };
    way.resumes_to_the_last_byte(&bucket.bucket().join("sources"))
        .await;
}
