//! Assets, a page at a time.

use wire::{AssetPage, AssetState, AssetStatus};

use super::{
    super::filter::{Filter, containing},
    Catalogue, OriginError, STATUS, StatusColumns, status,
};
use crate::{cursor::Cursor, details};

/// Which assets, and how many of them.
#[derive(Debug)]
pub(crate) struct AssetQuery {
    /// Entries at most.
    pub(crate) limit: u32,
    /// Behind this one: its time and id.
    pub(crate) after: Option<Cursor<1>>,
    /// Each of these words is in the title, or in a tag.
    pub(crate) words: Vec<String>,
    pub(crate) tag: Option<String>,
    pub(crate) state: Option<AssetState>,
}

impl AssetQuery {
    fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        if let Some(Cursor { numbers, id }) = &self.after {
            let (at, id) = (filter.number(numbers[0]), filter.text(id));
            filter.and(format!("(a.created_at, a.id) < ({at}, {id})"));
        }
        for word in &self.words {
            // Letters outside ASCII: the database folds both sides alike.
            let title = filter.text(containing(word));
            let tag = filter.text(containing(&word.to_lowercase()));
            filter.and(format!(
                "(lower(a.title) LIKE lower({title}) ESCAPE '!' OR EXISTS (SELECT 1 FROM \
                 asset_tags t WHERE t.asset = a.id AND t.tag LIKE {tag} ESCAPE '!'))"
            ));
        }
        if let Some(tag) = &self.tag {
            let tag = filter.text(details::tag_form(tag));
            filter.and(format!(
                "EXISTS (SELECT 1 FROM asset_tags t WHERE t.asset = a.id AND t.tag = {tag})"
            ));
        }
        if let Some(state) = self.state {
            filter.and(format!("v.state = '{}'", state.as_str()));
        }
        filter
    }
}

impl Catalogue {
    /// A page of assets, the newest first.
    pub(crate) async fn assets(&self, ask: &AssetQuery) -> Result<AssetPage, OriginError> {
        let mut filter = ask.filter();
        let limit = filter.number(i64::from(ask.limit) + 1);
        let sql = format!(
            "{STATUS} {} ORDER BY a.created_at DESC, a.id DESC LIMIT {limit}",
            filter.sql()
        );
        let mut tx = self.db.snapshot().await?;
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
        let mut rows: Vec<StatusColumns> = filter.bind(query).fetch_all(&mut *tx).await?;
        let is_more = rows.len() > ask.limit as usize;
        rows.truncate(ask.limit as usize);
        let mut assets = Vec::with_capacity(rows.len());
        for row in rows {
            assets.push(status(&mut tx, row).await?);
        }
        let next = assets.last().filter(|_| is_more).map(behind);
        Ok(AssetPage { assets, next })
    }
}

fn behind(last: &AssetStatus) -> String {
    let cursor = Cursor {
        numbers: [last.created_at_ms],
        id: last.asset.to_string(),
    };
    cursor.to_text()
}
