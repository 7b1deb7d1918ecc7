//! Secrets in files.

use std::path::Path;

use super::OperatorArgs;
use crate::{
    client::Client,
    exit::{Exit, error},
};

/// The secret in a file that `setting` names.
pub(super) fn read_secret(setting: &str, file: &Path) -> anyhow::Result<String> {
    let bad = |why: String| error(Exit::Config, format!("{setting} {}: {why}", file.display()));
    let text = std::fs::read_to_string(file)
        .map_err(|fault| bad(format!("{fault}; name a file that can be read")))?;
    match text.trim() {
        "" => Err(bad("it is empty".to_owned())),
        secret if secret.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(secret.to_owned()),
        _ => Err(bad("it is not one line of visible ASCII".to_owned())),
    }
}

/// Asks an origin as its operator.
pub(super) fn operator(args: &OperatorArgs) -> anyhow::Result<Client> {
    let token = read_secret("--admin-file", &args.admin_file)?;
    Client::new(&args.origin, Some(token))
}
