//! Keys that sign keys. Each signs from its time on, until the next one's has come; what it
//! signed counts until the last of it has ended.

use serde_json::{Value, json};
use sqlx::AnyConnection;
use wire::{SigningKeyState, SigningKeyStatus};

use super::{Catalogue, OriginError, Topic, from_json, revocations::bump, unsigned};

/// Signing keys at one time. Chosen: half of what a checker takes
/// ([`keys::KeySet::from_jwks`]).
const SIGNERS_MAX: usize = 16;

/// How long after another's time has come a key may be used still, ms: origins look every few
/// seconds, by clocks of their own. Chosen.
const HANDOVER_MS: i64 = 60_000;

/// Longest life of what one signs, ms.
const SIGNED_LIFE_MS: i64 = keys::LIFE_SECS_MAX as i64 * 1000;

/// A row of `signing_keys`.
pub(crate) struct SignerRow {
    pub(crate) kid: String,
    /// Its public half, JSON.
    pub(crate) jwk: String,
    /// 64 hexadecimal digits; none once it signs no more.
    pub(crate) seed: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) signs_from_ms: i64,
}

impl Catalogue {
    /// All signing keys, in the order of their times.
    pub(crate) async fn signers(&self) -> Result<Vec<SignerRow>, OriginError> {
        signers(&mut *self.db.read.acquire().await?).await
    }

    /// Adds the first one, where there is none.
    pub(crate) async fn begin_signing(&self, first: &SignerRow) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        if signers(&mut tx).await?.is_empty() {
            insert(&mut tx, first).await?;
            bump(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Adds the one that comes next, which signs from its time on. Where one waits already
    /// it stays, and signs by then at the latest: who asks again changes nothing.
    pub(crate) async fn rotate(&self, mut next: SignerRow, now_ms: i64) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let there = signers(&mut tx).await?;
        match there.iter().find(|row| row.signs_from_ms > now_ms) {
            Some(waiting) if waiting.signs_from_ms <= next.signs_from_ms => return Ok(()),
            Some(waiting) => {
                sqlx::query("UPDATE signing_keys SET signs_from = $2 WHERE kid = $1")
                    .bind(&waiting.kid)
                    .bind(next.signs_from_ms)
                    .execute(&mut *tx)
                    .await?;
            }
            None if there.len() >= SIGNERS_MAX => {
                return Err(OriginError::Overloaded(format!(
                    "{SIGNERS_MAX} signing keys are trusted: take a retired one back \
                     (weir key list, weir key revoke --signer)"
                )));
            }
            None => {
                // No two have the same time.
                let newest_ms = there.last().map_or(0, |row| row.signs_from_ms);
                next.signs_from_ms = next.signs_from_ms.max(newest_ms + 1);
                insert(&mut tx, &next).await?;
            }
        }
        bump(&mut tx).await?;
        tx.commit().await?;
        self.news.tell(Topic::Keys);
        Ok(())
    }

    /// Forgets the secrets of those that sign no more, and those of which nothing counts.
    pub(crate) async fn retire_signers(&self, now_ms: i64) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let there = signers(&mut tx).await?;
        let mut gone = false;
        for (row, next) in there.iter().zip(there.iter().skip(1)) {
            if trusted_until_ms(next) <= now_ms {
                forget(&mut tx, &row.kid).await?;
                gone = true;
            } else if row.seed.is_some() && next.signs_from_ms + HANDOVER_MS <= now_ms {
                sqlx::query("UPDATE signing_keys SET seed = NULL WHERE kid = $1")
                    .bind(&row.kid)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        if gone {
            bump(&mut tx).await?;
        }
        tx.commit().await?;
        if gone {
            self.news.tell(Topic::Keys);
        }
        Ok(())
    }
}

/// Nothing that this one signed counts from now on: not what a thief signs with it and dates
/// as he likes. The one that signs now stays.
pub(super) async fn distrust(
    tx: &mut AnyConnection,
    kid: &str,
    now_ms: i64,
) -> Result<(), OriginError> {
    let there = signers(tx).await?;
    let active = active(&there, now_ms);
    if there.iter().any(|row| row.kid == kid) && active.is_none_or(|row| row.kid != kid) {
        forget(tx, kid).await?;
    }
    Ok(())
}

/// The public halves, as a JSON Web Key Set.
pub(crate) fn jwks(rows: &[SignerRow]) -> Result<Value, OriginError> {
    let keys: Result<Vec<Value>, _> = rows.iter().map(|row| from_json(&row.jwk, "jwk")).collect();
    Ok(json!({ "keys": keys? }))
}

/// What operators are told of them.
pub(crate) fn told(rows: &[SignerRow], now_ms: i64) -> Result<Vec<SigningKeyStatus>, OriginError> {
    let active = active(rows, now_ms).map_or(i64::MAX, |row| row.signs_from_ms);
    let secs = |ms: i64| unsigned(ms / 1000);
    let told = rows.iter().enumerate().map(|(n, row)| {
        let state = match row.signs_from_ms.cmp(&active) {
            std::cmp::Ordering::Less => SigningKeyState::Retired,
            std::cmp::Ordering::Equal => SigningKeyState::Active,
            std::cmp::Ordering::Greater => SigningKeyState::Next,
        };
        let next = rows.get(n + 1);
        Ok(SigningKeyStatus {
            kid: row.kid.clone(),
            state,
            created_at: secs(row.created_at_ms)?,
            signs_from: secs(row.signs_from_ms)?,
            trusted_until: next.map(|next| secs(trusted_until_ms(next))).transpose()?,
        })
    });
    told.collect()
}

/// The one that signs. Where the clock was set back it is the oldest whose secret is there.
fn active(rows: &[SignerRow], now_ms: i64) -> Option<&SignerRow> {
    let mut able = rows.iter().filter(|row| row.seed.is_some());
    let begun = able.clone().rfind(|row| row.signs_from_ms <= now_ms);
    begun.or_else(|| able.next())
}

/// Until when what a key signed counts that `next` took the place of.
fn trusted_until_ms(next: &SignerRow) -> i64 {
    next.signs_from_ms
        .saturating_add(SIGNED_LIFE_MS + HANDOVER_MS)
}

pub(super) async fn signers(tx: &mut AnyConnection) -> Result<Vec<SignerRow>, OriginError> {
    let rows: Vec<(String, String, Option<String>, i64, i64)> = sqlx::query_as(
        "SELECT kid, jwk, seed, created_at, signs_from FROM signing_keys \
         ORDER BY signs_from, created_at, kid",
    )
    .fetch_all(tx)
    .await?;
    let row = |(kid, jwk, seed, created_at_ms, signs_from_ms)| SignerRow {
        kid,
        jwk,
        seed,
        created_at_ms,
        signs_from_ms,
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn insert(tx: &mut AnyConnection, row: &SignerRow) -> Result<(), OriginError> {
    sqlx::query(
        "INSERT INTO signing_keys (kid, jwk, seed, created_at, signs_from) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&row.kid)
    .bind(&row.jwk)
    .bind(&row.seed)
    .bind(row.created_at_ms)
    .bind(row.signs_from_ms)
    .execute(tx)
    .await?;
    Ok(())
}

async fn forget(tx: &mut AnyConnection, kid: &str) -> Result<(), OriginError> {
    sqlx::query("DELETE FROM signing_keys WHERE kid = $1")
        .bind(kid)
        .execute(tx)
        .await?;
    Ok(())
}
