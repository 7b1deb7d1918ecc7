//! `weir audit`.

use http::Method;
use wire::{AuditEntry, AuditPage};

use super::secret;
use crate::args::AuditArgs;

/// Rows asked for at one time.
const PAGE: u64 = 1000;

pub(super) async fn run(args: AuditArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let what = args.what.as_deref().unwrap_or_default();
    let (mut after, mut left) = (args.after, args.limit.unwrap_or(u64::MAX));
    while left > 0 {
        let limit = left.min(PAGE);
        let path = format!("/api/audit?after={after}&limit={limit}&what={what}");
        let page: AuditPage = client.json(Method::GET, &path, None::<&()>).await?;
        for entry in &page.entries {
            match args.json {
                true => println!("{}", serde_json::to_string(entry)?),
                false => println!("{}", line(entry)),
            }
            after = entry.number;
        }
        left -= page.entries.len() as u64;
        if !page.more || page.entries.is_empty() {
            break;
        }
    }
    Ok(())
}

fn line(entry: &AuditEntry) -> String {
    let since = std::time::Duration::from_millis(entry.at_ms);
    let at = std::time::UNIX_EPOCH.checked_add(since).map_or_else(
        || entry.at_ms.to_string(),
        |at| humantime::format_rfc3339_millis(at).to_string(),
    );
    let AuditEntry {
        number,
        who,
        what,
        target,
        peer,
        result,
        ..
    } = entry;
    let peer = if peer.is_empty() { "-" } else { peer };
    format!("{number:>6}  {at}  {peer:15}  {who:20}  {what:8}  {result:7}  {target}")
}
