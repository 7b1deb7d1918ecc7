//! A validator of presentations: HLS, DASH, CMAF, WebVTT and HTTP, each rule from its
//! standard, none from what Weir's writers do.

mod av1;
mod between;
mod cmaf;
mod codec;
mod context;
mod dash;
mod hls;
mod http;
mod init;
mod language;
mod lock;
mod m3u8;
mod media_playlist;
mod rate;
mod report;
mod representation;
mod rules;
mod schema;
mod segment;
mod source;
mod text;
mod variant;
mod xml;

use std::path::PathBuf;

pub use report::{Checked, Finding, Severity, Validation};

use self::{context::Context, source::Source};
use crate::{PlayError, url::Url};

/// The names that Weir gives the two documents; one is looked for beside the other.
const NAMES: [&str; 2] = ["master.m3u8", "manifest.mpd"];

/// What to validate.
#[derive(Debug, Clone, Default)]
pub struct ValidateOptions {
    /// `http:` URL of a playlist or manifest, a folder, or a file in one.
    pub target: String,
    /// How many segments of each track are read: its first ones and the last. Default all.
    pub sample: Option<usize>,
}

/// Names of all rules, with where they are from.
pub fn validation_rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    rules::ALL.iter().map(|rule| (rule.id, rule.source))
}

/// Reads a presentation as players do and tells which rules it breaks.
///
/// # Errors
/// [`PlayError`] if the options name nothing that can be read.
pub async fn validate(options: ValidateOptions) -> Result<Validation, PlayError> {
    if options.sample.is_some_and(|sample| sample < 2) {
        return Err(PlayError::Options("a sample has at least 2 segments"));
    }
    let (source, given) = open(&options.target)?;
    let mut context = Context::new(source, options.sample);
    let mut found = false;
    for (name, url) in documents(&given) {
        // The one that was named must be there.
        if Some(&url) != given.last() && !context.exists(&url).await {
            continue;
        }
        found = true;
        if name == NAMES[1] {
            dash::check(&mut context, &url).await;
        } else {
            hls::check(&mut context, &url).await;
        }
    }
    if !found {
        return Err(PlayError::Missing(options.target));
    }
    if context.is_http() {
        http::check(&mut context).await;
    }
    Ok(context.report)
}

/// Where to read, and the document if one is named.
fn open(target: &str) -> Result<(Source, Vec<Url>), PlayError> {
    let path = PathBuf::from(target);
    if path.is_dir() {
        return Ok((Source::Folder(path), Vec::new()));
    }
    if path.is_file() {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| PlayError::Url("not UTF-8".to_owned()))?;
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        return Ok((Source::Folder(folder), vec![Source::in_folder(name)]));
    }
    let url = Url::parse(target).map_err(|error| PlayError::Url(error.to_string()))?;
    Ok((Source::http(), vec![url]))
}

/// The document that is named, and the one that may be beside it.
fn documents(given: &[Url]) -> Vec<(&'static str, Url)> {
    let Some(url) = given.first() else {
        return NAMES.map(|name| (name, Source::in_folder(name))).to_vec();
    };
    let uri = url.to_uri();
    let is_mpd = uri.path().ends_with(".mpd");
    let [own, other] = if is_mpd { [NAMES[1], NAMES[0]] } else { NAMES };
    let mut all = vec![(own, url.clone())];
    if uri.path().ends_with(own) {
        let query = uri
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        all.extend(
            url.join(&format!("{other}{query}"))
                .ok()
                .map(|url| (other, url)),
        );
    }
    all
}
