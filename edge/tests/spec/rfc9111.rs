//! RFC 9111, section by section, as a plain cache before any origin keeps it.

mod construct;
mod fields;
mod invalidation;
mod storing;
mod validation;
mod vary;

use edge::Profile;
use http::Method;
use testkit::{Answer, FakeOrigin, Reply};

use crate::setup::Edge;

/// An edge that passes all through, before an origin.
struct Cache {
    origin: FakeOrigin,
    edge: Edge,
}

impl Cache {
    async fn new() -> Self {
        Self::guessing(0).await
    }

    /// With this share of the time since `Last-Modified` as lifetime, percent.
    async fn guessing(percent: u8) -> Self {
        let origin = FakeOrigin::start().await;
        let edge = Edge::start(&origin, None, |config| {
            config.profile = Profile::Passthrough;
            config.heuristic = percent;
        });
        let edge = edge.await;
        Self { origin, edge }
    }

    /// Serves `answer` once, then "other" for ever, fresh; whether the first is used again.
    async fn reuses(&self, answer: Answer) -> bool {
        self.reuses_for(answer, &[], &[]).await
    }

    /// The same with the fields of the first and the second request.
    async fn reuses_for(
        &self,
        answer: Answer,
        first: &[(&str, &str)],
        second: &[(&str, &str)],
    ) -> bool {
        self.origin.route("/x", answer);
        let before = self.ask(Method::GET, "/x", first).await;
        self.origin
            .route("/x", Answer::ok("other").cache("max-age=60"));
        let after = self.ask(Method::GET, "/x", second).await;
        // A new one for each, so that one edge does for a whole table.
        self.ask(Method::DELETE, "/x", &[]).await;
        before.body == after.body
    }

    async fn get(&self, target: &str) -> Reply {
        self.ask(Method::GET, target, &[]).await
    }

    async fn ask(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> Reply {
        let asking = testkit::request(self.edge.addr, method, target);
        let with =
            |asking: testkit::Asking, (name, value): &(&str, &str)| asking.header(name, value);
        fields.iter().fold(asking, with).send().await
    }
}
