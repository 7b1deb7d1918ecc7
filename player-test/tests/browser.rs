//! The browser driver, with the real Chromium.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
    time::Duration,
};

use player_test::webdriver::{Browser, BrowserError, BrowserOptions};
use serde_json::json;
use tokio::time::{Instant, sleep};

async fn browser() -> Browser {
    Browser::start(BrowserOptions::default())
        .await
        .expect("chromedriver and chromium start")
}

#[tokio::test]
async fn a_page_is_opened_asked_and_pictured() {
    let browser = browser().await;
    browser
        .goto("data:text/html,<title>one</title><p id=x>two</p>")
        .await
        .unwrap();
    let title = browser
        .execute("return document.title + arguments[0]", &[json!("!")])
        .await;
    assert_eq!(title.unwrap(), "one!");
    let later = "const done = arguments[arguments.length - 1]; setTimeout(() => done({a: 1}), 10)";
    assert_eq!(
        browser.execute_async(later, &[]).await.unwrap(),
        json!({ "a": 1 })
    );
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("page.png");
    browser.screenshot(&picture).await.unwrap();
    let png = std::fs::read(picture).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 1280);
    browser.quit().await.unwrap();
}

#[tokio::test]
async fn what_goes_wrong_in_the_page_is_told() {
    let browser = browser().await;
    let thrown = browser
        .execute("throw new Error('no such thing')", &[])
        .await
        .unwrap_err();
    assert!(
        matches!(&thrown, BrowserError::Refused { error, message }
            if error == "javascript error" && message.contains("no such thing")),
        "{thrown}"
    );
    browser
        .execute("setTimeout(() => { window.ready = 7 }, 100)", &[])
        .await
        .unwrap();
    let ready = browser
        .wait_until("return window.ready", Duration::from_secs(20))
        .await;
    assert_eq!(ready.unwrap(), 7);
    let never = browser
        .wait_until("return false", Duration::from_millis(1))
        .await;
    assert!(matches!(never, Err(BrowserError::NeverTrue { .. })));
    browser
        .execute("console.error('look here')", &[])
        .await
        .unwrap();
    let console = browser.console().await.unwrap();
    assert!(
        console.iter().any(|line| line.contains("look here")),
        "{console:?}"
    );
}

#[tokio::test]
async fn a_dropped_browser_leaves_no_process_and_no_folder() {
    let marker = format!("--weir-test={}-dropped", std::process::id());
    let options = BrowserOptions {
        arguments: vec![marker.clone()],
        ..Default::default()
    };
    let browser = Browser::start(options).await.unwrap();
    assert!(is_running(&marker));
    let folder = browser.folder().to_owned();
    assert!(folder.is_dir());
    drop(browser);
    assert!(!folder.exists());
    // The kernel ends what was killed a moment later; nothing tells when.
    let started = Instant::now();
    while is_running(&marker) && started.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(!is_running(&marker));
}

/// Whether some process has this argument.
fn is_running(argument: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let line = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let mut lines = processes.filter_map(line);
    lines.any(|line| {
        String::from_utf8_lossy(&line)
            .split('\0')
            .any(|word| word == argument)
    })
}

#[tokio::test]
async fn a_missing_driver_is_named_with_its_package() {
    let options = BrowserOptions {
        driver: "no-such-driver".into(),
        ..Default::default()
    };
    let error = Browser::start(options).await.unwrap_err().to_string();
    assert!(
        error.contains("no-such-driver") && error.contains("apt install"),
        "{error}"
    );
}

/// A program that is the driver, but on its first `tries` starts told to take a port that
/// this test holds.
fn driver_whose_port_is_taken(folder: &Path, taken: &TcpListener, tries: u32) -> BrowserOptions {
    let driver = folder.join("driver");
    let port = taken.local_addr().expect("it is bound").port();
    let script = format!(
        "#!/bin/sh\ncd {} && n=$(ls | wc -l)\n\
         [ $n -gt {tries} ] && exec chromedriver \"$@\"\n\
         touch try-$n && exec chromedriver --port={port}\n",
        folder.display()
    );
    // Written by a process of its own: a fork of another test's would hold this file open
    // for writing for a moment, and the kernel refuses to start such a file.
    let write = "printf %s \"$1\" > \"$0\" && chmod +x \"$0\"";
    let written = Command::new("sh")
        .args(["-c", write])
        .args([driver.as_os_str(), script.as_ref()])
        .status();
    assert!(written.expect("sh is there").success());
    BrowserOptions {
        driver,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_driver_whose_port_is_taken_is_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options = driver_whose_port_is_taken(folder.path(), &taken, 2);
    let browser = Browser::start(options).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    browser.quit().await.unwrap();
}

#[tokio::test]
async fn a_driver_that_never_starts_is_told_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options = driver_whose_port_is_taken(folder.path(), &taken, u32::MAX);
    let told = Browser::start(options).await.unwrap_err().to_string();
    assert!(told.contains("port not available"), "{told}");
}
