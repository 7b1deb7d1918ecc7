//! Files: what is not allowed is refused.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::prison::{Folder, perl, run, shell};

#[test]
fn a_file_that_is_named_is_read() {
    let folder = Folder::new();
    let file = folder.at("inside");
    let read = run(&["--read", &file], &["cat", &file]);
    assert_eq!(read.printed(), "hello");
}

#[test]
fn a_folder_that_is_named_is_read_with_all_that_is_below() {
    let folder = Folder::new();
    std::fs::create_dir(folder.at("below")).unwrap();
    std::fs::write(folder.at("below/deep"), "deep").unwrap();
    let read = run(
        &["--read", folder.path()],
        &["cat", &folder.at("below/deep")],
    );
    assert_eq!(read.printed(), "deep");
}

#[test]
fn no_other_file_is_read() {
    let folder = Folder::new();
    std::fs::write(folder.at("beside"), "secret").unwrap();
    let rules = ["--read", &folder.at("inside")];
    for other in [
        "/etc/passwd",
        "/etc/hostname",
        "/proc/1/environ",
        "/proc/self/environ",
        "/proc/self/maps",
        &folder.at("beside"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ] {
        run(&rules, &["cat", other]).was_denied();
    }
}

#[test]
fn no_other_folder_is_listed() {
    let folder = Folder::new();
    let rules = ["--read", &folder.at("inside")];
    for other in [folder.path(), "/", "/etc", "/proc"] {
        run(&rules, &["ls", other]).was_denied();
    }
}

#[test]
fn only_the_work_folder_is_written() {
    let (work, other) = (Folder::new(), Folder::new());
    let rules = ["--write", work.path(), "--read", other.path()];
    let write = |file: &str| shell(&rules, &format!("echo new > {file}"));
    write(&work.at("made")).printed();
    assert_eq!(work.read("made"), "new\n");
    let files = [
        other.at("made"),
        other.at("inside"),
        "/usr/lib/made".to_owned(),
    ];
    for file in files {
        let ended = write(&file);
        assert_ne!(ended.code, Some(0));
        assert!(ended.err.contains("Permission denied"), "{ended:?}");
    }
    assert!(!other.has("made"));
    assert_eq!(other.read("inside"), "hello");
}

#[test]
fn without_a_work_folder_nothing_is_written() {
    let folder = Folder::new();
    let script = format!("echo new > {}", folder.at("inside"));
    let ended = shell(&["--read", folder.path()], &script);
    assert!(ended.err.contains("Permission denied"), "{ended:?}");
    assert_eq!(folder.read("inside"), "hello");
}

#[test]
fn a_link_in_the_work_folder_leads_nowhere_else() {
    let (work, other) = (Folder::new(), Folder::new());
    symlink(other.path(), work.at("link")).unwrap();
    let rules = ["--write", work.path()];
    run(&rules, &["cat", &work.at("link/inside")]).was_denied();
    let ended = shell(&rules, &format!("echo new > {}", work.at("link/made")));
    assert!(ended.err.contains("Permission denied"), "{ended:?}");
    assert!(!other.has("made"));
}

#[test]
fn no_file_is_renamed_linked_removed_cut_or_given_another_mode_outside() {
    let (work, other) = (Folder::new(), Folder::new());
    let (inside, outside) = (work.at("inside"), other.at("inside"));
    let mode = || std::fs::metadata(&outside).unwrap().permissions().mode();
    let before = mode();
    for change in [
        format!("rename '{outside}', '{inside}'"),
        format!("rename '{inside}', '{outside}'"),
        format!("link '{outside}', '{}'", work.at("link")),
        format!("unlink '{outside}'"),
        format!("truncate '{outside}', 0"),
        format!("chmod 0777, '{outside}'"),
        format!("chown 1, 1, '{outside}'"),
        format!("utime 1, 1, '{outside}'"),
    ] {
        let rules = ["--write", work.path(), "--read", other.path()];
        let ended = perl(
            &rules,
            &format!("{change} or print 'refused'; print 'done'"),
        );
        assert_eq!(ended.printed(), "refuseddone", "{change}");
    }
    assert_eq!((other.read("inside").as_str(), mode()), ("hello", before));
}

#[test]
fn nothing_else_is_executed() {
    let work = Folder::new();
    std::fs::copy("/bin/true", work.at("true")).unwrap();
    let rules = ["--write", work.path()];
    for program in ["/bin/true", "/bin/cat", &work.at("true")] {
        let script = format!("exec '{program}' or print $!");
        assert_eq!(perl(&rules, &script).out, "Permission denied", "{program}");
    }
    // The same file runs where it is what is asked for: it is the rule that refuses it.
    assert_eq!(run(&[], &[&work.at("true")]).code, Some(0));
}
