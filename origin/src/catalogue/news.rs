//! Who waits for news is woken: of this origin's own and, where others have the same
//! catalogue, of theirs. News is a hint: who is woken looks for himself.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::AcqRel},
};

use tokio::sync::{Notify, futures::OwnedNotified};

/// What there may be news of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A job may have become free.
    Jobs,
    /// A key was revoked.
    Keys,
    /// A version was sealed.
    Published,
    /// A version is further than it was, or gone.
    Changed,
    /// An errand may be due.
    Errands,
}

impl Topic {
    const ALL: [Self; 5] = [
        Self::Jobs,
        Self::Keys,
        Self::Published,
        Self::Changed,
        Self::Errands,
    ];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Where news arrives, and goes on from.
#[derive(Debug, Default)]
pub(crate) struct News {
    waiting: [Arc<Notify>; 5],
    /// Topics that others have not been told of, as bits.
    untold: AtomicU8,
    to_tell: Notify,
}

impl News {
    /// Resolves at news. Made before looking, so that none is missed.
    pub(crate) fn of(&self, topic: Topic) -> OwnedNotified {
        Arc::clone(&self.waiting[topic as usize]).notified_owned()
    }

    /// Wakes who waits here.
    pub(crate) fn wake(&self, topic: Topic) {
        self.hear(topic.bit());
    }

    /// There is news, made here.
    pub(crate) fn tell(&self, topic: Topic) {
        self.wake(topic);
        self.untold.fetch_or(topic.bit(), AcqRel);
        self.to_tell.notify_one();
    }

    /// Wakes who waits for any of these topics.
    pub(crate) fn hear(&self, topics: u8) {
        for topic in Topic::ALL {
            if topics & topic.bit() != 0 {
                self.waiting[topic as usize].notify_waiters();
            }
        }
    }

    /// Nobody could be told of these.
    #[cfg(feature = "postgres")]
    pub(crate) fn tell_again(&self, topics: u8) {
        self.untold.fetch_or(topics, AcqRel);
        self.to_tell.notify_one();
    }

    /// The topics that there was news of, made here, since this was last asked.
    #[cfg(feature = "postgres")]
    pub(crate) async fn untold(&self) -> u8 {
        self.to_tell.notified().await;
        self.untold.swap(0, AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_topic_is_woken_by_it_alone() {
        let news = News::default();
        let (keys, jobs) = (news.of(Topic::Keys), news.of(Topic::Jobs));
        news.tell(Topic::Keys);
        assert!(keys.now_or_never().is_some());
        assert!(jobs.now_or_never().is_none());
        let (changed, published) = (news.of(Topic::Changed), news.of(Topic::Published));
        news.hear(u8::MAX);
        assert!(changed.now_or_never().is_some() && published.now_or_never().is_some());
    }

    #[cfg(feature = "postgres")]
    #[tokio::test]
    async fn what_came_meanwhile_is_told_at_once_and_what_was_heard_is_not() {
        let news = News::default();
        news.tell(Topic::Keys);
        news.tell(Topic::Changed);
        news.tell(Topic::Keys);
        news.hear(Topic::Jobs.bit());
        assert_eq!(
            news.untold().await,
            Topic::Keys.bit() | Topic::Changed.bit()
        );
        assert!(news.untold().now_or_never().is_none());
        news.tell_again(Topic::Keys.bit());
        assert_eq!(news.untold().await, Topic::Keys.bit());
    }
}
