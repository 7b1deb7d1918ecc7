//! What an origin stores, and what its catalogue names.

use std::{collections::BTreeSet, path::Path};

use crate::support::{Server, until};

/// One number from the catalogue.
pub(crate) async fn count(server: &Server, sql: &'static str) -> i64 {
    let mut db = server.catalogue().await;
    sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap()
}

/// Names of all stored blobs.
pub(crate) fn blobs(data: &Path) -> BTreeSet<String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let name = path.strip_prefix(root).unwrap();
                found.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    let (mut found, root) = (BTreeSet::new(), data.join("blobs"));
    walk(&root, &root, &mut found);
    found
}

/// Names of all blobs that a row names.
pub(crate) async fn named(server: &Server) -> BTreeSet<String> {
    let mut db = server.catalogue().await;
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT blob FROM segments UNION SELECT blob FROM files \
         UNION SELECT init_blob FROM tracks WHERE init_blob IS NOT NULL \
         UNION SELECT blob FROM passes WHERE blob IS NOT NULL \
         UNION SELECT source FROM versions WHERE source <> ''",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    rows.into_iter().map(|(blob,)| blob).collect()
}

/// Waits until every blob has a row; every row has its blob all the time.
pub(crate) async fn settled(server: &Server) -> BTreeSet<String> {
    until("no orphan is left", async || {
        let (stored, named) = (blobs(server.data()), named(server).await);
        assert!(named.is_subset(&stored), "a row without its blob");
        stored == named
    })
    .await;
    blobs(server.data())
}
