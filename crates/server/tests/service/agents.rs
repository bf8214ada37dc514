//! Agents over the wire: what they should run, what they report, and waiting for news.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use sls::api::Call;
use sls::api::Page;
use sls::api::config::{CreateConfig, DeleteConfig, LogtailConfig, OutputDetail};
use sls::api::heartbeat::{
    AgentAttributes, AgentGroupTag, ConfigInfo, ConfigStates, ConfigStatus, DELETED, FetchConfig,
    Heartbeat, HeartbeatRequest, ReportStatus, agent_capability, request_flag,
};
use sls::api::machine_group::{
    ApplyConfig, CreateMachineGroup, ListMachines, MachineGroup, MachineIdentifyType,
};

use crate::support::{Server, code, create_project};

async fn with_group(server: &Server) {
    server.ok("prj", &create_project("prj")).await;
    let group = MachineGroup {
        group_name: "web-group".into(),
        machine_identify_type: MachineIdentifyType::Userdefined,
        machine_list: vec!["web".into()],
        ..MachineGroup::default()
    };
    server.ok("prj", &CreateMachineGroup { group }).await;
    let config = LogtailConfig {
        config_name: "nginx".into(),
        input_type: "file".into(),
        output_detail: OutputDetail { logstore_name: "access".into(), ..Default::default() },
        ..LogtailConfig::default()
    };
    server.ok("prj", &CreateConfig { config }).await;
}

async fn apply(server: &Server) {
    let apply = ApplyConfig { group: "web-group".into(), config: "nginx".into() };
    server.ok("prj", &apply).await;
}

fn beat(sequence_num: u64, configs: Vec<ConfigInfo>, wait_for_change: bool) -> Heartbeat {
    Heartbeat {
        request: HeartbeatRequest {
            request_id: b"r".to_vec(),
            instance_id: b"agent-1".to_vec(),
            sequence_num,
            capabilities: agent_capability::CONTINUOUS,
            agent_type: "Sidetail".into(),
            attributes: Some(AgentAttributes { ip: b"10.0.0.9".to_vec(), ..Default::default() }),
            tags: vec![AgentGroupTag { name: "default".into(), value: "web".into() }],
            continuous_pipeline_configs: configs,
            flags: request_flag::FULL_STATE,
            ..HeartbeatRequest::default()
        },
        wait_for_change,
    }
}

