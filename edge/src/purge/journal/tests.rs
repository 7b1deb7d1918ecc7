use super::*;
use crate::purge::{Judgement, Position, Purges, Selector, Subject, Tags};

fn folder(name: &str) -> PathBuf {
    let process = std::process::id();
    let folder = std::env::temp_dir().join(format!("weir-purges-{process}-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn hard(url: &str) -> Purge {
    Purge {
        selectors: vec![Selector::Url(url.into())],
        soft: false,
    }
}

fn judge(purges: &Purges, key: &str, position: Position) -> Judgement {
    let none = Tags::These([].into());
    let tags = Some(&none);
    purges.judge(Subject { key, tags }, position)
}

#[test]
fn purges_hold_after_a_restart() {
    let folder = folder("restart");
    let purges = Purges::open(&folder).unwrap();
    let before = purges.now();
    let soft = Purge {
        selectors: vec![Selector::Prefix("/s/".into())],
        soft: true,
    };
    for purge in [&hard("/a"), &soft] {
        purges.add(purge).1.unwrap();
    }
    let after = purges.now();
    for _ in 0..2 {
        let again = Purges::open(&folder).unwrap();
        assert_eq!(again.now(), after);
        assert_eq!(judge(&again, "/a", before), Judgement::Dead);
        assert!(matches!(judge(&again, "/s/x", before), Judgement::Stale(_)));
        assert_eq!(judge(&again, "/a", after), Judgement::Alive);
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_line_torn_by_a_crash_was_never_acknowledged() {
    let folder = folder("torn");
    let purges = Purges::open(&folder).unwrap();
    let before = purges.now();
    purges.add(&hard("/a")).1.unwrap();
    purges.add(&hard("/b")).1.unwrap();
    let path = folder.join(FILE);
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() - 5]).unwrap();
    let again = Purges::open(&folder).unwrap();
    assert_eq!(judge(&again, "/a", before), Judgement::Dead);
    assert_eq!(judge(&again, "/b", before), Judgement::Alive);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn without_its_journal_all_that_is_stored_is_stale() {
    let folder = folder("lost");
    fs::create_dir_all(&folder).unwrap();
    let first = r#"{"kind":"weir-purges-1","epoch":1,"horizon":0,"newest":7}"#;
    fs::write(folder.join(FILE), format!("{first}\n")).unwrap();
    let before = Purges::open(&folder).unwrap().now();
    assert_eq!(before.to_string(), "1.7");
    fs::write(folder.join(FILE), format!("{first}\nnonsense\n")).unwrap();
    let again = Purges::open(&folder).unwrap();
    assert!(matches!(judge(&again, "/a", before), Judgement::Stale(_)));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_journal_that_has_grown_is_written_anew() {
    let folder = folder("grown");
    let (mut journal, kept) = Journal::open(&folder, 1).unwrap();
    let mut set = kept.set;
    for offset in 1..=3 {
        let purge = hard("/a");
        set.add(&purge.selectors, offset, None);
        journal.appended = if offset == 3 { APPENDED_MAX } else { 0 };
        journal.append(offset, &purge, &set).unwrap();
    }
    let text = fs::read_to_string(folder.join(FILE)).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(read(&folder.join(FILE)).unwrap().newest, 3);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn after_a_line_that_could_not_be_written_whole_all_are_written_anew() {
    let folder = folder("full");
    let (mut journal, kept) = Journal::open(&folder, 1).unwrap();
    let mut set = kept.set;
    let mut add = |journal: &mut Journal, offset, url| {
        let purge = hard(url);
        set.add(&purge.selectors, offset, None);
        journal.append(offset, &purge, &set)
    };
    add(&mut journal, 1, "/a").unwrap();
    // Half a line is there, and then the disk is full.
    fs::write(folder.join(FILE), "half a line").unwrap();
    journal.file = File::options().write(true).open("/dev/full").unwrap();
    add(&mut journal, 2, "/b").unwrap_err();
    add(&mut journal, 3, "/c").unwrap();
    let again = Purges::open(&folder).unwrap();
    let (epoch, offset) = (1, 0);
    for url in ["/a", "/b", "/c"] {
        let position = Position { epoch, offset };
        assert_eq!(judge(&again, url, position), Judgement::Dead, "{url}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_was_folded_holds_after_a_restart() {
    let folder = folder("folded");
    let purges = Purges::open(&folder).unwrap();
    let before = purges.now();
    // More than are remembered, and the first of them hard.
    for n in 0..10 {
        let urls = (0..1000).map(|m| Selector::Url(format!("/{n}/{m}").into()));
        let purge = Purge {
            selectors: urls.collect(),
            soft: n > 0,
        };
        purges.add(&purge).1.unwrap();
    }
    for _ in 0..2 {
        let again = Purges::open(&folder).unwrap();
        assert_eq!(judge(&again, "/0/0", before), Judgement::Dead);
        assert_eq!(judge(&again, "/0/0", again.now()), Judgement::Alive);
    }
    fs::remove_dir_all(&folder).unwrap();
}
