//! The source's `moov`, fetched.

use std::ops::Range;

use media::bmff::{
    BoxError,
    mp4::{Locate, Movie},
};

use crate::{PackagerError, input::Reads};

/// Most reads until `moov` is found. Chosen: files have a handful of boxes.
const READS_MAX: usize = 64;

/// What a file turned out to be.
pub(crate) enum Index {
    /// Its index, and where in the file that is.
    Mp4(Movie, Range<u64>),
    /// It starts with a box of mp4, but its index cannot be used: why.
    Broken(String),
    NotMp4,
}

/// Reads the index of a source, wherever in it that is.
pub(crate) async fn fetch(input: &impl Reads) -> Result<Index, PackagerError> {
    let mut locate = Locate::new(input.len());
    for reads in 0..READS_MAX {
        if locate.wants().is_empty() {
            return Ok(Index::NotMp4);
        }
        let at = locate.wants();
        let head = input.read(at.clone()).await?;
        let moov = match locate.take(&head) {
            Ok(None) => continue,
            Ok(Some(moov)) => moov,
            Err(BoxError::Missing(_)) => {
                return Ok(Index::Broken(
                    "it has no index (moov): it is cut short, or was never finished".to_owned(),
                ));
            }
            Err(BoxError::TooLong { .. }) => {
                return Ok(Index::Broken("its index is too long".to_owned()));
            }
            Err(BoxError::Truncated { .. }) if reads > 0 || at.end > 16 => {
                return Ok(Index::Broken("its index (moov) is cut short".to_owned()));
            }
            Err(_) => return Ok(Index::NotMp4),
        };
        let bytes = if at.start <= moov.start && moov.end <= at.end {
            head.slice((moov.start - at.start) as usize..(moov.end - at.start) as usize)
        } else {
            input.read(moov.clone()).await?
        };
        return Ok(read(&bytes, moov));
    }
    Ok(Index::NotMp4)
}

fn read(moov: &[u8], at: Range<u64>) -> Index {
    // Size and type; a large one has its size behind them.
    let header_len = if moov.starts_with(&[0, 0, 0, 1]) {
        16
    } else {
        8
    };
    let body = moov.get(header_len..).unwrap_or_default();
    match Movie::read(body) {
        Ok(movie) => Index::Mp4(movie, at),
        Err(error) => Index::Broken(format!("its index cannot be used: {error}")),
    }
}
