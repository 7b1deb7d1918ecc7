//! The jobs of one version: what is lent to whom, and what is done.

use wire::{LeaseRequest, Plan, Task, TaskKind};

/// All jobs of a version.
#[derive(Default)]
pub(crate) struct Board {
    jobs: Vec<Job>,
}

pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) attempt: u32,
    status: Status,
    warnings: Vec<String>,
}

#[derive(PartialEq)]
enum Status {
    Waiting,
    Lent,
    Done,
}

impl Board {
    /// A version starts with one task.
    pub(crate) fn start() -> Self {
        let mut board = Self::default();
        board.add(Task::plan());
        board
    }

    fn add(&mut self, task: Task) {
        self.jobs.push(Job {
            task,
            attempt: 0,
            status: Status::Waiting,
            warnings: Vec::new(),
        });
    }

    pub(crate) fn job(&self, at: usize) -> &Job {
        &self.jobs[at]
    }

    /// Lends the most urgent job that the asker can do.
    pub(crate) fn lend(&mut self, ask: &LeaseRequest, plan: Option<&Plan>) -> Option<usize> {
        let is_analysis = |job: &&Job| job.task.kind == TaskKind::Analysis;
        let analysis = self.jobs.iter().find(is_analysis);
        let analysing = analysis.is_some_and(|job| job.status != Status::Done);
        let first = |job: &Job| job.task.kind == TaskKind::FirstPass;
        let measuring = |job: &Job| first(job) && job.status != Status::Done;
        let measured = !self.jobs.iter().any(measuring);
        let fits = |job: &Job| {
            let kind = job.task.kind;
            if kind == TaskKind::Rest && !measured {
                return false;
            }
            if analysing && matches!(kind, TaskKind::Rest | TaskKind::Hevc) {
                return false;
            }
            let any = matches!(kind, TaskKind::Plan | TaskKind::Copy);
            let wanted = ask.kinds.is_empty() || ask.kinds.contains(&kind);
            wanted && (any || plan.is_some_and(|plan| plan.toolchain == ask.toolchain))
        };
        let waits = |job: &Job| job.status == Status::Waiting && fits(job);
        let at = self.jobs.iter().position(waits)?;
        self.jobs[at].status = Status::Lent;
        self.jobs[at].attempt += 1;
        Some(at)
    }

    /// The job that this key opens.
    pub(crate) fn opened(&self, name: &str, key: &str) -> Option<usize> {
        let at: usize = name.strip_prefix("job-")?.parse().ok()?;
        let job = self.jobs.get(at)?;
        let opens = job.status == Status::Lent && key == format!("Bearer {}", self.key(at));
        opens.then_some(at)
    }

    pub(crate) fn key(&self, at: usize) -> String {
        format!("key-{at}-{}", self.jobs[at].attempt)
    }

    pub(crate) fn complete(&mut self, at: usize, warnings: Vec<String>, plan: Option<&Plan>) {
        self.jobs[at].status = Status::Done;
        self.jobs[at].warnings = warnings;
        if self.jobs[at].task.kind == TaskKind::Plan {
            let plan = plan.expect("the plan is stored before its task is done");
            plan.tasks.iter().for_each(|task| self.add(task.clone()));
        }
    }

    pub(crate) fn give_back(&mut self, at: usize) {
        self.jobs[at].status = Status::Waiting;
    }

    /// All leases run out.
    pub(crate) fn take_back(&mut self) {
        let lent = self.jobs.iter_mut().filter(|j| j.status == Status::Lent);
        lent.for_each(|job| job.status = Status::Waiting);
    }

    /// What viewers are told, once all is done.
    pub(crate) fn whole(&self, plan: Option<&Plan>) -> Option<Vec<String>> {
        let done = self.jobs.iter().all(|job| job.status == Status::Done);
        let planned = plan.filter(|_| done)?.warnings.iter();
        let mut all: Vec<String> = Vec::new();
        for warning in planned.chain(self.jobs.iter().flat_map(|job| &job.warnings)) {
            if !all.contains(warning) {
                all.push(warning.clone());
            }
        }
        Some(all)
    }
}
