//! How long an answer may be used, and by whom (RFC 9111, RFC 5861, RFC 9213).

pub(crate) mod date;
mod directives;
mod judge;

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::purge::Position;

pub(crate) use directives::{CDN_CACHE_CONTROL, split_unquoted};
pub(crate) use judge::{Terms, Verdict, blames_request, judge};

/// When an answer came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
    /// From asking to the head of the answer.
    pub(crate) delay: Duration,
    /// The purges in force when it was asked for.
    pub(crate) position: Position,
}

/// Who, beside the request it was fetched for, may have an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All, also those who come while it runs.
    Open,
    /// Those who waited when its head came. It is fresh for no later request.
    Waiting,
    /// Nobody.
    Nobody,
}

/// How old an answer is, and may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Freshness {
    received: Instant,
    age_then: Duration,
    pub(crate) lifetime: Duration,
    while_revalidate: Duration,
    if_error: Duration,
    /// Never to be used stale, whatever happens.
    strict: bool,
}

/// Whether an object can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Fresh,
    /// Stale, and to be used while it is asked for anew.
    WhileRevalidate,
    Stale,
}

/// The same apart from any clock, to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) age: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) while_revalidate: Duration,
    pub(crate) if_error: Duration,
    pub(crate) strict: bool,
}

impl Freshness {
    /// What it is at `now`.
    pub(crate) fn facts(&self, now: Instant) -> Facts {
        Facts {
            age: self.age(now),
            lifetime: self.lifetime,
            while_revalidate: self.while_revalidate,
            if_error: self.if_error,
            strict: self.strict,
        }
    }

    /// Of what has these facts at `now`.
    pub(crate) fn of(facts: Facts, now: Instant) -> Self {
        Self {
            received: now,
            age_then: facts.age,
            lifetime: facts.lifetime,
            while_revalidate: facts.while_revalidate,
            if_error: facts.if_error,
            strict: facts.strict,
        }
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.age_then + now.saturating_duration_since(self.received)
    }

    /// What is left of its freshness; zero if it is stale.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// Whole seconds of freshness left, below zero once it is stale (RFC 9211 §2.5).
    pub(crate) fn ttl_secs(&self, now: Instant) -> i64 {
        self.lifetime.as_secs() as i64 - self.age(now).as_secs() as i64
    }

    pub(crate) fn state(&self, now: Instant) -> State {
        if self.age(now) < self.lifetime {
            State::Fresh
        } else if self.within(self.while_revalidate, now) {
            State::WhileRevalidate
        } else {
            State::Stale
        }
    }

    /// The answer allows its use instead of an error (RFC 5861 §4).
    pub(crate) fn serves_on_error(&self, now: Instant) -> bool {
        self.within(self.if_error, now)
    }

    /// The answer does not forbid its use while its source can't be reached
    /// (RFC 9111 §4.2.4), and it is not longer than `most` past its freshness.
    pub(crate) fn serves_disconnected(&self, now: Instant, most: Duration) -> bool {
        self.within(most, now)
    }

    fn within(&self, grace: Duration, now: Instant) -> bool {
        !self.strict && self.age(now) < self.lifetime + grace
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::{directives::SECONDS_MAX, *};

    fn of(status: u16, fields: &[(&str, &str)]) -> Verdict {
        by(Terms::default(), status, fields)
    }

    fn by(terms: Terms, status: u16, fields: &[(&str, &str)]) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let received = Received {
            at: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
            delay: Duration::ZERO,
            position: Position::default(),
        };
        judge(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            received,
            terms,
        )
    }

    fn lifetime(fields: &[(&str, &str)]) -> u64 {
        of(200, fields).freshness.lifetime.as_secs()
    }

