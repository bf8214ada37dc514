//! Projects, logstores, shards, indexes, machine groups and configurations.

use http::Method;
use serde_json::json;
use sls::api::config::{
    CreateConfig, DeleteConfig, GetConfig, ListAppliedGroups, ListConfigs, LogtailConfig,
    OutputDetail, UpdateConfig,
};
use sls::api::index::{CreateIndex, DeleteIndex, GetIndex, Index, UpdateIndex};
use sls::api::logstore::{
    DeleteLogstore, GetLogstore, ListLogstores, LogstoreFields, UpdateLogstore,
};
use sls::api::machine_group::{
    ApplyConfig, CreateMachineGroup, DeleteMachineGroup, GetMachineGroup, ListAppliedConfigs,
    ListMachineGroups, MachineGroup, MachineIdentifyType, RemoveConfig, UpdateMachineGroup,
};
use sls::api::project::{DeleteProject, GetProject, ListProjects, UpdateProject};
use sls::api::shard::{ListShards, ShardStatus};
use sls::api::{Page, Parts};

use crate::support::{Server, code, create_logstore, create_project, line_index};

fn config(name: &str) -> LogtailConfig {
    let detail = json!({"logType": "json_log", "zz": 1, "aa": [{"数": null}]});
    LogtailConfig {
        config_name: name.into(),
        input_type: "file".into(),
        input_detail: detail.as_object().expect("an object").clone(),
        output_type: "LogService".into(),
        output_detail: OutputDetail { logstore_name: "app".into(), ..Default::default() },
        ..LogtailConfig::default()
    }
}

