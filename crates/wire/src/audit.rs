//! The audit trail: `GET /api/audit?after=N&limit=L&what=W`, with the admin token.

use serde::{Deserialize, Serialize};

/// Its answer: what was done after number `after`, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// `limit` of them at most.
    pub entries: Vec<AuditEntry>,
    /// There are more: ask after the last one's number.
    pub more: bool,
}

/// One thing that was done. No token or secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// In the order in which they came true; numbers may be left out.
    pub number: u64,
    /// Unix time, ms.
    pub at_ms: u64,
    /// `admin`, `key` and its jti, `open` (anyone, where uploads are open), or `origin` itself.
    pub who: String,
    /// Such as `issue`, `revoke`, `rotate`, `upload`, `delete`.
    pub what: String,
    /// On what.
    pub target: String,
    /// Address that asked; empty where nobody did.
    pub peer: String,
    /// `done` or `refused`.
    pub result: String,
}