fn running(version: i64) -> ConfigInfo {
    ConfigInfo {
        name: "##1.0##prj$nginx".into(),
        version,
        status: ConfigStatus::Applied.into(),
        ..ConfigInfo::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_reaches_the_agent_and_its_state_comes_back() {
    let server = Server::start().await;
    with_group(&server).await;
    apply(&server).await;
    let told = server.ok("", &beat(1, vec![], false)).await;
    assert_eq!(told.request_id, b"r");
    let detail = &told.continuous_pipeline_config_updates[0];
    assert_eq!(detail.name, "##1.0##prj$nginx");
    let document: serde_json::Value = serde_json::from_slice(&detail.detail).expect("json");
    assert_eq!(document["outputDetail"]["projectName"], "prj");
    assert_eq!(document["outputDetail"]["logstoreName"], "access");

    let told = server.ok("", &beat(2, vec![running(detail.version)], false)).await;
    assert_eq!(told.continuous_pipeline_config_updates, []);
    let list = ListMachines { group: "web-group".into(), page: Page::default() };
    let machines = server.ok("prj", &list).await;
    assert_eq!((machines.count, machines.total), (1, 1));
    let machine = &machines.machines[0];
    assert_eq!((machine.ip.as_str(), machine.userdefined_id.as_str()), ("10.0.0.9", "web"));
    assert!(machine.last_heartbeat_time > 1_700_000_000);
    assert_eq!(machine.configs[0].status, "applied");
    let metrics = server.get("/metrics").await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(text.contains("sidetail_server_agents_online 1"), "{text}");
    assert!(text.contains("sidetail_server_agent_configs_applied 1"));

    server.ok("prj", &DeleteConfig { config: "nginx".into() }).await;
    let told = server.ok("", &beat(3, vec![running(detail.version)], false)).await;
    assert_eq!(told.continuous_pipeline_config_updates[0].version, DELETED);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn details_are_fetched_and_states_reported_over_the_wire() {
    let server = Server::start().await;
    with_group(&server).await;
    apply(&server).await;
    server.ok("", &beat(1, vec![], false)).await;
    let mut states = ConfigStates {
        instance_id: b"agent-1".to_vec(),
        continuous_pipeline_configs: vec![ConfigInfo {
            name: "##1.0##prj$nginx".into(),
            ..ConfigInfo::default()
        }],
        ..ConfigStates::default()
    };
    let fetched = server.ok("", &FetchConfig { states: states.clone() }).await;
    let detail = &fetched.continuous_pipeline_config_updates[0];
    assert!(!detail.detail.is_empty());
    states.continuous_pipeline_configs = vec![running(detail.version)];
    let reported = server.ok("", &ReportStatus { states }).await;
    assert_eq!(reported.common_response.map(|common| common.status), Some(0));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_agent_is_told_at_once_when_something_changes() {
    let server = Arc::new(Server::start().await);
    with_group(&server).await;
    server.ok("", &beat(1, vec![], false)).await;
    let waiting = Arc::clone(&server);
    let told = tokio::spawn(async move { waiting.ok("", &beat(2, vec![], true)).await });
    // Once the second heartbeat is counted it is being held: it has been taken and had no news.
    loop {
        let metrics = server.get("/metrics").await;
        let text = String::from_utf8_lossy(&metrics.body).into_owned();
        if text.contains("sidetail_server_heartbeats_total 2") {
            break;
        }
        tokio::task::yield_now().await;
    }
    apply(&server).await;
    let told = told.await.expect("no panic");
    assert_eq!(told.continuous_pipeline_config_updates.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_agent_is_answered_when_the_service_ends() {
    let server = Server::start().await;
    with_group(&server).await;
    let request = server.request(None, beat(1, vec![], true).parts());
    let target = server.address;
    let told = tokio::spawn(async move { crate::support::exchange(target, request).await });
    // Wait until the heartbeat has been taken: then it is being held.
    let list = ListMachines { group: "web-group".into(), page: Page::default() };
    while server.ok("prj", &list).await.count == 0 {
        tokio::task::yield_now().await;
    }
    server.end().await;
    assert_eq!(told.await.expect("no panic").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_are_signed_unless_they_need_not_be() {
    let server = Server::start().await;
    let unsigned = |server: &Server| {
        let mut request = server.request(None, beat(1, vec![], false).parts());
        request.headers_mut().remove(header::AUTHORIZATION);
        request
    };
    assert_eq!(server.send(unsigned(&server)).await.refusal(), code(401, "Unauthorized"));
    server.end().await;
    let server = Server::with(&["--open-heartbeat"]).await;
    assert_eq!(server.send(unsigned(&server)).await.status, 200);
    let mut other = server.request(Some("prj"), create_project("prj").parts());
    other.headers_mut().remove(header::AUTHORIZATION);
    assert_eq!(server.send(other).await.refusal(), code(401, "Unauthorized"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_heartbeat_is_refused() {
    let server = Server::start().await;
    let mut parts = beat(1, vec![], false).parts();
    parts.body = Bytes::from_static(b"\x0a\xff");
    let answer = server.answer(None, parts).await;
    assert_eq!(answer.refusal(), code(400, "PostBodyInvalid"));
    let nobody = Heartbeat { request: HeartbeatRequest::default(), wait_for_change: false };
    assert_eq!(server.refused("", &nobody).await, code(400, "ParameterInvalid"));
    server.end().await;
}
