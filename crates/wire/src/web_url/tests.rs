use super::*;

fn url(text: &str) -> WebUrl {
    text.parse().unwrap()
}

#[test]
fn a_url_is_read_in_one_way() {
    for (text, read) in [
        ("http://a.example", "http://a.example/"),
        ("HTTPS://A.Example:443/B", "https://a.example/B"),
        ("http://a:80/", "http://a/"),
        ("https://a:80/", "https://a:80/"),
        ("http://a?x=1#part", "http://a/?x=1"),
        ("http://a/b/../c/./d", "http://a/c/d"),
        ("http://a/../../b/", "http://a/b/"),
        ("http://a/%2e%2E/b", "http://a/b"),
        ("http://a/ä b|c", "http://a/%C3%A4%20b%7Cc"),
        ("http://a/%2Fb?q=%20", "http://a/%2Fb?q=%20"),
        ("http://192.0.2.1:8080/", "http://192.0.2.1:8080/"),
        ("http://[2001:DB8::1]/", "http://[2001:db8::1]/"),
        (
            "http://xn--bcher-kva.example/",
            "http://xn--bcher-kva.example/",
        ),
    ] {
        assert_eq!(url(text).text(), read, "{text}");
    }
}

#[test]
fn what_two_programs_could_read_in_two_ways_is_refused() {
    for text in [
        "",
        "a.example/b",
        "ftp://a/",
        "file:///etc/passwd",
        "http:/a",
        "http:///a",
        "http://",
        "http://:80/",
        "http://user@a/",
        "http://user:secret@a/",
        "http://a@b@c/",
        "http://a\\@b/",
        "http://a\\b/",
        "http://a\r\nx: y/",
        "http://a/\0",
        "http://a:/",
        "http://a:0/",
        "http://a:+80/",
        "http://a:65536/",
        "http://a:80:80/",
        // Names.
        "http://a./",
        "http://.a/",
        "http://a..b/",
        "http://-a/",
        "http://a b/",
        "http://a%2eb/",
        "http://bücher.example/",
        "http://127。0。0。1/",
        // Addresses in forms that some programs take.
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.01/",
        "http://1.2.3.4.5/",
        "http://1.2.3.256/",
        "http://a.0x10/",
        "http://127.0.0.1./",
        "http://[::1/",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[127.0.0.1]/",
        "http://[::1]x/",
    ] {
        assert!(text.parse::<WebUrl>().is_err(), "{text:?}");
    }
    let long = format!("http://a/{}", "x".repeat(LEN_MAX));
    assert!(long.parse::<WebUrl>().is_err());
}

#[test]
fn a_redirect_is_followed_as_rfc_3986_says() {
    let base = url("https://a.example:8443/b/c?d=1");
    for (reference, joined) in [
        ("http://x/y", "http://x/y"),
        ("//x/y", "https://x/y"),
        ("/y", "https://a.example:8443/y"),
        ("y", "https://a.example:8443/b/y"),
        ("../y?z", "https://a.example:8443/y?z"),
        ("?z", "https://a.example:8443/b/c?z"),
        ("#z", "https://a.example:8443/b/c?d=1"),
        ("y:1", ""),
        ("javascript:alert(1)", ""),
        ("//user@x/", ""),
        ("/\\x", ""),
    ] {
        let text = base.join(reference).map(|url| url.text());
        assert_eq!(text.unwrap_or_default(), joined, "{reference}");
    }
}

#[test]
fn neither_path_nor_query_is_shown_unless_asked_for() {
    let url = url("https://hooks.example/services/secret?token=secret");
    let shown = format!("{url} {url:?} {:?}", url.host());
    assert!(!shown.contains("secret"), "{shown}");
    assert_eq!(url.file_name(), "secret");
    let error = "https://user:secret@a/".parse::<WebUrl>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}
