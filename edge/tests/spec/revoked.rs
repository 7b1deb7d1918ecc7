//! Keys that were taken back.

use testkit::{Answer, FakeOrigin, Gate, unix_now};
use wire::{RevokedBefore, Revokes};

use crate::setup::{Edge, SEGMENT, heard, segment};

#[tokio::test]
async fn keys_are_refused_by_what_they_have_in_common_if_they_are_older() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    origin.route(SEGMENT, segment().keyed());
    let now = unix_now();
    let key = |sub: &str, issued: u64, jti: &str| {
        let claims = keys::Claims {
            sub: Some(sub.to_owned()),
            ..keys::play("a", issued, now + 600, jti.to_owned())
        };
        format!("/k/{}{SEGMENT}", origin.mint(&claims))
    };
    let status = async |target: &str| edge.get(target).send().await.status.as_u16();
    let (jo, jo_now, al) = (
        key("jo", now - 9, "1"),
        key("jo", now, "2"),
        key("al", now - 9, "3"),
    );
    for target in [&jo, &jo_now, &al] {
        assert_eq!(status(target).await, 200);
    }
    let revoke = |what: Revokes, issued_before: u64| {
        origin.revoke_before(RevokedBefore {
            what,
            issued_before,
        });
    };
    revoke(Revokes::Subject("jo".to_owned()), now);
    heard(&origin, 2).await;
    assert_eq!(edge.get(&jo).send().await.problem(), "key-revoked");
    assert_eq!((status(&jo_now).await, status(&al).await), (200, 200));
    revoke(Revokes::Asset("a".parse().unwrap()), now);
    heard(&origin, 3).await;
    assert_eq!((status(&jo_now).await, status(&al).await), (200, 401));
    let kid = keys::KeySet::to_jwks(&origin.trusted())["keys"][0]["kid"].clone();
    revoke(Revokes::Signer(kid.as_str().unwrap().to_owned()), now + 1);
    heard(&origin, 4).await;
    assert_eq!(status(&jo_now).await, 401);
}

#[tokio::test]
async fn an_open_transfer_is_cut_when_its_key_is_revoked_and_no_other() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    let gate = Gate::closed();
    let held = Answer::ok("first ").then_held(&gate).then("second");
    origin.route(SEGMENT, held.keyed().cache("max-age=60"));
    let now = unix_now();
    let open = async |jti: &str| {
        let claims = keys::play("a", now, now + 600, jti.to_owned());
        let target = format!("/k/{}{SEGMENT}", origin.mint(&claims));
        let mut stream = edge.get(&target).open().await;
        assert_eq!(stream.piece().await.unwrap().unwrap(), "first ");
        stream
    };
    let (mut bad, mut good) = (open("bad").await, open("good").await);
    origin.revoke("bad");
    // Nothing more has come from the origin: the edge itself ends it.
    assert_eq!(bad.piece().await, Some(Err(())));
    gate.open();
    assert_eq!(good.piece().await.unwrap().unwrap(), "second");
    assert_eq!(good.piece().await, None);
}

#[tokio::test]
async fn an_open_transfer_is_cut_when_its_signer_is_trusted_no_more() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    let gate = Gate::closed();
    let held = Answer::ok("first ").then_held(&gate).then("second");
    origin.route(SEGMENT, held.keyed().cache("max-age=60"));
    let target = format!("/k/{}{SEGMENT}", origin.key("a"));
    let mut stream = edge.get(&target).open().await;
    stream.piece().await.unwrap().unwrap();
    origin.trust(vec![keys::SigningKey::from_seed([9; 32]).public()]);
    assert_eq!(stream.piece().await, Some(Err(())));
}

#[tokio::test]
async fn a_request_that_waits_while_its_key_is_revoked_is_refused_in_words() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    let gate = Gate::closed();
    origin.route(SEGMENT, segment().keyed().held(&gate));
    let target = format!("/k/{}{SEGMENT}", origin.key("a"));
    let waiting = edge.get(&target).send();
    let news = async {
        origin.asked(SEGMENT, 1).await;
        origin.revoke("jti-a");
        heard(&origin, 2).await;
        gate.open();
    };
    let (reply, ()) = tokio::join!(waiting, news);
    assert_eq!(reply.status, 401);
    assert_eq!(reply.problem(), "key-revoked");
}
