//! `weir webhook`.

use bytes::Bytes;
use http::Method;
use wire::{Delivery, EventKind, NewWebhook, WebUrl, Webhook, WebhookId, WebhookRequest};

use super::secret;
use crate::{
    args::{OperatorArgs, WebhookAddArgs, WebhookCommand},
    client::{Client, NOTHING, good},
    exit::{Exit, error},
};

pub(super) async fn run(command: WebhookCommand) -> anyhow::Result<()> {
    match command {
        WebhookCommand::Add(args) => add(args).await,
        WebhookCommand::List { operator } => list(&operator).await,
        WebhookCommand::Delete(args) => {
            let path = format!("/api/webhooks/{}", args.webhook);
            done(&args.operator, Method::DELETE, &path).await?;
            println!("{} is deleted, and what was on its way", args.webhook);
            Ok(())
        }
        WebhookCommand::Enable(args) => {
            let path = format!("/api/webhooks/{}/enable", args.webhook);
            done(&args.operator, Method::POST, &path).await?;
            println!("{} is called from the next event on", args.webhook);
            Ok(())
        }
        WebhookCommand::Test(args) => {
            let client = secret::operator(&args.operator)?;
            let path = format!("/api/webhooks/{}/test", args.webhook);
            let delivery: Delivery = client.json(Method::POST, &path, NOTHING).await?;
            println!(
                "{} is on its way; see weir webhook deliveries {}",
                delivery.delivery, args.webhook
            );
            Ok(())
        }
        WebhookCommand::Deliveries(args) => deliveries(&args.operator, &args.webhook).await,
        WebhookCommand::Redeliver {
            webhook,
            delivery,
            operator,
        } => {
            let client = secret::operator(&operator)?;
            let path = format!("/api/webhooks/{webhook}/deliveries/{delivery}/redeliver");
            let delivery: Delivery = client.json(Method::POST, &path, NOTHING).await?;
            println!("{} is on its way", delivery.delivery);
            Ok(())
        }
    }
}

async fn add(args: WebhookAddArgs) -> anyhow::Result<()> {
    let url: WebUrl = args
        .url
        .parse()
        .map_err(|fault| error(Exit::Config, format!("{fault}")))?;
    let secret = args.secret_file.as_deref();
    let secret = secret.map(|file| secret::read_secret("--secret-file", file));
    let ask = WebhookRequest {
        url,
        events: args.events,
        secret: secret.transpose()?,
    };
    let client = secret::operator(&args.operator)?;
    let new: NewWebhook = client
        .json(Method::POST, "/api/webhooks", Some(&ask))
        .await?;
    println!("webhook  {}", new.webhook.webhook);
    println!("secret   {}", new.secret);
    eprintln!("The secret is not shown again: calls are signed with it.");
    Ok(())
}

async fn list(operator: &OperatorArgs) -> anyhow::Result<()> {
    let client = secret::operator(operator)?;
    let all: Vec<Webhook> = client.json(Method::GET, "/api/webhooks", NOTHING).await?;
    for webhook in all {
        let state = match (&webhook.disabled, webhook.failing_since_ms) {
            (Some(why), _) => format!("disabled: {why}"),
            (None, Some(_)) => "failing".to_owned(),
            (None, None) => "enabled".to_owned(),
        };
        let events = match webhook.events.as_slice() {
            [] => "all".to_owned(),
            events => events.iter().map(name).collect::<Vec<_>>().join(","),
        };
        println!("{}  {}  {events}  {state}", webhook.webhook, webhook.url);
    }
    Ok(())
}

async fn deliveries(operator: &OperatorArgs, webhook: &WebhookId) -> anyhow::Result<()> {
    let client = secret::operator(operator)?;
    let path = format!("/api/webhooks/{webhook}/deliveries");
    let all: Vec<Delivery> = client.json(Method::GET, &path, NOTHING).await?;
    for delivery in all {
        let state = format!("{:?}", delivery.state).to_lowercase();
        let status = delivery.status.map_or("-".to_owned(), |it| it.to_string());
        println!(
            "{}  {}  {}  {state}  {} calls  {status}  {}",
            delivery.delivery,
            delivery.message,
            name(&delivery.event),
            delivery.attempts,
            delivery.reason.unwrap_or_default()
        );
    }
    Ok(())
}

/// An event's name, as in JSON.
fn name(event: &EventKind) -> String {
    let name = serde_json::to_value(event).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

/// Asks for something that has no answer.
async fn done(operator: &OperatorArgs, method: Method, path: &str) -> anyhow::Result<()> {
    let client: Client = secret::operator(operator)?;
    good(client.send(method, path, &[], Bytes::new()).await?)?;
    Ok(())
}
