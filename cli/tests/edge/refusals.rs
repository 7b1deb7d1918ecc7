//! What can't work is refused with what to do, and a code for scripts.

use crate::process::{Ended, Folder, run};

/// What `weir edge` says to a settings file, or flags.
async fn refused(home: &Folder, settings: &str, args: &[&str]) -> (i32, String) {
    std::fs::write(home.join("weir.toml"), settings).unwrap();
    let quiet = ["edge", "--admin", "off"];
    let Ended { code, err, .. } = run(home.path(), &[&quiet[..], args].concat()).await;
    (code, err)
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_answered_with_what_to_write() {
    let home = Folder::new();
    std::fs::create_dir(home.join("folder")).unwrap();
    std::fs::write(home.join("file"), "short").unwrap();
    let site = "[[edge.site]]\nhost = \"a\"\norigins = [\"http://127.0.0.1:1\"]\n";
    for (settings, said) in [
        ("[edge]\nrma = 1", "line 2, column 1"),
        ("[edge]\nrma = 1", "did you mean `ram`?"),
        ("[edge]\norigin = \"127.0.0.1:1\"", "begin with http://"),
        ("[edge]\ntls_cert = [\"c\"]", "tls_listen is off"),
        (
            "[edge]\ntls_listen = \"127.0.0.1:0\"",
            "needs a certificate",
        ),
        (
            "[edge]\nadmin_listen = \"127.0.0.1:0\"",
            "made, with a new token",
        ),
        (
            "[edge]\nlisten = \"127.0.0.1:0\"\naccess_log = \"none/x\"",
            "its folder must be there",
        ),
        (
            "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
             admin_token_file = \"file\"",
            "at least 16",
        ),
        (
            "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
             admin_token_file = \"folder\"",
            "admin_token_file folder can't be used",
        ),
        (
            &format!("{site}query = \"dorp\""),
            "write \"keep\", \"drop\", or a list",
        ),
        (&format!("{site}heuristik = 1"), "did you mean `heuristic`?"),
        (&site.replace("\"a\"", "\"a:80\""), "without port"),
    ] {
        let (code, err) = refused(&home, settings, &[]).await;
        assert!(code == 3 && err.contains(said), "{settings}: {code} {err}");
        assert!(!err.contains("edge serves"), "{err}");
    }
}

#[tokio::test]
async fn a_flag_that_cannot_be_is_answered_with_what_to_write() {
    let home = Folder::new();
    std::fs::write(home.join("empty"), "\n").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (args, code, said) in [
        (["--listen", "localhost:1"], 2, "IP:PORT"),
        (["--ram", "lots"], 2, "512MiB"),
        (["--disk", "1GiB"], 3, "--cache-dir"),
        (["--join-file", "none"], 3, "--join-file none"),
        (["--join-file", "empty"], 3, "it is empty"),
        (["--listen", &taken], 4, "--listen names another"),
    ] {
        let (ended, err) = refused(&home, "", &args).await;
        assert!(
            ended == code && err.contains(said),
            "{args:?}: {ended} {err}"
        );
    }
    let settings = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"{taken}\"\nadmin_token_file = \"t\""
    );
    let (code, err) = refused(&home, &settings, &[]).await;
    assert!(code == 4 && err.contains("admin_listen"), "{code} {err}");
}

#[tokio::test]
async fn a_command_that_finds_no_edge_says_how_to_name_one() {
    let home = Folder::new();
    std::fs::write(home.join("token"), "x".repeat(20)).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap().to_string();
    drop(listener);
    for (args, code, said) in [
        (&["purge"][..], 2, "--prefix"),
        (&["purge", "/x"], 3, "edge.admin_listen"),
        (
            &["explain", "--admin", &gone, "/x"],
            3,
            "edge.admin_token_file",
        ),
        (
            &["explain", "--admin", &gone, "--token-file", "none", "/x"],
            3,
            "--token-file none",
        ),
        (
            &["purge", "--admin", &gone, "--token-file", "token", "/x"],
            5,
            "does not answer",
        ),
    ] {
        let Ended {
            code: ended, err, ..
        } = run(home.path(), args).await;
        assert!(
            ended == code && err.contains(said),
            "{args:?}: {ended} {err}"
        );
    }
}
