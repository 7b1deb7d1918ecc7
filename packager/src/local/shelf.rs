//! A plain folder that takes what tasks make: one version, as files.

mod presentation;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use bytes::Bytes;
use media::{Edit, Encryption, ManifestError, Presentation, bmff::init_info, dash, hls};
use wire::{Pass, PassCost, Plan, TrackId};

use super::{partial::Partial, paths::is_empty};
use crate::{PackagerError, encode::segment::Segment};

/// Folder of what is no part of the version, below it; removed when all is done.
pub(crate) const WORK: &str = ".work";

/// A folder that becomes a version. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shelf(Arc<Inner>);

struct Inner {
    root: PathBuf,
    held: Mutex<Held>,
    /// Whether anything may still be written; who writes holds it.
    open: RwLock<bool>,
}

/// What is in the folder.
#[derive(Default)]
struct Held {
    plan: Option<Plan>,
    tracks: BTreeMap<TrackId, Stored>,
    files: BTreeSet<String>,
    /// What was begun in the folder: files and subfolders.
    begun: BTreeSet<String>,
    passes: Vec<Pass>,
    storyboard: Option<media::Storyboard>,
    /// Longest picture of the storyboard, bytes.
    sheet_len_max: u64,
}

/// What is stored of a track.
#[derive(Default)]
struct Stored {
    init: Option<(Bytes, String, u32)>,
    segments: BTreeMap<u32, media::Segment>,
}

/// Clears its folder when dropped.
pub(crate) struct Unkept(Option<Shelf>);

impl Unkept {
    /// All is written.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        if let Some(shelf) = &self.0 {
            shelf.clear();
        }
    }
}

impl Shelf {
    /// A new folder at `root`, or an empty one that is there.
    pub(crate) fn open(root: &Path) -> Result<Self, PackagerError> {
        std::fs::create_dir_all(root).map_err(|e| fault(root, e))?;
        is_empty(root, std::fs::read_dir(root))?;
        Ok(Self(Arc::new(Inner {
            root: root.to_owned(),
            held: Mutex::default(),
            open: RwLock::new(true),
        })))
    }

    pub(crate) fn put_plan(&self, plan: &Plan) {
        self.held().plan = Some(plan.clone());
    }

    pub(crate) fn plan(&self) -> Option<Plan> {
        self.held().plan.clone()
    }

    /// The clear one says what the track is, also where what is stored is encrypted.
    pub(crate) async fn put_init(
        &self,
        track: &TrackId,
        clear: &Bytes,
        init: Bytes,
    ) -> Result<(), PackagerError> {
        let info = init_info(clear).map_err(crate::encode::segment::wrong)?;
        {
            let mut held = self.held();
            let stored = held.tracks.entry(track.clone()).or_default();
            match &stored.init {
                Some((known, ..)) if *known == init => return Ok(()),
                Some(_) => {
                    return Err(PackagerError::Encoder(format!(
                        "two spans of {track} have different parameter sets"
                    )));
                }
                None => stored.init = Some((init.clone(), info.codec, info.timescale)),
            }
        }
        self.write(&format!("{track}/init.mp4"), init).await
    }

    pub(crate) async fn put_segment(
        &self,
        (track, extension): (&TrackId, &str),
        segment: &Segment,
    ) -> Result<(), PackagerError> {
        let bytes = segment.bytes.clone();
        let row = media::Segment {
            start: segment.start,
            duration: segment.duration,
            len_bytes: bytes.len() as u64,
            iframe_len_bytes: segment.iframe_len,
        };
        let fill = move |file: &mut Partial| file.write(&bytes).map(|()| row);
        self.fill_segment((track, extension), segment.number, fill)
            .await
    }

    /// A segment that `fill` writes; it gives its row.
    pub(crate) async fn fill_segment(
        &self,
        (track, extension): (&TrackId, &str),
        number: u32,
        fill: impl FnOnce(&mut Partial) -> Result<media::Segment, PackagerError> + Send + 'static,
    ) -> Result<(), PackagerError> {
        let name = format!("{track}/{number}.{extension}");
        let row = self.fill(&name, fill).await?;
        let mut held = self.held();
        let stored = held.tracks.entry(track.clone()).or_default();
        stored.segments.insert(number, row);
        Ok(())
    }

    /// Keeps what a first pass found of a span, until it is encoded.
    pub(crate) async fn put_pass(
        &self,
        (span, track, cost): (u32, &TrackId, &PassCost),
        log: Bytes,
    ) -> Result<(), PackagerError> {
        let pass = Pass {
            span,
            track: track.clone(),
            len_bytes: log.len() as u64,
            cost: *cost,
        };
        self.write(&log_name(&pass), log).await?;
        self.held().passes.push(pass);
        Ok(())
    }

    /// What first passes found so far.
    pub(crate) fn passes(&self) -> Vec<Pass> {
        self.held().passes.clone()
    }

