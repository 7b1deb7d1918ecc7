use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn rules() -> Rules {
    Rules::new(&Config::default())
}

fn at(now: Instant) -> Circumstances {
    Circumstances {
        alone: false,
        chance: 1.0,
        now,
    }
}

fn alone(now: Instant) -> Circumstances {
    Circumstances {
        alone: true,
        ..at(now)
    }
}

/// Sends a request and lets it fail.
fn fail(health: &mut Health, failure: Failure, at: Circumstances) -> bool {
    assert!(health.takes(at.now));
    let trial = health.send();
    health.failed(failure, trial, &rules(), at)
}

#[test]
fn failures_in_a_row_keep_it_out_and_a_success_begins_anew() {
    let now = Instant::now();
    let mut health = Health::new(now);
    for failure in [Failure::Answer, Failure::Status] {
        (0..4).for_each(|_| assert!(!fail(&mut health, failure, at(now))));
        health.succeeded(false, now);
    }
    (0..4).for_each(|_| assert!(!fail(&mut health, Failure::Answer, at(now))));
    assert!(fail(&mut health, Failure::Answer, at(now)));
    assert!(!health.takes(now));
}

#[test]
fn a_share_of_failures_keeps_it_out_though_they_are_not_in_a_row() {
    let now = Instant::now();
    let mut health = Health::new(now);
    let sent = (1..100).find(|_| {
        health.succeeded(false, now);
        fail(&mut health, Failure::Answer, at(now))
    });
    assert_eq!(sent, Some(10));
}

#[test]
fn once_its_time_is_over_one_request_finds_out_for_all() {
    let now = Instant::now();
    let mut health = Health::new(now);
    assert!(fail(&mut health, Failure::Connection, at(now)));
    assert!(!health.takes(now + SECOND - Duration::from_millis(1)));
    assert!(health.takes(now + SECOND) && health.send());
    assert!(!health.takes(now + SECOND));
    health.succeeded(true, now + SECOND);
    assert!(health.is_in() && health.takes(now + SECOND));
}

#[test]
fn each_trial_that_fails_keeps_it_out_longer_up_to_a_bound() {
    let mut now = Instant::now();
    let mut health = Health::new(now);
    let mut times = Vec::new();
    for _ in 0..7 {
        fail(&mut health, Failure::Connection, at(now));
        let out = (1..)
            .find(|secs| health.takes(now + SECOND * *secs))
            .unwrap();
        times.push(out);
        now += SECOND * out;
    }
    assert_eq!(times, [1, 2, 4, 8, 16, 30, 30]);
}

#[test]
fn chance_takes_up_to_half_of_the_time_away() {
    let now = Instant::now();
    let mut health = Health::new(now);
    let lucky = Circumstances {
        chance: 0.0,
        ..at(now)
    };
    fail(&mut health, Failure::Connection, lucky);
    assert!(!health.takes(now + SECOND * 499 / 1000) && health.takes(now + SECOND / 2));
}

#[test]
fn the_last_one_is_kept_out_only_where_nobody_listens_and_never_for_long() {
    let mut now = Instant::now();
    let mut health = Health::new(now);
    for failure in [Failure::Status, Failure::Answer] {
        (0..100).for_each(|_| assert!(!fail(&mut health, failure, alone(now))));
    }
    for _ in 0..5 {
        assert!(fail(&mut health, Failure::Connection, alone(now)));
        now += SECOND;
        assert!(health.takes(now));
    }
    assert!(!fail(&mut health, Failure::Status, alone(now)));
    assert!(health.is_in());
}

#[test]
fn a_trial_that_nobody_ended_leaves_the_next_request_to_find_out() {
    let now = Instant::now();
    let mut health = Health::new(now);
    fail(&mut health, Failure::Connection, at(now));
    assert!(health.send() && !health.takes(now + SECOND));
    health.gave_up(now + SECOND);
    assert!(health.takes(now + SECOND));
}

#[test]
fn a_connection_ends_the_trial_of_one_that_had_none_and_of_no_other() {
    let now = Instant::now();
    let mut health = Health::new(now);
    fail(&mut health, Failure::Connection, at(now));
    assert!(health.send());
    health.connected(now);
    assert!(health.is_in());
    // What became of that request is now one failure among others.
    assert!(!health.failed(Failure::Answer, true, &rules(), at(now)));
    for _ in 0..4 {
        fail(&mut health, Failure::Answer, at(now));
    }
    assert!(!health.is_in() && health.send());
    health.connected(now);
    assert!(!health.is_in());
}

#[test]
fn while_it_is_kept_out_answers_to_older_requests_do_not_let_it_in() {
    let now = Instant::now();
    let mut health = Health::new(now);
    fail(&mut health, Failure::Connection, at(now));
    health.succeeded(false, now);
    assert!(!health.takes(now));
}

#[test]
fn two_failed_checks_keep_it_out_until_one_succeeds() {
    let now = Instant::now();
    let mut health = Health::new(now);
    health.check_failed();
    assert!(health.takes(now));
    health.check_failed();
    assert!(health.is_down() && !health.takes(now + SECOND * 3600));
    health.recovered(now);
    assert!(health.is_in());
}
