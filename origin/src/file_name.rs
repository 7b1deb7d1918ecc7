//! Names of a version's files, parsed once.

use wire::TrackId;

/// A file beside a version's tracks, of one of the few shapes that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Picture,
    Vtt,
    Json,
}

impl FileName {
    /// `None` for anything that no task of ours writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sheet = || {
            let digits = text.strip_prefix("storyboard-")?.strip_suffix(".jpg")?;
            number(digits)
        };
        let kind = match text {
            "poster.jpg" => Kind::Picture,
            "storyboard.vtt" => Kind::Vtt,
            "chapters.json" => Kind::Json,
            _ if sheet().is_some() => Kind::Picture,
            _ => {
                text.strip_suffix(".vtt")?.parse::<TrackId>().ok()?;
                Kind::Vtt
            }
        };
        Some(Self {
            text: text.to_owned(),
            kind,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Media type.
    pub(crate) fn content_type(&self) -> &'static str {
        match self.kind {
            Kind::Picture => "image/jpeg",
            Kind::Vtt => "text/vtt; charset=utf-8",
            Kind::Json => "application/json",
        }
    }
}

/// A number, written in its one way.
pub(crate) fn number(digits: &str) -> Option<u32> {
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    canonical.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::FileName;

    #[test]
    fn only_names_that_tasks_write_are_files() {
        for (name, content_type) in [
            ("poster.jpg", "image/jpeg"),
            ("storyboard-12.jpg", "image/jpeg"),
            ("storyboard.vtt", "text/vtt; charset=utf-8"),
            ("t1.vtt", "text/vtt; charset=utf-8"),
            ("chapters.json", "application/json"),
        ] {
            let parsed = FileName::parse(name).unwrap();
            assert_eq!(
                (parsed.as_str(), parsed.content_type()),
                (name, content_type)
            );
        }
        for bad in [
            "",
            ".vtt",
            "../t1.vtt",
            "storyboard-.jpg",
            "storyboard-01.jpg",
            "storyboard-+1.jpg",
            "poster.png",
            "index.html",
            "T1.vtt",
        ] {
            assert_eq!(FileName::parse(bad), None, "{bad}");
        }
    }
}
