//! Where a presentation is read from.

use std::{io::Read, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    Options,
    session::{Session, What},
    url::Url,
};

/// Longest file that is read, bytes. As for segments over HTTP.
const FILE_LEN_MAX: u64 = 128 << 20;
/// The host that a folder is taken for, so that references resolve by the same rules.
const FOLDER: &str = "http://folder.invalid/";

/// A server, or a folder that is read as if it were one.
pub(super) enum Source {
    Http(Box<Session>),
    Folder(PathBuf),
}

impl Source {
    pub(super) fn http() -> Self {
        // What cannot be played now is told, not waited for.
        let options = Options {
            wait: Duration::ZERO,
            ..Options::default()
        };
        Self::Http(Box::new(Session::new(Arc::new(options))))
    }

    /// The address of a file in a folder.
    pub(super) fn in_folder(name: &str) -> Url {
        Url::parse(&format!("{FOLDER}{name}")).expect("the host and the names are ours")
    }

    /// A URL as it is shown: of a folder, the path in it.
    pub(super) fn show(url: &Url) -> String {
        let text = url.to_string();
        text.strip_prefix(FOLDER)
            .map_or(text.clone(), str::to_owned)
    }

    /// The bytes, and the URL that references in them resolve against.
    pub(super) async fn get(&mut self, what: What, url: &Url) -> Result<(Url, Bytes), String> {
        match self {
            Self::Http(session) => {
                let fetched = session.get(what, url).await;
                fetched
                    .map(|fetched| (fetched.url, fetched.body))
                    .map_err(|fault| fault.to_string())
            }
            Self::Folder(root) => {
                let path = path_in(url).ok_or("outside of the folder")?;
                let file = std::fs::File::open(root.join(path)).map_err(|e| e.to_string())?;
                let mut body = Vec::new();
                file.take(FILE_LEN_MAX + 1)
                    .read_to_end(&mut body)
                    .map_err(|e| e.to_string())?;
                if body.len() as u64 > FILE_LEN_MAX {
                    return Err(format!("longer than {FILE_LEN_MAX} bytes"));
                }
                Ok((url.clone(), body.into()))
            }
        }
    }
}

/// The path below the folder, if it is one that stays there.
fn path_in(url: &Url) -> Option<PathBuf> {
    let shown = url.to_uri().to_string();
    let path = shown.strip_prefix(FOLDER)?.split('?').next()?;
    let path = PathBuf::from(unescape(path)?);
    let inside = |part| matches!(part, std::path::Component::Normal(_));
    path.components().all(inside).then_some(path)
}

/// Percent-encoding undone (RFC 3986 §2.1).
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_never_leaves_the_folder() {
        let path =
            |reference: &str| path_in(&Source::in_folder("a/m.m3u8").join(reference).unwrap());
        assert_eq!(path("b%20c/0.m4s?x=1"), Some(PathBuf::from("a/b c/0.m4s")));
        assert_eq!(path("../../../etc/x"), Some(PathBuf::from("etc/x")));
        for outside in ["%2e%2e/x", "%2Fetc/x", "/%2Fetc/x", "http://other/x", "x%"] {
            assert!(
                path(outside).is_none_or(|p| p.starts_with("a")),
                "{outside}"
            );
        }
        assert_eq!(path("%2e%2e/%2e%2e/x"), None);
    }
}
