//! The origin's folder: private, and of one origin at a time.

use std::os::unix::fs::PermissionsExt;

use origin::{Config, Origin, OriginError};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn two_origins_never_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let config = Config {
        data_dir: data_dir.clone(),
        ..Config::default()
    };
    let first = Origin::open(config.clone(), CancellationToken::new())
        .await
        .unwrap();
    let second = Origin::open(config.clone(), CancellationToken::new()).await;
    assert!(matches!(second, Err(OriginError::Locked(_))));
    assert_eq!(
        data_dir.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
    drop(first);
    Origin::open(config, CancellationToken::new())
        .await
        .unwrap();
}
