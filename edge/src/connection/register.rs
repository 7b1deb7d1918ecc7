//! All open connections of a node, so that they can be told to end.
//!
//! A cancellation token would do as well, and cost each connection a lock of all at every
//! wake; this one is touched when a connection opens and when it closes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, Weak},
};

use super::{Line, pulse::Order};

/// See the module.
#[derive(Default)]
pub(crate) struct Register(Mutex<State>);

#[derive(Default)]
struct State {
    lines: HashMap<u64, Weak<Line>>,
    next: u64,
    order: Order,
}

impl Register {
    pub(super) fn add(&self, line: &Weak<Line>) -> u64 {
        let mut state = self.state();
        state.next += 1;
        let id = state.next;
        state.lines.insert(id, line.clone());
        id
    }

    pub(super) fn remove(&self, id: u64) {
        self.state().lines.remove(&id);
    }

    /// What was last told to all: one that opens meanwhile asks.
    pub(super) fn order(&self) -> Order {
        self.state().order
    }

    /// Every connection ends after its next answer.
    pub(crate) fn linger(&self) {
        self.tell(Order::Linger);
    }

    /// Every connection ends after what it is answering.
    pub(crate) fn drain(&self) {
        self.tell(Order::Drain);
    }

    /// Every connection ends.
    pub(crate) fn cut(&self) {
        self.tell(Order::Cut);
    }

    /// Every connection that is answering looks at what it is to do.
    pub(crate) fn look(&self) {
        let lines: Vec<_> = self.state().lines.values().cloned().collect();
        for line in lines.iter().filter_map(Weak::upgrade) {
            line.pulse.look();
        }
    }

    fn tell(&self, order: Order) {
        // Owned: the last owner of a line takes it out of this list.
        let lines: Vec<_> = {
            let mut state = self.state();
            state.order = order;
            state.lines.values().cloned().collect()
        };
        for line in lines.iter().filter_map(Weak::upgrade) {
            line.pulse.give(order);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }
}
