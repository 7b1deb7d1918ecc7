//! `/healthz` and `/readyz`: does it live, can it serve.

use testkit::get;

use crate::{
    fleet::{Fleet, Role, free_address},
    process::{Folder, Process, eventually, weir},
};

#[tokio::test]
async fn every_role_that_serves_is_healthy_and_ready_on_its_admin_listener() {
    let fleet = Fleet::start(&[]).await;
    for role in [Role::Origin, Role::Edge, Role::Worker] {
        for path in ["/healthz", "/readyz"] {
            let reply = get(fleet.admin(role), path).send().await;
            assert_eq!(reply.status, 200, "{role:?} {path}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn an_edge_that_has_never_reached_its_origin_lives_and_is_not_ready() {
    let home = Folder::new();
    let (join, listen, admin) = (home.join("join"), free_address(), free_address());
    std::fs::write(&join, "token").unwrap();
    let mut command = weir(home.path(), &[]);
    command.args(["edge", "--join-file", &join]);
    command.args(["--origin", &format!("http://{}", free_address())]);
    command.args(["--listen", &listen.to_string()]);
    command.args(["--admin", &admin.to_string()]);
    let mut edge = Process::start(command, home.join("edge.log").into());
    eventually("it serves", async || {
        edge.log_tail().contains("edge serves")
    })
    .await;
    edge.must_run();
    assert_eq!(get(admin, "/healthz").send().await.status, 200);
    let reply = get(admin, "/readyz").send().await;
    assert_eq!(reply.status, 503);
    let said = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(said, format!("not ready: {listen}\n"));
}
