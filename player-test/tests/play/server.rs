//! A server of files, and of whatever goes wrong with them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{Request, Response, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::stream::files;

/// What a server says to one request.
pub(crate) enum Say {
    /// 200 with this body.
    Body(Bytes),
    /// 200 with this body, after a while.
    Late(Bytes, Duration),
    /// 200 with this body and `Cache-Status`.
    Cached(Bytes, &'static str),
    /// 200, half of this body, and then the connection is gone.
    Half(Bytes),
    /// A redirect.
    To(String),
    /// An error with a problem of this type.
    Problem(u16, &'static str),
}

type Body = BoxBody<Bytes, std::io::Error>;
type Handler = dyn Fn(&str) -> Say + Send + Sync;

/// Runs until it is dropped.
pub(crate) struct Server {
    port: u16,
    task: JoinHandle<()>,
}

impl Server {
    /// Asks `handler` what to say to each path.
    pub(crate) async fn start(handler: impl Fn(&str) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let task = tokio::spawn(accept(listener, Arc::new(handler)));
        Self { port, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The file that a path names, as it is.
pub(crate) fn file(path: &str) -> Say {
    let name = path.rsplit('/').next().unwrap_or_default();
    match files().get(name) {
        Some(file) => Say::Body(file.clone()),
        None => Say::Problem(404, "/problems/not-found"),
    }
}

async fn accept(listener: TcpListener, handler: Arc<Handler>) {
    while let Ok((connection, _)) = listener.accept().await {
        let handler = handler.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let said = handler(request.uri().path());
            async move { Ok::<_, Infallible>(answer(said).await) }
        });
        let server = hyper::server::conn::http1::Builder::new();
        tokio::spawn(server.serve_connection(TokioIo::new(connection), service));
    }
}

async fn answer(said: Say) -> Response<Body> {
    let whole = |body: Bytes| Full::new(body).map_err(|never| match never {}).boxed();
    let response = Response::builder();
    let built = match said {
        Say::Body(body) => response.body(whole(body)),
        Say::Late(body, after) => {
            tokio::time::sleep(after).await;
            response.body(whole(body))
        }
        Say::Cached(body, status) => response.header("cache-status", status).body(whole(body)),
        Say::Half(body) => {
            let half = Ok(Frame::data(body.slice(..body.len() / 2)));
            // The pause lets what came before it be sent.
            let cut = async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut"))
            };
            let pieces = stream::iter([half]).chain(stream::once(cut));
            response
                .header("content-length", body.len())
                .body(BoxBody::new(StreamBody::new(pieces)))
        }
        Say::To(url) => response
            .status(307)
            .header("location", url)
            .body(whole(Bytes::new())),
        Say::Problem(status, kind) => response
            .status(status)
            .header("content-type", "application/problem+json")
            .header("retry-after", "0")
            .body(whole(
                format!(r#"{{"type":"{kind}","title":"x","status":{status}}}"#).into(),
            )),
    };
    built.expect("the parts are valid")
}
