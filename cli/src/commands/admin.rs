//! The admin listener of one edge, for the commands that ask it.

use std::path::PathBuf;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use wire::Problem;

use super::secret::read_secret;
use crate::{
    client::Client,
    exit::{Exit, error},
};

#[derive(Debug, clap::Args)]
pub(crate) struct EdgeAdminArgs {
    /// Where the edge's admin listener is, http://IP:PORT or IP:PORT [default:
    /// edge.admin_listen].
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// File with its token, which the edge has made [default: edge.admin_token_file].
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Asks one edge.
pub(super) struct Admin {
    client: Client,
    token_file: PathBuf,
}

impl Admin {
    pub(super) fn new(config: &edge::Config, args: EdgeAdminArgs) -> anyhow::Result<Self> {
        let unknown = |what| error(Exit::Config, format!("which edge? Name {what}"));
        let base = match args.admin {
            Some(base) if base.contains("://") => base,
            Some(address) => format!("http://{address}"),
            None if config.admin_listen == "off" => {
                return Err(unknown("its admin listener: --admin, or edge.admin_listen"));
            }
            None => format!("http://{}", config.admin_listen),
        };
        let file = args
            .token_file
            .unwrap_or_else(|| config.admin_token_file.clone());
        if file.as_os_str().is_empty() {
            return Err(unknown("its token: --token-file, or edge.admin_token_file"));
        }
        let token = read_secret("--token-file", &file)?;
        Ok(Self {
            client: Client::new(&base, Some(token))?,
            token_file: file,
        })
    }

    /// The JSON of a good answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<T> {
        let json = [("content-type", "application/json".to_owned())];
        let answer = self.client.send(method, path, &json, body).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(serde_json::from_slice(answer.body())?);
        }
        let problem = serde_json::from_slice::<Problem>(answer.body()).ok();
        let said = match problem.and_then(|problem| problem.detail) {
            Some(_) if status == StatusCode::UNAUTHORIZED => {
                let file = self.token_file.display();
                format!("{file} has not its token; --token-file names another")
            }
            Some(detail) => detail,
            None => format!(
                "{} is no edge's admin listener; --admin names another",
                self.client.base()
            ),
        };
        let exit = if status.is_client_error() {
            Exit::Refused
        } else {
            Exit::Failed
        };
        Err(error(
            exit,
            format!("the edge answers {}: {said}", status.as_u16()),
        ))
    }
}
