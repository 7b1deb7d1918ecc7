//! Who may read.

use std::time::Duration;

use keys::SigningKey;

use super::*;
use crate::path::Reading;

const NOW: u64 = 1_800_000_000;
const PATH: &str = "/v/a/1/v720/0.m4s";

fn bulletin(revision: u64, signing: &[&SigningKey], revoked: &[&str]) -> wire::KeyBulletin {
    let public = signing.iter().map(|key| key.public()).collect();
    wire::KeyBulletin {
        revision,
        jwks: KeySet::new(public).to_jwks(),
        revoked: revoked.iter().map(|&jti| jti.to_owned()).collect(),
        ..Default::default()
    }
}

fn ask(gate: &Gate, token: &str, now: u64) -> Result<Viewer, Refusal> {
    let path = format!("/k/{token}{PATH}");
    gate.admit(
        &Target::parse(&path, None, Reading::WEIR).unwrap(),
        None,
        now,
    )
    .map(|(viewer, _)| viewer)
}

fn setup() -> (Gate, SigningKey, String) {
    let signing = SigningKey::from_seed([1; 32]);
    let gate = Gate::new(100, Local::default());
    gate.apply(bulletin(1, &[&signing], &[])).unwrap();
    let claims = keys::play("a", NOW, NOW + 60, "j1".to_owned());
    let token = keys::mint(&signing, &claims);
    (gate, signing, token)
}

#[test]
fn a_remembered_key_still_expires() {
    let (gate, _, token) = setup();
    assert_eq!(ask(&gate, &token, NOW), Ok(Viewer::Keyed { left_secs: 60 }));
    assert_eq!(
        ask(&gate, &token, NOW + 59),
        Ok(Viewer::Keyed { left_secs: 1 })
    );
    assert_eq!(ask(&gate, &token, NOW + 60), Err(Refusal::Expired));
}

#[test]
fn a_remembered_key_is_refused_once_revoked() {
    let (gate, signing, token) = setup();
    assert!(ask(&gate, &token, NOW).is_ok());
    gate.apply(bulletin(2, &[&signing], &["j1"])).unwrap();
    assert_eq!(ask(&gate, &token, NOW), Err(Refusal::Revoked));
}

#[test]
fn a_remembered_key_is_refused_once_its_signer_is_gone() {
    let (gate, _, token) = setup();
    assert!(ask(&gate, &token, NOW).is_ok());
    let next = SigningKey::from_seed([2; 32]);
    gate.apply(bulletin(2, &[&next], &[])).unwrap();
    assert_eq!(
        ask(&gate, &token, NOW),
        Err(Refusal::Invalid(KeyError::UnknownKey))
    );
}

#[test]
fn a_key_for_work_does_not_play() {
    let (gate, signing, _) = setup();
    for claims in [
        keys::admin(NOW, NOW + 60, "j2".to_owned()),
        keys::play("b", NOW, NOW + 60, "j3".to_owned()),
    ] {
        let token = keys::mint(&signing, &claims);
        assert_eq!(ask(&gate, &token, NOW), Err(Refusal::Scope));
    }
}

#[test]
fn before_any_public_key_is_known_no_key_is_judged() {
    let (_, _, token) = setup();
    assert_eq!(
        ask(&Gate::new(1, Local::default()), &token, NOW),
        Err(Refusal::NotReady)
    );
}

#[test]
fn a_bearer_key_counts_where_the_path_has_none() {
    let (gate, _, token) = setup();
    let target = Target::parse(PATH, None, Reading::WEIR).unwrap();
    let admit = |field: &str| {
        let field = HeaderValue::from_str(field).unwrap();
        let admitted = gate.admit(&target, Some(&field), NOW);
        admitted.map(|(viewer, _)| viewer)
    };
    let keyed = Ok(Viewer::Keyed { left_secs: 60 });
    assert_eq!(admit(&format!("Bearer {token}")), keyed);
    assert_eq!(admit(&format!("bearer {token}")), keyed);
    assert_eq!(admit("Basic YTpi"), Ok(Viewer::Keyless));
    assert!(admit("Bearer x").is_err());
}

#[test]
fn a_set_that_is_not_understood_changes_nothing() {
    let (gate, _, token) = setup();
    let broken = wire::KeyBulletin {
        revision: 2,
        jwks: serde_json::json!({ "keys": 5 }),
        ..Default::default()
    };
    assert!(gate.apply(broken).is_err());
    assert_eq!(gate.revision(), Some(1));
    assert!(ask(&gate, &token, NOW).is_ok());
}

/// What one request's key costs: the least of some rounds, as others use the machine too.
fn cost(gate: &Gate, targets: &[Target], now: u64) -> Duration {
    let rounds = (0..20).map(|_| once(gate, targets, now));
    rounds.min().expect("there are some")
}

fn once(gate: &Gate, targets: &[Target], now: u64) -> Duration {
    let began = tokio::time::Instant::now();
    for target in targets {
        let _ = std::hint::black_box(gate.admit(target, None, now));
    }
    began.elapsed() / targets.len() as u32
}

/// How much time that is depends on the build: `cargo test -p edge --lib known_key_costs --
/// --nocapture` prints it, with `--release` what a server pays.
#[test]
fn a_known_key_costs_no_signature_whether_it_is_good_or_refused() {
    let signing = SigningKey::from_seed([1; 32]);
    let gate = Gate::new(16_384, Local::default());
    gate.apply(bulletin(1, &[&signing], &[])).unwrap();
    let targets = |life: u64| -> Vec<Target> {
        let paths = (0..100).map(|n| {
            let claims = keys::play("a", NOW, NOW + life, format!("{life}-{n}"));
            format!("/k/{}{PATH}", keys::mint(&signing, &claims))
        });
        let targets = paths.map(|path| Target::parse(&path, None, Reading::WEIR).unwrap());
        targets.collect()
    };
    let (good, ended) = (targets(60), targets(1));
    let new = once(&gate, &good, NOW);
    once(&gate, &ended, NOW + 1);
    let (known, refused) = (cost(&gate, &good, NOW), cost(&gate, &ended, NOW + 1));
    println!("a new key {new:?}, a known one {known:?}, one refused before {refused:?}");
    assert!(
        known * 4 < new && refused * 4 < new,
        "{known:?} {refused:?} {new:?}"
    );
}
