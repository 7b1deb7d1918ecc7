use super::*;

fn url(text: &str) -> Selector {
    Selector::Url(text.into())
}

fn prefix(text: &str) -> Selector {
    Selector::Prefix(text.into())
}

fn tag(name: &str) -> Selector {
    Selector::Tag(name.into())
}

/// What becomes of an untagged object under `key`.
fn judge(set: &Set, key: &str, offset: u64) -> Judgement {
    let none = Tags::These([].into());
    let tags = Some(&none);
    set.judge(Subject { key, tags }, offset)
}

#[test]
fn what_was_asked_for_before_a_purge_is_dead_and_what_came_after_is_not() {
    let mut set = Set::new();
    set.add(&[url("/a")], 3, None);
    set.add(&[url("/b")], 4, None);
    assert_eq!(judge(&set, "/a", 2), Judgement::Dead);
    assert_eq!(judge(&set, "/a", 3), Judgement::Alive);
    assert_eq!(judge(&set, "/a?x", 2), Judgement::Alive);
    assert_eq!(judge(&set, "/b", 3), Judgement::Dead);
}

#[test]
fn a_hard_purge_is_not_softened_by_a_later_soft_one() {
    let mut set = Set::new();
    let at = Instant::now();
    set.add(&[url("/a")], 1, None);
    set.add(&[url("/a")], 2, Some(at));
    assert_eq!(judge(&set, "/a", 0), Judgement::Dead);
    assert_eq!(judge(&set, "/a", 1), Judgement::Stale(at));
    assert_eq!(judge(&set, "/a", 2), Judgement::Alive);
}

#[test]
fn a_prefix_takes_all_that_begins_so_whatever_stands_beside_it() {
    let mut set = Set::new();
    for (n, text) in (1..).zip(["/v/", "/v/a/1/", "/v/a/1/x", "/v/b", "/v/a/2", "/w"]) {
        set.add(&[prefix(text)], n, None);
    }
    for (key, newest) in [
        ("/v/a/1/0.m4s", 2),
        ("/v/a/1/x", 3),
        ("/v/a/1/xy?q", 3),
        ("/v/a/10", 1),
        ("/v/b", 4),
        ("/v/zz", 1),
        ("/w", 6),
    ] {
        assert_eq!(judge(&set, key, newest - 1), Judgement::Dead, "{key}");
        assert_eq!(judge(&set, key, newest), Judgement::Alive, "{key}");
    }
    for key in ["/", "/v", "/u/v/", "/x"] {
        assert_eq!(judge(&set, key, 0), Judgement::Alive, "{key}");
    }
}

#[test]
fn a_tag_takes_what_bears_it_and_what_bears_too_many() {
    let mut set = Set::new();
    set.add(&[tag("a")], 1, None);
    let judge = |tags: Option<&Tags>| set.judge(Subject { key: "/x", tags }, 0);
    let these = |name| Tags::These([Tag::of("b"), Tag::of(name)].into());
    assert_eq!(judge(Some(&these("a"))), Judgement::Dead);
    assert_eq!(judge(Some(&these("A"))), Judgement::Alive);
    assert_eq!(judge(Some(&Tags::TooMany)), Judgement::Dead);
    // The head of a running fetch has not come: its tags could be any.
    assert_eq!(judge(None), Judgement::Dead);
}

#[test]
fn the_oldest_purges_are_folded_into_a_horizon_that_takes_no_less() {
    let mut set = Set::of(2);
    set.add(&[url("/a")], 1, Some(Instant::now()));
    set.add(&[tag("b")], 2, None);
    set.add(&[url("/a")], 3, None);
    assert_eq!(set.horizon(), Marks::default());
    set.add(&[prefix("/c")], 4, None);
    // Of the three, the tag was purged the longest ago.
    assert_eq!(set.horizon().hard, 2);
    assert_eq!(judge(&set, "/x", 1), Judgement::Dead);
    assert_eq!(judge(&set, "/x", 2), Judgement::Alive);
    assert_eq!(judge(&set, "/a", 2), Judgement::Dead);
    assert_eq!(set.selectors().count(), 2);
}

#[test]
fn a_soft_purge_stays_soft_when_it_is_folded() {
    let mut set = Set::of(1);
    let at = Instant::now();
    set.add(&[url("/a")], 1, Some(at));
    set.add(&[url("/b")], 2, None);
    assert_eq!(judge(&set, "/a", 0), Judgement::Stale(at));
    assert_eq!(judge(&set, "/a", 1), Judgement::Alive);
}

#[test]
fn the_text_of_selectors_is_bounded_too() {
    let mut set = Set::new();
    let long = "x".repeat(TEXT_MAX / 2);
    for n in 1..=3 {
        set.add(&[url(&format!("/{n}{long}"))], n, None);
    }
    assert!(set.text_len <= TEXT_MAX);
    assert_eq!(set.horizon().hard, 2);
}