fn group(name: &str) -> MachineGroup {
    MachineGroup {
        group_name: name.into(),
        machine_identify_type: MachineIdentifyType::Userdefined,
        machine_list: vec!["id".into()],
        ..MachineGroup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_lives_from_creation_to_deletion() {
    let server = Server::start().await;
    let missing = code(404, "ProjectNotExist");
    assert_eq!(server.refused("prj", &GetProject).await, missing);
    server.ok("prj", &create_project("prj")).await;
    assert_eq!(
        server.refused("prj", &create_project("prj")).await,
        code(400, "ProjectAlreadyExist")
    );
    assert_eq!(
        server.refused("prj", &create_project("No_Such_Name")).await,
        code(400, "ParameterInvalid")
    );
    let project = server.ok("prj", &GetProject).await;
    assert_eq!((project.project_name.as_str(), project.status.as_str()), ("prj", "Normal"));
    assert_eq!((project.region.as_str(), project.data_redundancy_type.as_str()), ("local", "LRS"));
    let update = UpdateProject { description: Some("new".into()), recycle_bin_enabled: None };
    server.ok("prj", &update).await;
    assert_eq!(server.ok("prj", &GetProject).await.description, "new");
    server.ok("other", &create_project("other")).await;
    let all = server.ok("", &ListProjects::default()).await;
    assert_eq!((all.count, all.total), (2, 2));
    let page = Page { offset: 1, size: 1 };
    let second = server.ok("", &ListProjects { page, project_name: None }).await;
    assert_eq!((second.count, second.total), (1, 2));
    assert_eq!(second.projects[0].project_name, "prj");
    let some = ListProjects { project_name: Some("oth".into()), ..Default::default() };
    let some = server.ok("", &some).await;
    assert_eq!(some.projects[0].project_name, "other");
    server.ok("prj", &DeleteProject).await;
    assert_eq!(server.refused("prj", &GetProject).await, missing);
    assert_eq!(server.refused("prj", &DeleteProject).await, missing);
    assert_eq!(server.refused("prj", &update).await, missing);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_new_project_is_in_the_body_whatever_the_host() {
    let server = Server::start().await;
    // As one client sends it: to the project's own host, with a bare question mark.
    let parts = Parts::json(Method::POST, "/", &create_project("prj"));
    let mut request = server.request(Some("prj"), parts);
    *request.uri_mut() = "/?".parse().expect("a target");
    let answer = server.send(request).await;
    assert_eq!(answer.status, 200);
    // A body-less success of type JSON breaks another client.
    assert_eq!((answer.header("content-type"), answer.header("content-length")), ("", "0"));
    server.ok("prj", &GetProject).await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logstore_has_defaults_and_keeps_what_an_update_leaves_out() {
    let server = Server::start().await;
    let get = GetLogstore { logstore: "app".into() };
    assert_eq!(server.refused("prj", &get).await, code(404, "ProjectNotExist"));
    server.ok("prj", &create_project("prj")).await;
    assert_eq!(server.refused("prj", &get).await, code(404, "LogStoreNotExist"));
    server.ok("prj", &create_logstore("app")).await;
    assert_eq!(
        server.refused("prj", &create_logstore("app")).await,
        code(400, "LogStoreAlreadyExist")
    );
    assert_eq!(
        server.refused("prj", &create_logstore("A B")).await,
        code(400, "LogStoreInfoInvalid")
    );
    let made = server.ok("prj", &get).await;
    assert_eq!((made.ttl, made.shard_count, made.mode.as_str()), (30, 2, "standard"));
    let fields = LogstoreFields { ttl: Some(7), shard_count: Some(9), ..Default::default() };
    server.ok("prj", &UpdateLogstore { logstore: "app".into(), fields }).await;
    let updated = server.ok("prj", &get).await;
    assert_eq!((updated.ttl, updated.shard_count, updated.auto_split), (7, 2, true));
    let fields = LogstoreFields { ttl: Some(0), ..Default::default() };
    let update = UpdateLogstore { logstore: "app".into(), fields };
    assert_eq!(server.refused("prj", &update).await, code(400, "LogStoreInfoInvalid"));

    server.ok("prj", &create_logstore("web")).await;
    let list = server.ok("prj", &ListLogstores::default()).await;
    assert_eq!((list.total, list.logstores), (2, vec!["app".to_owned(), "web".to_owned()]));
    // Empty values mean "not given".
    let parts = Parts::new(Method::GET, "/logstores")
        .with("logstoreName", "")
        .with("offset", "")
        .with("size", "");
    assert_eq!(server.answer(Some("prj"), parts).await.json()["count"], 2);
    let parts = Parts::new(Method::GET, "/logstores").with("size", "many");
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "ParameterInvalid"));
    let parts = Parts::new(Method::GET, "/logstores/app").with("type", "strange");
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "ParameterInvalid"));

    server.ok("prj", &DeleteLogstore { logstore: "app".into() }).await;
    assert_eq!(server.refused("prj", &get).await, code(404, "LogStoreNotExist"));
    let list = server.ok("prj", &ListLogstores::default()).await;
    assert_eq!(list.logstores, ["web"]);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_cut_the_keys_evenly() {
    let server = Server::start().await.with_logstore().await;
    let shards = server.ok("prj", &ListShards { logstore: "app".into() }).await;
    assert_eq!(shards.len(), 2);
    assert_eq!(shards[0].status, ShardStatus::Readwrite);
    assert_eq!(shards[0].inclusive_begin_key, "0".repeat(32));
    assert_eq!(shards[0].exclusive_end_key, shards[1].inclusive_begin_key);
    assert_eq!(shards[1].exclusive_end_key, "f".repeat(32));
    let parts = Parts::new(Method::POST, "/logstores/app/shards/0").with("action", "split");
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "ParameterInvalid"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_made_read_replaced_and_deleted_with_the_codes_clients_know() {
    let server = Server::start().await;
    server.ok("prj", &create_project("prj")).await;
    server.ok("prj", &create_logstore("app")).await;
    let logstore = "app".to_owned();
    let index = Index { line: Some(line_index()), ..Index::default() };
    let get = GetIndex { logstore: logstore.clone() };
    let create = CreateIndex { logstore: logstore.clone(), index: index.clone() };
    let update = UpdateIndex { logstore: logstore.clone(), index: index.clone() };
    let delete = DeleteIndex { logstore };
    assert_eq!(server.refused("prj", &get).await, code(400, "IndexConfigNotExist"));
    assert_eq!(server.refused("prj", &update).await, code(400, "ParameterInvalid"));
    assert_eq!(server.refused("prj", &delete).await, code(400, "ParameterInvalid"));
    let nothing = CreateIndex { index: Index::default(), ..create.clone() };
    assert_eq!(server.refused("prj", &nothing).await, code(400, "IndexInfoInvalid"));
    let strange = json!({"keys": {"a": {"type": "date"}}});
    let parts = Parts::json(Method::POST, "/logstores/app/index", &strange);
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "IndexInfoInvalid"));
    server.ok("prj", &create).await;
    assert_eq!(server.refused("prj", &create).await, code(400, "IndexAlreadyExist"));
    let held = server.ok("prj", &get).await;
    assert_eq!(held.line, index.line);
    assert_eq!((held.index_mode.as_deref(), held.ttl), (Some("v2"), Some(30)));
    assert!(held.last_modify_time.is_some());
    server.ok("prj", &update).await;
    server.ok("prj", &delete).await;
    assert_eq!(server.refused("prj", &get).await, code(400, "IndexConfigNotExist"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_group_is_made_read_replaced_and_deleted() {
    let server = Server::start().await;
    server.ok("prj", &create_project("prj")).await;
    let get = GetMachineGroup { group: "web".into() };
    assert_eq!(server.refused("prj", &get).await, code(404, "MachineGroupNotExist"));
    let create = CreateMachineGroup { group: group("web") };
    server.ok("prj", &create).await;
    assert_eq!(server.refused("prj", &create).await, code(400, "MachineGroupAlreadyExist"));
    let held = server.ok("prj", &get).await;
    assert_eq!(held.machine_list, ["id"]);
    assert!(held.create_time.is_some());
    let more = MachineGroup { machine_list: vec!["id".into(), "id-2".into()], ..group("web") };
    server.ok("prj", &UpdateMachineGroup { group: more }).await;
    assert_eq!(server.ok("prj", &get).await.machine_list.len(), 2);
    let list = server.ok("prj", &ListMachineGroups::default()).await;
    assert_eq!(list.machinegroups, ["web"]);
    let parts = Parts::json(Method::PUT, "/machinegroups/web", &group("other"));
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "InvalidParameter"));
    let parts = Parts::json(Method::POST, "/machinegroups", &json!({"groupName": 5}));
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "InvalidParameter"));
    server.ok("prj", &DeleteMachineGroup { group: "web".into() }).await;
    assert_eq!(server.refused("prj", &get).await, code(404, "MachineGroupNotExist"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_comes_back_unchanged_with_its_project() {
    let server = Server::start().await;
    server.ok("prj", &create_project("prj")).await;
    let get = GetConfig { config: "nginx".into() };
    assert_eq!(server.refused("prj", &get).await, code(404, "ConfigNotExist"));
    let create = CreateConfig { config: config("nginx") };
    server.ok("prj", &create).await;
    assert_eq!(server.refused("prj", &create).await, code(400, "ConfigAlreadyExist"));
    let held = server.ok("prj", &get).await;
    assert_eq!(
        serde_json::to_string(&held.input_detail).expect("serializable"),
        r#"{"logType":"json_log","zz":1,"aa":[{"数":null}]}"#
    );
    assert_eq!(held.output_detail.project_name.as_deref(), Some("prj"));
    let parts = Parts::json(Method::PUT, "/configs/nginx", &config("other"));
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "BadRequest"));
    let parts = Parts::json(Method::POST, "/configs", &json!({"configName": "x"}));
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "InvalidParameter"));
    let changed = LogtailConfig { log_sample: Some("s".into()), ..config("nginx") };
    server.ok("prj", &UpdateConfig { config: changed }).await;
    assert_eq!(server.ok("prj", &get).await.log_sample.as_deref(), Some("s"));
    server.ok("prj", &CreateConfig { config: config("java") }).await;
    let list = server.ok("prj", &ListConfigs::default()).await;
    assert_eq!(list.configs, ["java", "nginx"]);
    let of_other = ListConfigs { logstore_name: Some("other".into()), ..Default::default() };
    assert_eq!(server.ok("prj", &of_other).await.total, 0);
    server.ok("prj", &DeleteConfig { config: "nginx".into() }).await;
    assert_eq!(server.refused("prj", &get).await, code(404, "ConfigNotExist"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_is_applied_and_taken_back_as_often_as_one_likes() {
    let server = Server::start().await;
    server.ok("prj", &create_project("prj")).await;
    let apply = ApplyConfig { group: "web".into(), config: "nginx".into() };
    assert_eq!(server.refused("prj", &apply).await, code(404, "MachineGroupNotExist"));
    server.ok("prj", &CreateMachineGroup { group: group("web") }).await;
    assert_eq!(server.refused("prj", &apply).await, code(404, "ConfigNotExist"));
    server.ok("prj", &CreateConfig { config: config("nginx") }).await;
    server.ok("prj", &apply).await;
    server.ok("prj", &apply).await;
    let applied = ListAppliedConfigs { group: "web".into() };
    assert_eq!(server.ok("prj", &applied).await.configs, ["nginx"]);
    let groups = ListAppliedGroups { config: "nginx".into() };
    assert_eq!(server.ok("prj", &groups).await.machinegroups, ["web"]);
    let remove = RemoveConfig { group: "web".into(), config: "nginx".into() };
    server.ok("prj", &remove).await;
    server.ok("prj", &remove).await;
    assert_eq!(server.ok("prj", &applied).await.count, 0);
    server.end().await;
}
