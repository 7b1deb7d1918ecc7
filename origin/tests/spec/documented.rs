//! Holds every answer that these tests get below `/api` against the OpenAPI document.

use std::sync::LazyLock;

use http::response::Parts;
use serde_json::{Map, Value};

/// What `/api/openapi.json` answers.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../src/http/openapi.json")).unwrap());

/// Methods that a path may have.
pub(crate) const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// Paths with what they take, by their templates.
pub(crate) fn paths() -> &'static Map<String, Value> {
    DOCUMENT["paths"].as_object().unwrap()
}

/// What is said of a path: of two that fit, the one with fewer names in braces.
fn path_item(path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let (ours, theirs) = (template.split('/'), path.split('/'));
        let part = |(ours, theirs): (&str, &str)| ours.starts_with('{') || ours == theirs;
        ours.clone().count() == theirs.clone().count() && ours.zip(theirs).all(part)
    };
    let fitting = paths().iter().filter(|(template, _)| fits(template));
    let named = |(template, _): &(&String, &Value)| template.matches('{').count();
    fitting.min_by_key(named).map(|(_, item)| item)
}

/// # Panics
/// The answer is not documented: its status, or its type.
pub(crate) fn expect(method: &str, path: &str, answer: &Parts) {
    let path = path.split('?').next().unwrap();
    let status = answer.status.as_str();
    let Some(item) = path_item(path).filter(|_| path.starts_with("/api")) else {
        return;
    };
    let Some(operation) = item.get(method.to_lowercase()) else {
        assert!(
            ["OPTIONS", "HEAD"].contains(&method) || status == "405",
            "{method} {path}"
        );
        return;
    };
    let response = &operation["responses"][status];
    assert!(
        response.is_object(),
        "{method} {path} is answered {status}, which is not documented"
    );
    let response = match response["$ref"].as_str() {
        Some(named) => DOCUMENT.pointer(&named[1..]).unwrap(),
        None => response,
    };
    let sent = answer.headers.get("content-type");
    let sent = sent.map(|value| value.to_str().unwrap().split(';').next().unwrap());
    match (&response["content"], sent) {
        (Value::Null, None) => {}
        (Value::Object(types), Some(sent)) if types.contains_key(sent) => {}
        (types, sent) => panic!("{method} {path} {status} is {sent:?}, documented as {types}"),
    }
}
