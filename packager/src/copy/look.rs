//! Whether a source's streams can be published as they are, and cut where.

use wire::PackageSettings;

use super::{
    CopyPlan, CopyTrack, Copyable, LeftAudio, Verdict, audio, cuts,
    heads::{self, Heads},
    index::{self, Index},
    outline,
    video::{self, Video},
};
use crate::{PackagerError, input::Input};

/// How often cuts are chosen anew when a keyframe turned out to be none, before all of
/// them are read. Chosen.
const ROUNDS: usize = 4;

/// Looks at a source.
pub(crate) async fn look(
    input: &Input,
    settings: &PackageSettings,
) -> Result<Verdict, PackagerError> {
    if !settings.copy {
        return Ok(Verdict::Refused("copying is turned off".to_owned()));
    }
    let (movie, moov) = match index::fetch(input).await? {
        Index::Mp4(movie, moov) => (movie, moov),
        Index::Broken(reason) => return Ok(Verdict::Refused(reason)),
        Index::NotMp4 => return Ok(Verdict::NotMp4),
    };
    let video = match video::read(&movie, input.len()) {
        Ok(video) => video,
        Err(reason) => return Ok(Verdict::Refused(reason)),
    };
    let cuts = match choose(input, &video, settings.segment_secs).await? {
        Ok(cuts) => cuts,
        Err(reason) => return Ok(Verdict::Refused(reason)),
    };
    let planned = match video.planned(&cuts) {
        Ok(planned) => planned,
        Err(reason) => return Ok(Verdict::Refused(reason)),
    };
    let mut plan = CopyPlan {
        timescale: video.track.timescale,
        published: video.track.timescale,
        starts: cuts.iter().map(|cut| video.time_of(*cut)).collect(),
        end: video.end(),
        zero_secs: video.zero_secs(&movie),
        segment_secs: settings.segment_secs,
        tracks: vec![CopyTrack {
            source: video.track.id,
            audio_index: None,
            planned,
            zero: video.zero,
            samples: video.samples,
        }],
        left: Vec::new(),
        warnings: video.warnings.clone(),
    };
    add_audio(&mut plan, &movie, &video, input.len());
    Ok(Verdict::Copy(Box::new(Copyable {
        plan,
        line: outline::line(&video, &movie),
        outline: outline::outline(&movie, moov, input.len()),
    })))
}

/// All audio that fits is copied too.
fn add_audio(plan: &mut CopyPlan, movie: &media::bmff::mp4::Movie, video: &Video<'_>, len: u64) {
    let tracks = movie.tracks.iter().filter(|track| track.is_audio());
    for (audio_index, track) in (0..).zip(tracks) {
        let place = video.zero_of(movie, track).map(|zero| audio::Place {
            zero,
            number: plan.tracks.len(),
            file_len: len,
            ends: plan.duration_secs(),
            cut_short: !video.warnings.is_empty(),
        });
        let place = place.ok_or_else(|| "its edit list is out of reach".to_owned());
        match place.and_then(|place| audio::read(movie, track, &place)) {
            Ok(copied) => plan.tracks.push(CopyTrack {
                audio_index: Some(audio_index),
                ..copied
            }),
            Err(reason) => plan.left.push(LeftAudio {
                source: track.id,
                audio_index,
                reason,
            }),
        }
    }
}

/// Cuts that all are IDR pictures, as numbers of frames; why there are none.
async fn choose(
    input: &Input,
    video: &Video<'_>,
    segment_secs: f64,
) -> Result<Result<Vec<usize>, String>, PackagerError> {
    let mut heads = Heads::new(input, video);
    for round in 0..=ROUNDS {
        let candidates: Vec<usize> = video.candidates(|frame| heads.may_be_idr(frame));
        if candidates.first() != Some(&0) {
            return Ok(Err("it does not start with an IDR picture".to_owned()));
        }
        let times: Vec<f64> = candidates.iter().map(|c| video.secs_of(*c)).collect();
        let chosen = match cuts::choose(&times, video.end_secs(), segment_secs) {
            Ok(chosen) => chosen,
            Err(gap) => return Ok(Err(gap.to_string())),
        };
        let chosen: Vec<usize> = chosen.into_iter().map(|n| candidates[n]).collect();
        let read = if round == ROUNDS {
            candidates
        } else {
            chosen.clone()
        };
        if read.len() > heads::READS_MAX {
            return Ok(Err("it has too many keyframes that are none".to_owned()));
        }
        heads.check(&read).await?;
        if let Some(reason) = heads.refused() {
            return Ok(Err(reason));
        }
        if chosen.iter().all(|cut| heads.may_be_idr(*cut)) {
            return Ok(Ok(chosen));
        }
    }
    // Every candidate has been read: those that are left are IDR pictures.
    let candidates: Vec<usize> = video.candidates(|frame| heads.may_be_idr(frame));
    let times: Vec<f64> = candidates.iter().map(|c| video.secs_of(*c)).collect();
    if candidates.first() != Some(&0) {
        return Ok(Err("it does not start with an IDR picture".to_owned()));
    }
    Ok(match cuts::choose(&times, video.end_secs(), segment_secs) {
        Ok(chosen) => Ok(chosen.into_iter().map(|n| candidates[n]).collect()),
        Err(gap) => Err(gap.to_string()),
    })
}
