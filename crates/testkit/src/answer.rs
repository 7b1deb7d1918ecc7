use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ETAG, IF_MATCH, RANGE},
};

use crate::Gate;

/// How a [`FakeOrigin`](crate::FakeOrigin) answers one path: a status, fields, and a body
/// step by step.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) before: Option<Gate>,
    pub(crate) steps: Vec<Step>,
    /// Says this length, whatever the body is.
    pub(crate) claimed: Option<u64>,
    pub(crate) chunked: bool,
    /// Closes the connection instead of answering.
    pub(crate) hang_up: bool,
    /// Answers only to the join token.
    pub(crate) guarded: bool,
    /// Answers a range with it, and 412 to another tag.
    pub(crate) ranged: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Bytes(Bytes),
    Wait(Gate),
    Cut,
}

impl Answer {
    /// 200 with this body.
    #[must_use]
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            before: None,
            steps: vec![Step::Bytes(body.into())],
            claimed: None,
            chunked: false,
            hang_up: false,
            guarded: false,
            ranged: false,
        }
    }

    /// 206 with this part of a body of `total` bytes.
    #[must_use]
    pub fn part(body: impl Into<Bytes>, first: usize, total: usize) -> Self {
        Self::ok(body).partial(first, total)
    }

    /// 206: all that is scripted so far is the part from `first` on of a body of `total`
    /// bytes.
    #[must_use]
    pub fn partial(mut self, first: usize, total: usize) -> Self {
        let len = self.bytes_len() as usize;
        self.status = StatusCode::PARTIAL_CONTENT;
        self.header(
            "content-range",
            &format!("bytes {first}-{}/{total}", first + len - 1),
        )
    }

    /// A status, with its own number as body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a test names a real status"),
            ..Self::ok(status.to_string())
        }
    }

    /// No answer: the connection is closed when the request has come.
    #[must_use]
    pub fn hang_up() -> Self {
        Self {
            hang_up: true,
            ..Self::ok("")
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a test names a real value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// `Cache-Control`.
    #[must_use]
    pub fn cache(self, control: &str) -> Self {
        self.header("cache-control", control)
    }

    /// `ETag`, quoted here. A request that has it gets 304 without a body.
    #[must_use]
    pub fn etag(self, tag: &str) -> Self {
        self.header("etag", &format!("\"{tag}\""))
    }

    /// Under `/v/`, as Weir's origin answers for a keyed asset: to the join token only,
    /// else 401.
    #[must_use]
    pub fn keyed(self) -> Self {
        Self {
            guarded: true,
            ..self.header(wire::WEIR_ACCESS, wire::access::KEYED)
        }
    }

    /// Under `/v/`, as Weir's origin answers for a public asset.
    #[must_use]
    pub fn public(self) -> Self {
        self.header(wire::WEIR_ACCESS, wire::access::PUBLIC)
    }

    /// Where one range of bytes is asked for, answers with that (RFC 9110 §14), cut in its
    /// middle if there is a cut; where `If-Match` names another tag, with 412.
    #[must_use]
    pub fn ranges(self) -> Self {
        Self {
            ranged: true,
            ..self
        }
    }

    /// Holds the whole answer at a gate.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.before = Some(gate.clone());
        self
    }

    /// Holds the rest of the body at a gate.
    #[must_use]
    pub fn then_held(mut self, gate: &Gate) -> Self {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    /// More of the body.
    #[must_use]
    pub fn then(mut self, body: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Bytes(body.into()));
        self
    }

    /// Closes the connection at this place in the body.
    #[must_use]
    pub fn then_cut(mut self) -> Self {
        self.steps.push(Step::Cut);
        self
    }

    /// Says this `Content-Length`, whatever the body is.
    #[must_use]
    pub fn claiming(mut self, len: u64) -> Self {
        self.claimed = Some(len);
        self
    }

    /// Says no length: `Transfer-Encoding: chunked`.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// What a request with these fields gets, if ranges are answered.
    pub(crate) fn for_range(self, asked: &HeaderMap) -> Self {
        let tag = self.headers.get(ETAG);
        if self.ranged && asked.contains_key(IF_MATCH) && asked.get(IF_MATCH) != tag {
            return Self {
                before: self.before,
                ..Self::status(412)
            };
        }
        let text = asked.get(RANGE).and_then(|field| field.to_str().ok());
        let Some(text) = text.filter(|_| self.ranged && self.status == StatusCode::OK) else {
            return self;
        };
        let bytes = |step: &Step| match step {
            Step::Bytes(bytes) => bytes.clone(),
            _ => Bytes::new(),
        };
        let body = self.steps.iter().map(bytes).collect::<Vec<_>>().concat();
        let set = text
            .strip_prefix("bytes=")
            .and_then(|set| set.split_once('-'));
        let (first, last) = set.expect("an edge asks for one range");
        let first: usize = first.parse().expect("an edge asks from a byte on");
        let end = last
            .parse()
            .map_or(body.len(), |last: usize| body.len().min(last + 1));
        if first >= end {
            let unsatisfied = Self::status(416);
            return unsatisfied.header("content-range", &format!("bytes */{}", body.len()));
        }
        let is_cut = self.steps.iter().any(|step| matches!(step, Step::Cut));
        let mut part = Self::part(body[first..end].to_vec(), first, body.len());
        part.headers.extend(self.headers);
        if is_cut {
            // In its middle.
            let half = Bytes::copy_from_slice(&body[first..first + (end - first) / 2]);
            part.steps = vec![Step::Bytes(half), Step::Cut];
        }
        Self {
            claimed: Some((end - first) as u64),
            before: self.before,
            chunked: self.chunked,
            guarded: self.guarded,
            ..part
        }
    }

    /// What `Content-Length` says.
    pub(crate) fn length(&self) -> Option<u64> {
        if self.chunked {
            None
        } else {
            Some(self.claimed.unwrap_or_else(|| self.bytes_len()))
        }
    }

    fn bytes_len(&self) -> u64 {
        let bytes = self.steps.iter().map(|step| match step {
            Step::Bytes(bytes) => bytes.len() as u64,
            _ => 0,
        });
        bytes.sum()
    }
}
