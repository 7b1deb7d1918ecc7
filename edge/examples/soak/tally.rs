//! What came of the requests.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Most faults that are printed; all are counted.
const PRINTED_MAX: u64 = 200;

#[derive(Default)]
pub(crate) struct Tally {
    /// Each byte and the head as they must be.
    pub(crate) right: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// 304, of what is still so.
    pub(crate) unchanged: AtomicU64,
    /// Keys that open nothing, refused.
    pub(crate) refused: AtomicU64,
    /// 5xx: the origin failed, and nothing was stored.
    pub(crate) failed: AtomicU64,
    /// Ended early and said so: the origin failed within a body, or a version ended.
    pub(crate) cut: AtomicU64,
    /// Failed, and nothing of the above had happened to that object: mostly an origin that is not
    /// asked for a while because of what happened to others.
    pub(crate) unexplained: AtomicU64,
    /// The client left.
    pub(crate) left: AtomicU64,
    /// The edge was killed meanwhile.
    pub(crate) killed: AtomicU64,
    pub(crate) purges: AtomicU64,
    pub(crate) posts: AtomicU64,
    pub(crate) wrong: AtomicU64,
    said: Mutex<u64>,
}

pub(crate) fn one(count: &AtomicU64) {
    count.fetch_add(1, Relaxed);
}

impl Tally {
    /// What must never be.
    pub(crate) fn wrong(&self, what: &str) {
        one(&self.wrong);
        self.say(&format!("WRONG {what}"));
    }

    pub(crate) fn unexplained(&self, what: &str) {
        one(&self.unexplained);
        self.say(&format!("unexplained: {what}"));
    }

    fn say(&self, what: &str) {
        let mut said = self.said.lock().unwrap();
        *said += 1;
        if *said <= PRINTED_MAX {
            println!("{what}");
        }
    }

    pub(crate) fn line(&self) -> String {
        let of = |count: &AtomicU64| count.load(Relaxed);
        format!(
            "right {} ({} MB), unchanged {}, refused {}, purges {}, posts {}; failed by fault: {} \
             5xx, {} cut, {} by kill, {} else; left {}; WRONG {}",
            of(&self.right),
            of(&self.bytes) / 1_000_000,
            of(&self.unchanged),
            of(&self.refused),
            of(&self.purges),
            of(&self.posts),
            of(&self.failed),
            of(&self.cut),
            of(&self.killed),
            of(&self.unexplained),
            of(&self.left),
            of(&self.wrong),
        )
    }
}
