//! The tasks of one source that is packaged here: which is next, and what came of them.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;
use wire::{Plan, PlannedKind, PlannedTrack, Task, TaskKind};

use crate::{PackagerError, attempt::DAMAGED, passes, plan::recipe::Recipe, worker::call::causes};

/// What the tasks beside the pictures cost, as pixels a second of media. Estimated; it
/// moves a progress bar and nothing else.
const SIDE_COST: f64 = 20_000.0;
/// What HEVC costs, as times H.264. Estimated; as above.
const HEVC_COST: f64 = 4.0;
/// The same of AV1.
const AV1_COST: f64 = 2.0;

/// What a first pass costs, as times what it is for. Measured: 0.75 to 0.83.
const FIRST_PASS_COST: f64 = 0.8;

/// A copy whose pictures do not decode is told so.
const COPY_DAMAGED: &str = "the source's own pictures are damaged: only what was encoded of \
    them is published";

/// The tasks that are left, and what came of the others.
pub(crate) struct Board {
    all: f64,
    held: Mutex<Held>,
    /// The last first pass is done.
    allotted: Notify,
}

#[derive(Default)]
struct Held {
    left: VecDeque<(Task, f64)>,
    /// First passes that are not done.
    measuring: usize,
    done: f64,
    warnings: Vec<String>,
    dropped: Vec<wire::TrackId>,
    /// Whoever decoded the pictures met faults in them.
    damaged: bool,
}

impl Board {
    pub(crate) fn new(plan: &Plan) -> Result<Self, PackagerError> {
        let recipe = Recipe::of(plan)?;
        let weighed = |task: &Task| (task.clone(), weight(task, plan, &recipe));
        let left: VecDeque<_> = plan.tasks.iter().map(weighed).collect();
        Ok(Self {
            all: left.iter().map(|(_, weight)| weight).sum(),
            held: Mutex::new(Held {
                measuring: left.iter().filter(|(task, _)| is_first_pass(task)).count(),
                left,
                ..Held::default()
            }),
            allotted: Notify::new(),
        })
    }

    /// The next task: of those beside the pictures, or of the pictures, while there are.
    /// Waits where all that is left is what first passes under way decide about.
    pub(crate) async fn next(&self, side: bool) -> Option<(Task, f64)> {
        loop {
            let allotted = self.allotted.notified();
            if let Some(next) = self.lock().next(side) {
                return next;
            }
            allotted.await;
        }
    }

    pub(crate) fn done(&self, weight: f64, warnings: Vec<String>) {
        let mut held = self.lock();
        held.done += weight;
        for warning in warnings {
            if !held.warnings.contains(&warning) {
                held.warnings.push(warning);
            }
        }
    }

    pub(crate) fn dropped(&self, weight: f64, task: &Task, error: &PackagerError) {
        let names: Vec<&str> = task.tracks.iter().map(wire::TrackId::as_str).collect();
        let what = match names.is_empty() {
            true => task.kind.as_str().to_owned(),
            false => names.join(", "),
        };
        self.done(weight, vec![format!("{what} left out: {}", causes(error))]);
        self.lock().dropped.extend(task.tracks.iter().cloned());
    }

    /// What a task found of the source.
    pub(crate) fn seen(&self, task: &Task, warnings: &[String]) {
        let damaged = is_picture(task) && warnings.iter().any(|w| w == DAMAGED);
        let mut held = self.lock();
        held.damaged |= damaged;
        held.measuring -= usize::from(is_first_pass(task));
        if held.measuring == 0 {
            self.allotted.notify_waiters();
        }
    }

    /// What viewers should know, and the tracks that are not published.
    pub(crate) fn ended(self, plan: &Plan) -> (Vec<String>, Vec<wire::TrackId>) {
        let held = self.held.into_inner();
        let mut held = held.unwrap_or_else(PoisonError::into_inner);
        if held.damaged {
            let copied = copied_pictures(plan);
            if !copied.is_empty() {
                held.warnings.push(COPY_DAMAGED.to_owned());
            }
            held.dropped.extend(copied);
        }
        (held.warnings, held.dropped)
    }

