//! Keys taken back.

use keys::Verified;
use sqlx::AnyConnection;
use wire::{AssetId, RevokedBefore, Revokes};

use super::{Catalogue, OriginError, Topic, audit, id, signed, signers, unsigned};
use crate::clock::now_ms;

/// Revocations in force at one time; edges hold all of them. Chosen: half of what their
/// question is answered with at most.
const IN_FORCE_MAX: i64 = 100_000;

/// What edges are told.
pub(crate) struct InForce {
    /// Grows with each change, from 1.
    pub(crate) revision: u64,
    /// The public keys, of the same moment.
    pub(crate) jwks: serde_json::Value,
    pub(crate) jtis: Vec<String>,
    pub(crate) before: Vec<RevokedBefore>,
}

impl Catalogue {
    /// Takes keys back; `forget_at_ms` is when the last of them would have ended by itself.
    pub(crate) async fn revoke(
        &self,
        what: &Revokes,
        issued_before: u64,
        forget_at_ms: i64,
    ) -> Result<(), OriginError> {
        let (kind, name) = row(what);
        let issued_before = match what {
            Revokes::Jti(_) => i64::MAX,
            _ => signed(issued_before)?,
        };
        let mut tx = self.db.begin().await?;
        let (in_force,): (i64,) = sqlx::query_as("SELECT count(*) FROM revocations")
            .fetch_one(&mut *tx)
            .await?;
        if in_force >= IN_FORCE_MAX {
            return Err(OriginError::Overloaded(format!(
                "{IN_FORCE_MAX} revocations are in force: revoke by subject, asset or signer"
            )));
        }
        sqlx::query(
            "INSERT INTO revocations (what, name, issued_before, forget_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (what, name) DO UPDATE SET \
             issued_before = CASE WHEN excluded.issued_before > revocations.issued_before \
                 THEN excluded.issued_before ELSE revocations.issued_before END, \
             forget_at = CASE WHEN excluded.forget_at > revocations.forget_at \
                 THEN excluded.forget_at ELSE revocations.forget_at END",
        )
        .bind(kind)
        .bind(name)
        .bind(issued_before)
        .bind(forget_at_ms)
        .execute(&mut *tx)
        .await?;
        audit::record(&mut tx, "revoke", &format!("{kind} {name}")).await?;
        if let Revokes::Signer(kid) = what {
            signers::distrust(&mut tx, kid, now_ms()).await?;
        }
        bump(&mut tx).await?;
        tx.commit().await?;
        self.news.tell(Topic::Keys);
        Ok(())
    }

    /// The revision of what edges must know: far less to read than all of it.
    pub(crate) async fn key_revision(&self) -> Result<u64, OriginError> {
        let (revision,): (i64,) = sqlx::query_as("SELECT revision FROM key_revision")
            .fetch_one(&self.db.read)
            .await?;
        unsigned(revision)
    }

    /// The newest revision, and all that is taken back and may not have ended.
    pub(crate) async fn revoked(&self) -> Result<InForce, OriginError> {
        let mut tx = self.db.snapshot().await?;
        let revision: i64 = sqlx::query_scalar("SELECT revision FROM key_revision")
            .fetch_one(&mut *tx)
            .await?;
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT what, name, issued_before FROM revocations WHERE forget_at > $1 \
             ORDER BY what, name",
        )
        .bind(now_ms())
        .fetch_all(&mut *tx)
        .await?;
        let signers = signers::signers(&mut tx).await?;
        tx.commit().await?;
        let mut in_force = InForce {
            revision: unsigned(revision)?,
            jwks: signers::jwks(&signers)?,
            jtis: Vec::new(),
            before: Vec::new(),
        };
        for (kind, name, issued_before) in rows {
            let what = match kind.as_str() {
                "jti" => {
                    in_force.jtis.push(name);
                    continue;
                }
                "subject" => Revokes::Subject(name),
                "asset" => Revokes::Asset(id(&name)?),
                "signer" => Revokes::Signer(name),
                other => return Err(OriginError::Damaged(format!("revocation of {other}"))),
            };
            in_force.before.push(RevokedBefore {
                what,
                issued_before: unsigned(issued_before)?,
            });
        }
        Ok(in_force)
    }

    /// This key was taken back, where it is to open `asset`.
    pub(crate) async fn is_revoked(
        &self,
        key: &Verified,
        asset: Option<&AssetId>,
    ) -> Result<bool, OriginError> {
        let row: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM revocations WHERE issued_before > $1 AND (\
             (what = 'jti' AND name = $2) OR (what = 'subject' AND name = $3) OR \
             (what = 'asset' AND name = $4) OR (what = 'signer' AND name = $5)) LIMIT 1",
        )
        .bind(signed(key.claims().iat)?)
        .bind(key.jti())
        .bind(key.claims().sub.as_deref())
        .bind(asset.map(AssetId::as_str))
        .bind(key.signer())
        .fetch_optional(&self.db.read)
        .await?;
        Ok(row.is_some())
    }

    /// Drops what no key that lives is refused for.
    pub(crate) async fn forget_ended_keys(&self) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("DELETE FROM revocations WHERE forget_at < $1")
            .bind(now_ms())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Edges have something to hear.
pub(super) async fn bump(tx: &mut AnyConnection) -> Result<(), OriginError> {
    sqlx::query("UPDATE key_revision SET revision = revision + 1")
        .execute(tx)
        .await?;
    Ok(())
}

fn row(what: &Revokes) -> (&'static str, &str) {
    match what {
        Revokes::Jti(name) => ("jti", name),
        Revokes::Subject(name) => ("subject", name),
        Revokes::Asset(asset) => ("asset", asset.as_str()),
        Revokes::Signer(name) => ("signer", name),
    }
}
