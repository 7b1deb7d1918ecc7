//! Which of our crates may use which: roles meet only over HTTP.

use std::{collections::BTreeSet, path::Path};

use toml::Table;

/// Crate, its folder, what it may use, what its tests may use besides.
const TABLE: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "cli",
        "cli",
        &[
            "edge",
            "keys",
            "media",
            "origin",
            "packager",
            "player-test",
            "store",
            "wire",
        ],
        &["testkit"],
    ),
    (
        "origin",
        "origin",
        &["keys", "media", "store", "wire"],
        &["testkit"],
    ),
    (
        "packager",
        "packager",
        &["media", "store", "wire"],
        &["testkit"],
    ),
    ("edge", "edge", &["keys", "wire"], &["testkit"]),
    ("player-test", "player-test", &[], &[]),
    ("media", "crates/media", &[], &[]),
    ("keys", "crates/keys", &[], &[]),
    ("store", "crates/store", &[], &["testkit"]),
    ("wire", "crates/wire", &[], &[]),
    ("testkit", "crates/testkit", &["keys", "wire"], &[]),
];

/// What media and keys must not have: they are pure.
const IMPURE: &[&str] = &[
    "tokio",
    "hyper",
    "axum",
    "futures-util",
    "rustix",
    "getrandom",
];

fn manifest(folder: &str) -> Table {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("cli has a parent");
    let text = std::fs::read_to_string(root.join(folder).join("Cargo.toml"));
    text.expect("every crate has a manifest")
        .parse()
        .expect("manifests are TOML")
}

fn names(manifest: &Table, section: &str) -> BTreeSet<String> {
    let section = manifest.get(section).and_then(|section| section.as_table());
    section
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

fn ours(names: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    names
        .iter()
        .map(String::as_str)
        .filter(|name| TABLE.iter().any(|row| row.0 == *name))
}

#[test]
fn every_crate_imports_only_what_the_table_allows() {
    for (name, folder, may, tests_may) in TABLE {
        let manifest = manifest(folder);
        for used in ours(&names(&manifest, "dependencies")) {
            assert!(may.contains(&used), "{name} must not use {used}");
        }
        for used in ours(&names(&manifest, "dev-dependencies")) {
            let allowed = may.contains(&used) || tests_may.contains(&used);
            assert!(allowed, "tests of {name} must not use {used}");
        }
    }
}

#[test]
fn every_crate_of_the_workspace_is_in_the_table() {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members")
        .clone();
    let members: BTreeSet<&str> = members
        .iter()
        .filter_map(|member| member.as_str())
        .collect();
    let table: BTreeSet<&str> = TABLE.iter().map(|row| row.1).collect();
    assert_eq!(members, table);
}

#[test]
fn media_and_keys_are_pure() {
    for folder in ["crates/media", "crates/keys"] {
        let used = names(&manifest(folder), "dependencies");
        for impure in IMPURE {
            assert!(!used.contains(*impure), "{folder} must not use {impure}");
        }
    }
}