    /// How much of all is done, 0 to 1, with so much of the weight of tasks under way.
    pub(crate) fn fraction(&self, running: f64) -> f64 {
        let done = self.lock().done + running;
        (done / self.all.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The next task, or that there is none. `None`: nothing can be begun now.
    fn next(&mut self, side: bool) -> Option<Option<(Task, f64)>> {
        let fits = |(task, _): &(Task, f64)| is_picture(task) != side;
        let free = |task: &Task| task.kind != TaskKind::Rest || self.measuring == 0;
        let at = self
            .left
            .iter()
            .position(|next| fits(next) && free(&next.0));
        // Two encoders of pictures at once, where one is asked for, would be one too
        // many; the side lane ends instead.
        match at {
            Some(at) => Some(self.left.remove(at)),
            None if side => Some(None),
            None => {
                let at = self.left.iter().position(|(task, _)| free(task));
                match at {
                    Some(at) => Some(self.left.remove(at)),
                    None if self.left.is_empty() => Some(None),
                    None => None,
                }
            }
        }
    }
}

/// Pictures that are published as they are: with their faults, at which players stop.
fn copied_pictures(plan: &Plan) -> Vec<wire::TrackId> {
    let copies = plan.tasks.iter().filter(|t| t.kind == TaskKind::Copy);
    let copied = copies.flat_map(|task| &task.tracks);
    let is_video = |id: &&wire::TrackId| {
        let mut tracks = plan.tracks.iter().filter(|t| t.track == **id);
        tracks.any(|track| matches!(track.kind, PlannedKind::Video { .. }))
    };
    copied.filter(is_video).cloned().collect()
}

fn is_picture(task: &Task) -> bool {
    let encodes = matches!(
        task.kind,
        TaskKind::Lead | TaskKind::Rest | TaskKind::Hevc | TaskKind::Av1
    );
    encodes || is_first_pass(task)
}

fn is_first_pass(task: &Task) -> bool {
    task.kind == TaskKind::FirstPass
}

/// About what a task costs, in pixels.
fn weight(task: &Task, plan: &Plan, recipe: &Recipe) -> f64 {
    if !is_picture(task) {
        return plan.duration_secs * SIDE_COST;
    }
    let secs = match (&recipe.grid, recipe.spans.get(task.span as usize)) {
        (Some(grid), Some(span)) => grid.start_secs(span.end) - grid.start_secs(span.first),
        _ => plan.duration_secs,
    };
    let (tracks, cost): (Vec<&PlannedTrack>, f64) = match task.kind {
        TaskKind::FirstPass => (passes::tracks(plan, task.span), FIRST_PASS_COST),
        kind => {
            let own = |t: &&PlannedTrack| task.tracks.contains(&t.track);
            let cost = match kind {
                TaskKind::Hevc => HEVC_COST,
                TaskKind::Av1 => AV1_COST,
                _ => 1.0,
            };
            (plan.tracks.iter().filter(own).collect(), cost)
        }
    };
    let pixels = tracks.into_iter().map(passes::pixels);
    secs * pixels.sum::<f64>() * cost
}

#[cfg(test)]
mod tests {
    use wire::TrackId;

    use super::*;
    use crate::{encode::segment::Segment, local::shelf::Shelf};

    fn task(kind: TaskKind, tracks: &[TrackId]) -> Task {
        Task {
            kind,
            tracks: tracks.to_vec(),
            optional: true,
            ..Task::plan()
        }
    }

    fn plan() -> Plan {
        Plan {
            duration_secs: 1.0,
            tracks: vec![],
            tasks: vec![],
            toolchain: String::new(),
            warnings: vec![],
            recipe: serde_json::Value::Null,
            analysis: None,
        }
    }

    fn board(tasks: Vec<Task>) -> Board {
        Board {
            all: tasks.len() as f64,
            held: Mutex::new(Held {
                left: tasks.into_iter().map(|task| (task, 1.0)).collect(),
                ..Held::default()
            }),
            allotted: Notify::new(),
        }
    }

    #[tokio::test]
    async fn what_goes_by_first_passes_waits_for_the_last_of_them() {
        let kinds = [TaskKind::FirstPass, TaskKind::FirstPass, TaskKind::Rest];
        let board = board(kinds.map(|kind| task(kind, &[])).to_vec());
        board.lock().measuring = 2;
        let (first, _) = board.next(false).await.unwrap();
        let (second, _) = board.next(false).await.unwrap();
        board.seen(&first, &[]);
        let mut next = std::pin::pin!(board.next(false));
        assert!(futures_util::FutureExt::now_or_never(&mut next).is_none());
        board.seen(&second, &[]);
        assert_eq!(next.await.unwrap().0.kind, TaskKind::Rest);
        assert!(board.next(false).await.is_none());
    }

    #[tokio::test]
    async fn one_lane_does_what_is_beside_the_pictures_and_no_picture() {
        let kinds = [TaskKind::Audio, TaskKind::Rest, TaskKind::Text];
        let board = board(kinds.map(|kind| task(kind, &[])).to_vec());
        let next = async |side| board.next(side).await.map(|(task, _)| task.kind);
        assert_eq!(next(true).await, Some(TaskKind::Audio));
        assert_eq!(next(false).await, Some(TaskKind::Rest));
        // Without pictures the others help; but not the other way round.
        assert_eq!(next(false).await, Some(TaskKind::Text));
        assert_eq!((next(true).await, next(false).await), (None, None));
    }

    #[tokio::test]
    async fn what_an_optional_task_fails_to_make_is_left_out_with_a_warning() {
        let root = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(root.path()).unwrap();
        let track: TrackId = "t1".parse().unwrap();
        let segment = Segment {
            number: 0,
            start: 0,
            duration: 1000,
            iframe_len: 0,
            bytes: "WEBVTT".into(),
        };
        shelf.put_segment((&track, "vtt"), &segment).await.unwrap();
        let board = board(vec![task(TaskKind::Text, std::slice::from_ref(&track))]);
        let (task, weight) = board.next(true).await.unwrap();
        board.dropped(weight, &task, &PackagerError::Source("no text".into()));
        assert_eq!(board.fraction(0.0), 1.0);
        let (warnings, dropped) = board.ended(&plan());
        assert_eq!(warnings, ["t1 left out: no text"]);
        shelf.drop_tracks(&dropped);
        assert!(!root.path().join("t1").exists());
    }
}
