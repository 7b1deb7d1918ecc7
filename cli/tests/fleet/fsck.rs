//! `weir store fsck`: of a store that is sound, and of one that is not.

use std::path::{Path, PathBuf};

#[cfg(feature = "s3")]
use crate::process::weir;
use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    process::Ended,
};

/// Files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}

async fn fsck(fleet: &Fleet, more: &[&str]) -> Ended {
    let data = fleet.data_dir();
    let args = ["store", "fsck", "--data-dir", data.to_str().unwrap()];
    fleet.run(&[&args, more].concat()).await
}

/// An asset that is ready, beside which nobody works any more.
async fn published() -> (Fleet, Asset, Vec<PathBuf>) {
    // Leases of the fleet last 2 s: no grace may be shorter.
    let mut fleet = Fleet::start(&[("WEIR_ORIGIN__GC_GRACE", "2s")]).await;
    let asset = fleet.publish(Clip::with_sound(4.0).path()).await;
    fleet.settled(&asset).await;
    fleet.stop(Role::Worker).await;
    let segments = files(&fleet.data_dir().join("blobs/media"));
    assert!(segments.len() > 8, "{segments:?}");
    (fleet, asset, segments)
}

#[tokio::test]
async fn a_store_that_is_sound_is_said_to_be_while_the_origin_runs() {
    let (fleet, _, blobs) = published().await;
    let quick = fsck(&fleet, &[]).await;
    assert_eq!((quick.code, quick.out.as_str()), (0, ""), "{quick:?}");
    let whole = fsck(&fleet, &["--read"]).await;
    assert_eq!((whole.code, whole.out.as_str()), (0, ""), "{whole:?}");
    // All but the source, which came by tus.
    let read = format!("{} were read and are what was stored, 1 have", blobs.len());
    assert!(whole.err.contains(&read), "{whole:?}");
}

#[tokio::test]
async fn what_is_missing_short_or_rotten_is_told_with_its_asset_and_left_alone() {
    let (mut fleet, asset, blobs) = published().await;
    fleet.stop(Role::Origin).await;
    let name = |path: &Path| {
        let name = path.strip_prefix(fleet.data_dir().join("blobs")).unwrap();
        name.to_str().unwrap().to_owned()
    };
    let [gone, short, rotten] = [&blobs[0], &blobs[1], &blobs[2]];
    std::fs::remove_file(gone).unwrap();
    let len = std::fs::metadata(short).unwrap().len();
    let file = std::fs::File::options().write(true).open(short).unwrap();
    file.set_len(len - 1).unwrap();
    // In place, as a disk would: what is kept beside it stays.
    let mut bytes = std::fs::read(rotten).unwrap();
    bytes[9] ^= 1;
    let mut file = std::fs::File::options().write(true).open(rotten).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();

    let of = format!(", of asset {}", asset.id);
    let quick = [
        format!(
            "{} length: {} bytes instead of {len}{of}",
            name(short),
            len - 1
        ),
        format!("{} missing{of}", name(gone)),
    ];
    let found = fsck(&fleet, &[]).await;
    assert_eq!(
        (found.code, lines(&found)),
        (9, quick.to_vec()),
        "{found:?}"
    );
    let found = fsck(&fleet, &["--read", "--repair"]).await;
    assert_eq!(found.code, 9, "{found:?}");
    let flipped = format!(
        "{} rotten: not the bytes that were stored{of}",
        name(rotten)
    );
    assert!(lines(&found).contains(&flipped), "{found:?}");
    assert_eq!(lines(&found).len(), 3);
    assert!(
        short.is_file() && rotten.is_file(),
        "they may be of use yet"
    );
}

fn lines(ended: &Ended) -> Vec<String> {
    ended.out.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_nothing_names_goes_at_last() {
    let (mut fleet, _, blobs) = published().await;
    fleet.stop(Role::Origin).await;
    let orphan = blobs[0].with_file_name("orphan.seg");
    std::fs::write(&orphan, "lost").unwrap();
    let young = fsck(&fleet, &[]).await;
    assert_eq!(young.code, 0, "it may be named yet: {young:?}");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(26 * 3600);
    let file = std::fs::File::options().write(true).open(&orphan).unwrap();
    file.set_modified(then).unwrap();
    let found = fsck(&fleet, &[]).await;
    assert_eq!(found.code, 9, "{found:?}");
    assert!(
        found.out.contains("orphan.seg orphan: 4 bytes"),
        "{found:?}"
    );
    assert!(orphan.is_file());
    let repaired = fsck(&fleet, &["--repair"]).await;
    assert_eq!(repaired.code, 0, "{repaired:?}");
    assert!(repaired.out.contains("deleted"), "{repaired:?}");
    assert!(!orphan.exists());
    assert_eq!(files(&fleet.data_dir().join("blobs/media")), blobs);
}

#[cfg(feature = "s3")]
#[tokio::test]
async fn a_bucket_is_looked_through_as_the_folder_is() {
    use testkit::s3::{BUCKET, KEY, SECRET, Server};

    let server = Server::start().await;
    let settings = [
        ("WEIR_STORE__BUCKET", BUCKET),
        ("WEIR_STORE__ENDPOINT", &server.endpoint()),
        ("WEIR_STORE__PATH_STYLE", "true"),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let fleet = Fleet::start(&settings).await;
    fleet.publish(Clip::with_sound(4.0).path()).await;
    let fsck = async || {
        let mut command = tokio::process::Command::from(weir(fleet.folder.path(), &settings));
        let data = fleet.data_dir();
        command.args([
            "store",
            "fsck",
            "--read",
            "--data-dir",
            data.to_str().unwrap(),
        ]);
        let ended = command.output().await.unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        (ended.status.code(), said)
    };
    assert_eq!(fsck().await, (Some(0), String::new()));
    let segments = files(&server.bucket().join("media"));
    std::fs::remove_file(&segments[0]).unwrap();
    let mut bytes = std::fs::read(&segments[1]).unwrap();
    bytes[9] ^= 1;
    std::fs::write(&segments[1], bytes).unwrap();
    let (code, said) = fsck().await;
    assert_eq!(code, Some(9), "{said}");
    assert!(
        said.contains(" missing, of asset ") && said.contains(" rotten: "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[tokio::test]
async fn a_folder_without_a_catalogue_is_not_made_one() {
    let fleet = Fleet::of(&[], &[]).await;
    let refused = fsck(&fleet, &[]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("there is no catalogue at"),
        "{refused:?}"
    );
    assert!(!fleet.data_dir().exists());
}