    #[test]
    fn the_lifetime_is_what_is_said_to_the_nearest_cache() {
        let (control, cdn) = ("cache-control", "cdn-cache-control");
        let expires = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
        let date = ("date", "Sun, 06 Nov 1994 08:49:27 GMT");
        for (fields, secs) in [
            (vec![(control, "max-age=5")], 5),
            (vec![(control, "max-age=5, s-maxage=7")], 7),
            (vec![(control, "max-age=5"), (cdn, "max-age=9")], 9),
            (vec![(control, "max-age=5"), (cdn, "")], 5),
            (vec![(control, "MAX-AGE=\"5\"")], 5),
            (vec![(control, "max-age=5"), (control, "max-age=3")], 3),
            (vec![(control, "max-age=x")], 0),
            (vec![(control, "max-age=-5")], 0),
            (vec![(control, "max-age=5.5")], 0),
            (vec![(control, "max-age='5'")], 0),
            (vec![(control, "max-age =5")], 0),
            (vec![(control, "max-age= 5")], 0),
            (vec![(control, "max-age=005")], 5),
            (vec![(control, "max-age=5"), (cdn, "max-age=\"9\"")], 5),
            (vec![(control, "max-age=5"), (cdn, "max-age=9;x=1, x")], 9),
            (vec![(control, "max-age=5"), (cdn, "MAX-AGE=9")], 5),
            (vec![(control, "max-age=5"), (cdn, "max-age=9, &")], 5),
            (vec![(control, "ext=\"a, max-age=99\", max-age=4")], 4),
            (
                vec![(control, "max-age=99999999999999999999999")],
                SECONDS_MAX,
            ),
            (vec![expires], 60),
            (vec![expires, date], 70),
            (vec![expires, (control, "max-age=1")], 1),
            (vec![("expires", "0")], 0),
            (vec![], 0),
        ] {
            assert_eq!(lifetime(&fields), secs, "{fields:?}");
        }
    }

    #[test]
    fn what_must_not_be_shared_is_not() {
        for field in [
            ("cache-control", "no-store, max-age=60"),
            ("cache-control", "max-age=60, private"),
            ("cache-control", "private=\"x-a\", max-age=60"),
            ("cdn-cache-control", "no-store"),
            ("set-cookie", "a=b"),
            ("vary", "*"),
            ("vary", "accept , *"),
            ("vary", "accept encoding"),
            ("cdn-cache-control", "private=(\"a\" \"b\"), max-age=60"),
        ] {
            let verdict = of(200, &[("cache-control", "max-age=60"), field]);
            assert_eq!(
                (verdict.store, verdict.share),
                (false, Share::Nobody),
                "{field:?}"
            );
        }
        for status in [206, 412, 416] {
            let part = of(status, &[("cache-control", "max-age=60")]);
            assert_eq!((part.store, part.share), (false, Share::Nobody), "{status}");
        }
    }

    #[test]
    fn an_answer_without_stated_freshness_is_not_stored() {
        for status in [200, 404, 500] {
            let verdict = of(status, &[("etag", "\"x\"")]);
            assert_eq!((verdict.store, verdict.share), (false, Share::Waiting));
        }
        assert!(of(404, &[("cache-control", "max-age=1")]).store);
    }

    #[test]
    fn what_was_fetched_with_a_credential_is_shared_by_word_only() {
        let terms = Terms {
            authorized: true,
            ..Terms::default()
        };
        for (control, shared) in [
            ("max-age=60", false),
            ("max-age=60, public", true),
            ("s-maxage=60", true),
            ("max-age=60, must-revalidate", true),
            ("max-age=60, proxy-revalidate", false),
            ("max-age=60, private, public", false),
        ] {
            let verdict = by(terms, 200, &[("cache-control", control)]);
            assert_eq!(verdict.store, shared, "{control}");
        }
    }

    #[test]
    fn a_lifetime_is_guessed_where_the_site_says_so_and_the_answer_does_not() {
        let terms = Terms {
            heuristic_percent: 10,
            ..Terms::default()
        };
        let modified = ("last-modified", "Sun, 06 Nov 1994 08:48:07 GMT");
        let date = ("date", "Sun, 06 Nov 1994 08:49:47 GMT");
        let secs = |terms, status, field| {
            by(terms, status, &[modified, date, field])
                .freshness
                .lifetime
                .as_secs()
        };
        let none = ("x", "y");
        assert_eq!(secs(terms, 200, none), 10);
        assert_eq!(secs(Terms::default(), 200, none), 0);
        for (status, field, expected) in [
            (404, none, 10),
            (403, none, 0),
            (403, ("cache-control", "public"), 10),
            (200, ("cache-control", "no-cache"), 0),
            (200, ("cache-control", "max-age=3"), 3),
            (200, ("expires", "0"), 0),
        ] {
            assert_eq!(secs(terms, status, field), expected, "{status} {field:?}");
        }
        assert!(!by(terms, 200, &[modified, ("set-cookie", "a=b")]).store);
    }

