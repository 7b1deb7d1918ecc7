//! The source, from the origin to a file.

use std::{io::SeekFrom, ops::Range, path::Path};

use http_body_util::BodyExt;
use tokio::{
    fs::File,
    io::{AsyncSeekExt, AsyncWriteExt, BufWriter},
    time::timeout,
};
use wire::Stage;

use crate::{
    Config, PackagerError,
    input::Input,
    worker::{api::Job, progress::Shared},
};

/// How often a connection may break without having brought a byte.
const BREAKS_MAX: u32 = 5;

/// Reads all `len_bytes` of the source into `path`; where a connection breaks, the next
/// goes on from the last byte.
pub(crate) async fn source(
    config: &Config,
    job: &Job,
    len_bytes: u64,
    path: &Path,
    progress: &Shared,
) -> Result<(), PackagerError> {
    let disk = |source| PackagerError::WorkDir {
        path: path.to_owned(),
        source,
    };
    if len_bytes == 0 {
        return Err(PackagerError::Source("the file is empty".to_owned()));
    }
    let mut file = BufWriter::new(File::create(path).await.map_err(disk)?);
    let (mut have, mut breaks) = (0, 0);
    while have < len_bytes {
        let mut body = job.source(have).await?;
        let before = have;
        // A frame that does not come in time is a broken connection.
        while let Ok(Some(Ok(frame))) = timeout(config.answer_timeout, body.frame()).await {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let wanted = data
                .len()
                .min(usize::try_from(len_bytes - have).unwrap_or(usize::MAX));
            file.write_all(&data[..wanted]).await.map_err(disk)?;
            have += wanted as u64;
            progress.set(Stage::Download, have as f64 / len_bytes as f64, None);
            if have == len_bytes {
                break;
            }
        }
        metrics::counter!("weir_worker_source_bytes_total", "role" => "worker")
            .increment(have - before);
        breaks = if have > before { 0 } else { breaks + 1 };
        if breaks > BREAKS_MAX {
            return Err(PackagerError::Unreachable {
                request: "GET source".to_owned(),
                waited: config.answer_timeout * BREAKS_MAX,
                reason: format!("the connection broke at byte {have}, again and again"),
            });
        }
    }
    file.flush().await.map_err(disk)
}

/// Writes ranges of a source into a file as long as it, where the source has them; the
/// rest is a hole.
pub(crate) async fn outline(
    input: &Input,
    ranges: &[Range<u64>],
    path: &Path,
) -> Result<(), PackagerError> {
    let disk = |source| PackagerError::WorkDir {
        path: path.to_owned(),
        source,
    };
    let mut file = File::create(path).await.map_err(disk)?;
    file.set_len(input.len()).await.map_err(disk)?;
    for range in ranges {
        let bytes = input.read(range.clone()).await?;
        file.seek(SeekFrom::Start(range.start))
            .await
            .map_err(disk)?;
        file.write_all(&bytes).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)
}
