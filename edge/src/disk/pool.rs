//! Threads that read, so that no disk holds up the reactor.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

/// Reads at one time. Chosen: a disk of spinning parts has one head, a fast one answers
/// before the next is asked for.
const THREADS: usize = 4;
/// Look-ups that wait for one of them; more are not begun, and the origin is asked.
/// Chosen: a tenth of a second at a quarter of a millisecond each.
const WAITING_MAX: usize = 1024;

type Job = Box<dyn FnOnce() + Send>;

/// See the module. Its threads end when it is dropped and what waits is done.
pub(crate) struct Pool(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    pub(crate) fn start() -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let pool = Self(queue.clone());
        for n in 0..THREADS {
            let queue = queue.clone();
            let builder = thread::Builder::new().name(format!("disk-read-{n}"));
            builder.spawn(move || queue.run())?;
        }
        Ok(pool)
    }

    /// Runs a job soon, unless too many wait.
    #[must_use]
    pub(crate) fn try_run(&self, job: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.0.lock();
        let room = state.jobs.len() < WAITING_MAX;
        if room {
            state.jobs.push_back(Box::new(job));
            drop(state);
            self.0.wake.notify_one();
        }
        room
    }

    /// Runs a job soon. For answers that have begun, of which each has one at a time: there
    /// are not more of them than connections.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.0.lock().jobs.push_back(Box::new(job));
        self.0.wake.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl Queue {
    fn run(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.wake.wait(state).expect("no holder panics");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn look_ups_are_refused_while_too_many_wait_and_begun_answers_are_not() {
        let pool = Pool::start().unwrap();
        let (hold, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        for _ in 0..THREADS {
            let held = held.clone();
            pool.run(move || {
                let _ = held.lock().unwrap().recv();
            });
        }
        let (done, count) = channel();
        let job = || {
            let done = done.clone();
            move || done.send(()).unwrap()
        };
        let begun = (0..2 * WAITING_MAX).filter(|_| pool.try_run(job())).count();
        assert!(begun < 2 * WAITING_MAX);
        pool.run(job());
        drop((hold, done, pool));
        assert_eq!(count.iter().count(), begun + 1);
    }
}
