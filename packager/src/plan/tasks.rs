//! The work that a plan makes.

use wire::{Lead, PackageSettings, PlannedTrack, Task, TaskKind, TrackId};

use crate::plan::recipe::Recipe;

/// A source longer than this, seconds, has a lead of its own accord: what is shorter than a
/// span is encoded almost as soon as its lead would be.
const LEAD_SECS: f64 = 20.0;

/// The tasks, the most urgent first: what a viewer needs to start, then what the first
/// renditions lack, then what makes it whole. `pictures` are those to be encoded.
/// Those in `hevc` and `av1` come last: they are a choice of a version that is whole without
/// them.
pub(super) fn tasks(
    (pictures, hevc, av1): (&[PlannedTrack], &[PlannedTrack], &[PlannedTrack]),
    recipe: &Recipe,
    settings: &PackageSettings,
) -> Vec<Task> {
    let task = |kind, tracks: &[&TrackId]| Task {
        kind,
        tracks: tracks.iter().copied().cloned().collect(),
        ..Task::plan()
    };
    let mut tasks = Vec::new();
    if let Some(copy) = &recipe.copy {
        let ids = copy.track_ids();
        tasks.push(task(TaskKind::Copy, &ids.iter().collect::<Vec<_>>()));
    }
    let sounds = recipe.sounds.iter();
    tasks.extend(sounds.map(|sound| task(TaskKind::Audio, &[&sound.track])));
    let all: Vec<&TrackId> = pictures.iter().map(|track| &track.track).collect();
    let ahead = match settings.lead {
        Lead::Auto => recipe.copy.is_some() || recipe.source.duration_secs > LEAD_SECS,
        Lead::On => true,
        Lead::Off => false,
    };
    let ahead = ahead && all.len() > 1 && !recipe.spans.is_empty();
    let (rest, lead) = all.split_at(all.len() - usize::from(ahead));
    let spans = |kind, tracks: &[&TrackId]| -> Vec<Task> {
        if tracks.is_empty() {
            return Vec::new();
        }
        let spans = recipe.spans.iter().zip(0..);
        let spans = spans.map(|(span, number)| Task {
            span: number,
            segments: Some((span.first, span.end)),
            ..task(kind, tracks)
        });
        match recipe.spans.is_empty() {
            true => vec![task(kind, tracks)],
            false => spans.collect(),
        }
    };
    tasks.extend(spans(TaskKind::Lead, lead));
    if !recipe.samples.is_empty() && !rest.is_empty() {
        tasks.push(Task {
            optional: true,
            ..task(TaskKind::Analysis, &[])
        });
    }
    if !recipe.targets.is_empty() && !rest.is_empty() {
        // They write no tracks: those of `rest` are looked at.
        let mut first = spans(TaskKind::FirstPass, rest);
        for task in &mut first {
            (task.tracks, task.segments) = (Vec::new(), None);
        }
        tasks.extend(first);
    }
    tasks.extend(spans(TaskKind::Rest, rest));
    tasks.extend(recipe.texts.iter().map(|words| Task {
        optional: true,
        ..task(TaskKind::Text, &[&words.track])
    }));
    let shows = recipe.source.video.is_some() || !recipe.source.covers.is_empty();
    if shows && settings.images {
        tasks.push(Task {
            optional: true,
            ..task(TaskKind::Images, &[])
        });
    }
    for (kind, tracks) in [(TaskKind::Hevc, hevc), (TaskKind::Av1, av1)] {
        let ids: Vec<&TrackId> = tracks.iter().map(|track| &track.track).collect();
        tasks.extend(spans(kind, &ids));
    }
    tasks
}
