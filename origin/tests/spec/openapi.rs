//! The OpenAPI document says what there is: no route less, none more. That answers are as it
//! says, `documented` holds in all tests.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value, json};

use crate::{
    documented::{DOCUMENT, METHODS, paths},
    support::{Server, bearer, json_of, patient, problem},
};

/// Uploads in parts: without a bucket there are none.
const PARTS: &str = "/api/uploads/s3/";

/// Paths below `/api` that the router's code names.
fn routes(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(routes(&path));
        } else if path.extension().is_some_and(|is| is == "rs") {
            let code = std::fs::read_to_string(&path).unwrap();
            let after = code.split(".route(").skip(1);
            let literals = after.map(|after| after.split('"').nth(1).unwrap().to_owned());
            found.extend(literals.filter(|path| path.starts_with("/api")));
        }
    }
    found
}

#[test]
fn every_route_is_documented_and_none_more() {
    let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    // One route has all of these, and looks at the rest of the path itself.
    let route = |path: &String| match path.starts_with(PARTS) {
        true => format!("{PARTS}{{*path}}"),
        false => path.clone(),
    };
    let documented: BTreeSet<String> = paths().keys().map(route).collect();
    assert_eq!(documented, routes(&code));
}

#[tokio::test]
async fn every_method_is_documented_and_others_are_405() {
    let server = Server::start(patient()).await;
    for (template, item) in paths().iter().filter(|(path, _)| !path.starts_with(PARTS)) {
        let path: String = template
            .split('/')
            .map(|part| if part.starts_with('{') { "/x" } else { part }.trim_start_matches('/'))
            .collect::<Vec<_>>()
            .join("/");
        for method in METHODS.into_iter().filter(|method| *method != "head") {
            let answer = server.ask(&method.to_uppercase(), &path, &[], "").await;
            let is_known = answer.status() != 405;
            assert_eq!(
                item.get(method).is_some(),
                is_known,
                "{method} {path}: {answer:?}"
            );
            if answer.status() == 405 {
                let allowed = answer.headers()["allow"].to_str().unwrap().to_lowercase();
                let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
                for method in METHODS.into_iter().filter(|it| *it != "head") {
                    let is_allowed = allowed.contains(&method);
                    assert_eq!(item.get(method).is_some(), is_allowed, "{path} {allowed:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn anyone_may_read_it_and_it_is_of_3_1() {
    let server = Server::start(patient()).await;
    let answer = server.ask("GET", "/api/openapi.json", &[], "").await;
    assert_eq!(json_of(&answer), *DOCUMENT);
    assert!(DOCUMENT["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[tokio::test]
async fn examples_of_what_is_asked_are_taken() {
    let server = Server::start(patient()).await;
    let (asset, _) = server.upload("video").await;
    for (schema, method, path) in [
        ("AssetPatch", "PATCH", format!("/api/assets/{asset}")),
        ("MintRequest", "POST", "/api/keys".into()),
        ("RevokeRequest", "POST", "/api/keys/revoke".into()),
    ] {
        let example = &DOCUMENT["components"]["schemas"][schema]["examples"][0];
        let token = bearer(&server.admin);
        let headers = [
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
        ];
        let answer = server
            .ask(method, &path, &headers, example.to_string())
            .await;
        assert!(
            answer.status().is_success(),
            "{schema} {example}: {answer:?}"
        );
    }
}

/// References of a value, each a pointer into the document.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn no_reference_leads_nowhere_and_no_operation_has_anothers_name() {
    let mut found = Vec::new();
    references(&DOCUMENT, &mut found);
    for reference in &found {
        assert!(DOCUMENT.pointer(&reference[1..]).is_some(), "{reference}");
    }
    let items = paths()
        .values()
        .flat_map(|item| METHODS.iter().filter_map(|it| item.get(it)));
    let ids: Vec<&Value> = items.map(|operation| &operation["operationId"]).collect();
    let distinct: BTreeSet<String> = ids.iter().map(|id| id.to_string()).collect();
    assert_eq!(distinct.len(), ids.len());
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let server = Server::start(patient()).await;
    let answer = server.ask("GET", "/api/nothing", &[], "").await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (404, "not-found")
    );
    assert_eq!(json_of(&answer)["status"], json!(404));
}
