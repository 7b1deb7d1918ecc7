//! What people call a track that is added, as it is asked for.

use media::language;
use wire::TrackLabel;

use crate::OriginError;

/// Longest name for people, letters. Chosen.
const NAME_LEN_MAX: usize = 100;

/// Most characteristics, and longest of them, bytes. Chosen: Apple names eight of up to 55.
const CHARACTERISTICS_MAX: usize = 8;
const CHARACTERISTIC_LEN_MAX: usize = 80;

/// A label of these words.
///
/// # Errors
/// The language is none (RFC 5646), or the name is unreasonable.
pub(super) fn label(
    language: &str,
    name: Option<String>,
    default: bool,
) -> Result<TrackLabel, OriginError> {
    let tag = language::tag(language).ok_or_else(|| {
        OriginError::BadRequest(format!(
            "{language:?} is no language: name it as RFC 5646 does, such as de or pt-BR"
        ))
    })?;
    let name = name.filter(|name| !name.trim().is_empty());
    if name.as_ref().is_some_and(|name| {
        name.chars().count() > NAME_LEN_MAX || name.chars().any(char::is_control)
    }) {
        return Err(OriginError::BadRequest(format!(
            "a name is up to {NAME_LEN_MAX} letters without line breaks"
        )));
    }
    Ok(TrackLabel {
        language: Some(tag),
        name,
        default,
        characteristics: Vec::new(),
    })
}

/// Uniform type identifiers between commas, as HLS' CHARACTERISTICS has them.
///
/// # Errors
/// One is none, or there are too many.
pub(super) fn characteristics(text: &str) -> Result<Vec<String>, OriginError> {
    let good = |id: &&str| {
        (1..=CHARACTERISTIC_LEN_MAX).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    };
    let ids: Vec<&str> = text.split(',').filter(|id| !id.is_empty()).collect();
    match ids.iter().find(|id| !good(id)) {
        Some(id) => Err(OriginError::BadRequest(format!(
            "{id:?} is no characteristic, such as public.accessibility.describes-video"
        ))),
        None if ids.len() > CHARACTERISTICS_MAX => Err(OriginError::BadRequest(format!(
            "a track has {CHARACTERISTICS_MAX} characteristics at most"
        ))),
        None => Ok(ids.into_iter().map(str::to_owned).collect()),
    }
}
