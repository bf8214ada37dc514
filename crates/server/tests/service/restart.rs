//! What was answered is there after a restart.

use sls::api::index::GetIndex;
use sls::api::logstore::{DeleteLogstore, GetLogstore};
use sls::api::project::{DeleteProject, GetProject};

use crate::support::{Server, code, create_logstore, create_project, group, messages, put};

#[tokio::test(flavor = "multi_thread")]
async fn objects_keys_and_logs_are_there_after_a_restart() {
    let server = Server::start().await.with_logstore().await;
    for message in ["one", "two", "three"] {
        server.ok("prj", &put(group(&[message]))).await;
    }
    let logstore = server.ok("prj", &GetLogstore { logstore: "app".into() }).await;
    let server = server.restart().await;
    // The same key still signs.
    assert_eq!(server.ok("prj", &GetProject).await.project_name, "prj");
    assert_eq!(server.ok("prj", &GetLogstore { logstore: "app".into() }).await, logstore);
    assert!(server.ok("prj", &GetIndex { logstore: "app".into() }).await.line.is_some());
    let rows = server.rows().await;
    let mut found = messages(&rows);
    found.sort_unstable();
    assert_eq!(found, ["one", "three", "two"]);
    server.ok("prj", &put(group(&["four"]))).await;
    let server = server.restart().await;
    assert_eq!(server.rows().await.len(), 4);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logstore_made_anew_does_not_show_the_logs_of_the_old_one() {
    let server = Server::start().await.with_logstore().await;
    server.ok("prj", &put(group(&["old"]))).await;
    server.ok("prj", &DeleteLogstore { logstore: "app".into() }).await;
    assert_eq!(server.refused("prj", &put(group(&["late"]))).await, code(404, "LogStoreNotExist"));
    server.ok("prj", &create_logstore("app")).await;
    let index =
        sls::api::index::Index { line: Some(crate::support::line_index()), ..Default::default() };
    let logstore = "app".to_owned();
    server.ok("prj", &sls::api::index::CreateIndex { logstore, index }).await;
    assert_eq!(server.rows().await, []);
    server.ok("prj", &put(group(&["new"]))).await;
    let server = server.restart().await;
    assert_eq!(messages(&server.rows().await), ["new"]);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_project_stays_deleted_with_all_its_logs() {
    let server = Server::start().await.with_logstore().await;
    server.ok("prj", &put(group(&["old"]))).await;
    server.ok("prj", &DeleteProject).await;
    let server = server.restart().await;
    assert_eq!(server.refused("prj", &GetProject).await, code(404, "ProjectNotExist"));
    server.ok("prj", &create_project("prj")).await;
    let get = GetLogstore { logstore: "app".into() };
    assert_eq!(server.refused("prj", &get).await, code(404, "LogStoreNotExist"));
    server.end().await;
}
