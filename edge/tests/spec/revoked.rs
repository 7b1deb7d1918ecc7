//! Keys that were taken back.

use testkit::{FakeOrigin, unix_now};
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
