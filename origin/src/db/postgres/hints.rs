//! News from origin to origin, by LISTEN and NOTIFY.

use std::{sync::Arc, time::Duration};

use sqlx::{AnyPool, postgres::PgListener};
use tokio::{task::JoinSet, time::sleep};

use crate::{DatabaseUrl, OriginError, catalogue::News, random};

/// Shortest time between two hints: what changes with each segment is told in few.
const PAUSE: Duration = Duration::from_millis(50);

/// Wait before a server that can't be reached is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Tells the other origins on a database of news, and hears theirs, as long as what is
/// returned lives.
pub(crate) async fn exchange(
    url: &DatabaseUrl,
    pool: &AnyPool,
    news: Arc<News>,
) -> Result<JoinSet<()>, OriginError> {
    let (schema,): (String,) = sqlx::query_as("SELECT CAST(current_schema() AS TEXT)")
        .fetch_one(pool)
        .await?;
    let (channel, own) = (format!("weir {schema}"), random::id());
    let mut tasks = JoinSet::new();
    tasks.spawn(tell(
        pool.clone(),
        channel.clone(),
        own.clone(),
        news.clone(),
    ));
    tasks.spawn(hear(url.clone(), channel, own, news));
    Ok(tasks)
}

/// What can't be told is told later.
async fn tell(pool: AnyPool, channel: String, own: String, news: Arc<News>) {
    loop {
        let topics = news.untold().await;
        if topics == 0 {
            continue;
        }
        let told = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(&channel)
            .bind(format!("{own} {topics}"))
            .execute(&pool)
            .await;
        if let Err(error) = told {
            tracing::debug!(%error, "other origins are not told yet");
            news.tell_again(topics);
        }
        sleep(PAUSE).await;
    }
}

async fn hear(url: DatabaseUrl, channel: String, own: String, news: Arc<News>) {
    loop {
        if let Err(error) = listen(&url, &channel, &own, &news).await {
            tracing::warn!(%error, "other origins are not heard");
        }
        sleep(TRY_AGAIN).await;
    }
}

async fn listen(
    url: &DatabaseUrl,
    channel: &str,
    own: &str,
    news: &News,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url.as_str()).await?;
    listener.listen(channel).await?;
    loop {
        // Whatever was said before this moment was not heard.
        news.hear(u8::MAX);
        while let Some(heard) = listener.try_recv().await? {
            match heard.payload().split_once(' ') {
                Some((from, topics)) if from != own => news.hear(topics.parse().unwrap_or(u8::MAX)),
                _ => {}
            }
        }
    }
}