    #[test]
    fn a_date_in_the_past_is_age_where_clocks_are_trusted() {
        let fields = [
            ("cache-control", "max-age=60"),
            ("date", "Sun, 06 Nov 1994 08:49:27 GMT"),
            ("age", "4"),
        ];
        let age = |date_is_age| {
            let terms = Terms {
                date_is_age,
                ..Terms::default()
            };
            let freshness = by(terms, 200, &fields).freshness;
            freshness.age(freshness.received).as_secs()
        };
        assert_eq!((age(false), age(true)), (4, 10));
    }

    #[test]
    fn a_rule_s_lifetime_stands_for_the_stated_one_but_lifts_no_ban() {
        let terms = Terms {
            ttl: Some(Duration::from_secs(7)),
            ..Terms::default()
        };
        for (control, secs, store) in [
            ("max-age=60", 7, true),
            ("x", 7, true),
            ("no-store", 7, false),
            ("private", 7, false),
            ("no-cache", 0, false),
        ] {
            let verdict = by(terms, 200, &[("cache-control", control)]);
            let lifetime = verdict.freshness.lifetime.as_secs();
            assert_eq!((lifetime, verdict.store), (secs, store), "{control}");
        }
    }

    #[test]
    fn must_understand_lifts_no_store_for_a_known_status() {
        let control = ("cache-control", "no-store, must-understand, max-age=60");
        assert!(of(200, &[control]).store);
        assert!(!of(599, &[control]).store);
        let control = ("cache-control", "must-understand, max-age=60");
        assert!(of(200, &[control]).store && !of(599, &[control]).store);
    }

    #[test]
    fn no_cache_is_stored_only_if_it_can_be_revalidated() {
        assert!(!of(200, &[("cache-control", "no-cache")]).store);
        let verdict = of(200, &[("cache-control", "no-cache"), ("etag", "\"x\"")]);
        assert_eq!((verdict.store, verdict.share), (true, Share::Waiting));
    }

    #[test]
    fn age_of_an_upper_tier_counts() {
        let verdict = of(200, &[("cache-control", "max-age=10"), ("age", "7")]);
        let at = verdict.freshness.received;
        assert_eq!(verdict.freshness.ttl_secs(at), 3);
        let old = of(200, &[("cache-control", "max-age=10"), ("age", "10")]);
        assert_eq!(old.freshness.state(at), State::Stale);
    }

    #[test]
    fn stale_answers_are_used_only_as_they_allow() {
        let state = |control: &str, secs: u64| {
            let freshness = of(200, &[("cache-control", control)]).freshness;
            let now = freshness.received + Duration::from_secs(secs);
            let disconnected = freshness.serves_disconnected(now, Duration::from_secs(100));
            (
                freshness.state(now),
                freshness.serves_on_error(now),
                disconnected,
            )
        };
        let swr = "max-age=2, stale-while-revalidate=3";
        assert_eq!(state(swr, 1).0, State::Fresh);
        assert_eq!(state(swr, 2), (State::WhileRevalidate, false, true));
        assert_eq!(state(swr, 5).0, State::Stale);
        assert_eq!(
            state("max-age=2, stale-if-error=5", 6),
            (State::Stale, true, true)
        );
        assert_eq!(state("max-age=2", 101), (State::Stale, false, true));
        assert_eq!(state("max-age=2", 102), (State::Stale, false, false));
        for strict in [
            "must-revalidate",
            "proxy-revalidate",
            "s-maxage=2",
            "no-cache",
        ] {
            let control = format!("max-age=2, {strict}");
            assert_eq!(state(&control, 3), (State::Stale, false, false), "{strict}");
        }
    }
}