    /// The log of a first pass; it is read once.
    pub(crate) fn pass(&self, pass: &Pass) -> Result<Bytes, PackagerError> {
        let path = self.0.root.join(log_name(pass));
        let log = std::fs::read(&path).map_err(|e| fault(&path, e))?;
        // What stays goes with the folder of all.
        let _ = std::fs::remove_file(&path);
        Ok(log.into())
    }

    pub(crate) async fn put_file(&self, name: &str, bytes: Bytes) -> Result<(), PackagerError> {
        self.write(name, bytes.clone()).await?;
        let mut held = self.held();
        held.files.insert(name.to_owned());
        if name == "storyboard.vtt" {
            held.storyboard = media::Storyboard::from_vtt(&String::from_utf8_lossy(&bytes));
        } else if name.starts_with("storyboard-") {
            held.sheet_len_max = held.sheet_len_max.max(bytes.len() as u64);
        }
        Ok(())
    }

    /// A task failed that the version can do without.
    pub(crate) fn drop_tracks(&self, tracks: &[TrackId]) {
        let mut held = self.held();
        for track in tracks {
            held.tracks.remove(track);
        }
        if let Some(plan) = &mut held.plan {
            plan.tracks.retain(|t| !tracks.contains(&t.track));
        }
        drop(held);
        for track in tracks {
            // What it may have of them.
            let _ = std::fs::remove_dir_all(self.0.root.join(track.as_str()));
        }
    }

    /// A folder that is not kept is cleared, whatever ends the work: an error, or the
    /// drop of what does it.
    pub(crate) fn unless_kept(&self) -> Unkept {
        Unkept(Some(self.clone()))
    }

    /// All tasks are done: writes the playlists and the MPD. Gives the duration of the
    /// longest track, seconds.
    pub(crate) async fn seal(
        &self,
        segment_secs: f64,
        encryption: Option<Encryption>,
    ) -> Result<f64, PackagerError> {
        let presentation = Presentation {
            encryption,
            ..self.presentation(segment_secs)?
        };
        let edit = Edit::default();
        let mut files = vec![(
            "master.m3u8".to_owned(),
            hls::multivariant(&presentation, "", &edit).map_err(unlisted)?,
        )];
        match dash::mpd(&presentation, "", &edit) {
            Ok(mpd) => files.push(("manifest.mpd".to_owned(), mpd)),
            Err(ManifestError::HlsOnly) => {}
            Err(error) => return Err(unlisted(error)),
        }
        for track in &presentation.tracks {
            let playlist = hls::media_playlist(track, &presentation, &edit);
            let playlist = playlist.map_err(unlisted)?;
            files.push((format!("{}/index.m3u8", track.name), playlist));
            if let Ok(iframes) = hls::iframe_playlist(track, &presentation, &edit) {
                files.push((format!("{}/iframes.m3u8", track.name), iframes));
            }
        }
        for (name, text) in files {
            self.write(&name, text.into()).await?;
        }
        let end_secs = |track: &media::Track| track.end() as f64 / f64::from(track.timescale);
        let of_media = presentation.tracks.iter().filter(|track| !track.is_text());
        Ok(of_media.map(end_secs).fold(0.0, f64::max))
    }

    /// Removes all that was written; the folder too, if that
    /// leaves it empty. Nothing is written after it.
    fn clear(&self) {
        // Waits for writes under way: their task may be gone, they are not.
        *self.0.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        for name in &self.held().begun {
            let path = self.0.root.join(name);
            // What there is of it.
            let _ = std::fs::remove_file(Partial::beside(&path));
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_dir_all(&path);
        }
        let _ = std::fs::remove_dir(&self.0.root);
    }

    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), PackagerError> {
        self.fill(name, move |file| file.write(&bytes)).await
    }

    /// Complete or not at all, under its name.
    async fn fill<T: Send + 'static>(
        &self,
        name: &str,
        fill: impl FnOnce(&mut Partial) -> Result<T, PackagerError> + Send + 'static,
    ) -> Result<T, PackagerError> {
        let top = name.split('/').next().unwrap_or(name);
        self.held().begun.insert(top.to_owned());
        let (path, inner) = (self.0.root.join(name), self.0.clone());
        let fill = move || {
            let open = inner.open.read().unwrap_or_else(PoisonError::into_inner);
            if !*open {
                return Err(PackagerError::Stopped);
            }
            let mut file = Partial::create(&path)?;
            let filled = fill(&mut file)?;
            file.done()?;
            Ok(filled)
        };
        let filled = tokio::task::spawn_blocking(fill).await;
        filled.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the log of a first pass is kept.
fn log_name(pass: &Pass) -> String {
    format!("{WORK}/{}-{}", pass.span, pass.track)
}

fn unlisted(error: ManifestError) -> PackagerError {
    PackagerError::Encoder(format!("no manifest can be written: {error}"))
}

pub(super) fn fault(path: &Path, source: io::Error) -> PackagerError {
    PackagerError::Output {
        path: path.to_owned(),
        source,
    }
}
