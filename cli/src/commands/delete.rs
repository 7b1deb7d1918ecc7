//! `weir delete`.

use bytes::Bytes;
use http::Method;

use super::secret;
use crate::{args::DeleteArgs, client::good};

/// Takes an asset away, published or still being made.
pub(super) async fn run(args: DeleteArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let path = format!("/api/assets/{}", args.asset);
    good(
        client
            .send(Method::DELETE, &path, &[], Bytes::new())
            .await?,
    )?;
    println!(
        "{} is deleted; edges keep what they have until it is old",
        args.asset
    );
    Ok(())
}
