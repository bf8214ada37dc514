//! The conversation with agents, message by message.

use std::path::Path;

use sls::api::config::{LogtailConfig, OutputDetail};
use sls::api::heartbeat::{
    AgentAttributes, AgentGroupTag, agent_capability, request_flag, wire_name,
};
use sls::api::machine_group::{MachineGroup, MachineIdentifyType};
use sls::api::project::CreateProject;
use store::catalog::RedbCatalog;
use store::disk::{Disk, SimDisk};

use super::*;
use crate::clock::Clock;

const SEC: i64 = 1_000_000_000;

struct World {
    catalog: Arc<Catalog>,
    control: Control,
}

impl World {
    /// Project `prj` with the configuration `nginx`, applied to the group of the id `web`.
    fn new() -> Self {
        let disk = SimDisk::new();
        let dir = Path::new("data");
        disk.create_dir_all(dir).expect("a directory");
        let records = Arc::new(RedbCatalog::open(&disk, dir).expect("a database"));
        let catalog = Arc::new(Catalog::open(records, Clock::system()).expect("a catalog"));
        catalog
            .change(|change| {
                let project_name = "prj".to_owned();
                change.create_project(CreateProject { project_name, ..Default::default() })?;
                change.create_group("prj", group("web-group", &["web", "web-2"]))?;
                change.create_config("prj", config("nginx"))?;
                change.apply("prj", "web-group", "nginx")
            })
            .expect("all new");
        let control = Control::new(Arc::clone(&catalog));
        Self { catalog, control }
    }

    fn version(&self, config: &str) -> i64 {
        self.catalog.model().projects["prj"].configs[config].version
    }

    fn beat(&self, request: HeartbeatRequest) -> HeartbeatResponse {
        self.control.heartbeat(request, 100 * SEC).response
    }
}

fn group(name: &str, ids: &[&str]) -> MachineGroup {
    MachineGroup {
        group_name: name.into(),
        machine_identify_type: MachineIdentifyType::Userdefined,
        machine_list: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..MachineGroup::default()
    }
}

fn config(name: &str) -> LogtailConfig {
    let detail = serde_json::json!({"logType": "common_reg_log", "logPath": "/var/log"});
    LogtailConfig {
        config_name: name.into(),
        input_type: "file".into(),
        input_detail: detail.as_object().expect("an object").clone(),
        output_detail: OutputDetail { logstore_name: "access".into(), ..Default::default() },
        log_sample: Some("line".into()),
        ..LogtailConfig::default()
    }
}

fn full(sequence_num: u64, ids: &[&str], configs: &[(&str, i64)]) -> HeartbeatRequest {
    let tags = ids.iter().map(|id| AgentGroupTag { name: "default".into(), value: (*id).into() });
    let configs = configs.iter().map(|(name, version)| ConfigInfo {
        name: wire_name("prj", name),
        version: *version,
        status: ConfigStatus::Applied.into(),
        ..ConfigInfo::default()
    });
    HeartbeatRequest {
        request_id: b"r".to_vec(),
        instance_id: b"agent-1".to_vec(),
        sequence_num,
        capabilities: agent_capability::CONTINUOUS,
        attributes: Some(AgentAttributes { ip: b"10.0.0.9".to_vec(), ..Default::default() }),
        tags: tags.collect(),
        continuous_pipeline_configs: configs.collect(),
        flags: request_flag::FULL_STATE,
        ..HeartbeatRequest::default()
    }
}

fn short(sequence_num: u64) -> HeartbeatRequest {
    HeartbeatRequest {
        instance_id: b"agent-1".to_vec(),
        sequence_num,
        ..HeartbeatRequest::default()
    }
}

fn updates(response: &HeartbeatResponse) -> Vec<(String, i64)> {
    let updates = response.continuous_pipeline_config_updates.iter();
    updates.map(|detail| (detail.name.clone(), detail.version)).collect()
}

#[test]
fn an_agent_of_the_group_is_told_what_to_run() {
    let world = World::new();
    let response = world.beat(full(1, &["web"], &[]));
    assert_eq!(response.request_id, b"r");
    assert_eq!(response.common_response, Some(CommonResponse::default()));
    assert_eq!(response.capabilities, 3);
    assert_eq!(response.flags, 0);
    let detail = &response.continuous_pipeline_config_updates[0];
    assert_eq!(detail.name, "##1.0##prj$nginx");
    assert_eq!(detail.version, world.version("nginx"));
    assert_eq!(
        String::from_utf8_lossy(&detail.detail),
        r#"{"configName":"nginx","inputType":"file","inputDetail":{"logType":"common_reg_log","logPath":"/var/log"},"outputDetail":{"projectName":"prj","logstoreName":"access"},"logSample":"line"}"#
    );
}

#[test]
fn a_configuration_gets_the_topic_of_the_group_that_it_asks_for() {
    let world = World::new();
    let ask = |topic: &str| {
        let mut group = group("web-group", &["web"]);
        group.group_attribute.group_topic = topic.to_owned();
        let mut config = config("nginx");
        config.input_detail.insert("topicFormat".to_owned(), "group_topic".into());
        let change = world.catalog.change(|change| {
            change.update_group("prj", group)?;
            change.update_config("prj", config)
        });
        change.expect("both are there");
        let response = world.beat(full(1, &["web"], &[]));
        let detail = response.continuous_pipeline_config_updates[0].clone();
        (detail.version, String::from_utf8(detail.detail).expect("text"))
    };
    let (version, document) = ask("shop");
    assert!(document.contains(r#""topicFormat":"customized://shop""#), "{document}");
    let known = world.beat(full(1, &["web"], &[("nginx", version)]));
    assert_eq!(updates(&known), [], "it has what it should run");
    let mut group = group("web-group", &["web"]);
    group.group_attribute.group_topic = "bar".to_owned();
    world.catalog.change(|change| change.update_group("prj", group)).expect("it is there");
    let other = world.beat(full(1, &["web"], &[("nginx", version)]));
    assert_ne!(updates(&other)[0].1, version, "another topic is another version");
    let (version, document) = ask("");
    assert_eq!(version, world.version("nginx"));
    assert!(document.contains(r#""topicFormat":"group_topic""#), "{document}");
}

#[test]
fn an_agent_that_runs_everything_is_told_nothing() {
    let world = World::new();
    let version = world.version("nginx");
    let first = world.beat(full(1, &["web"], &[("nginx", version)]));
    assert_eq!(updates(&first), []);
    let second = world.beat(short(2));
    assert_eq!((updates(&second), second.flags), (vec![], 0));
}

#[test]
fn other_ids_get_nothing() {
    let world = World::new();
    assert_eq!(updates(&world.beat(full(1, &["db"], &[]))), []);
}

#[test]
fn a_changed_config_reaches_an_agent_that_only_says_that_it_lives() {
    let world = World::new();
    let version = world.version("nginx");
    world.beat(full(1, &["web"], &[("nginx", version)]));
    world.catalog.change(|change| change.update_config("prj", config("nginx"))).expect("there");
    let response = world.beat(short(2));
    assert_eq!(updates(&response), [(wire_name("prj", "nginx"), world.version("nginx"))]);
    assert!(world.version("nginx") > version);
}

#[test]
fn what_should_not_run_any_more_is_deleted_until_the_agent_says_so() {
    let world = World::new();
    let version = world.version("nginx");
    world.beat(full(1, &["web"], &[("nginx", version)]));
    world.catalog.change(|change| change.remove("prj", "web-group", "nginx")).expect("applied");
    let gone = [(wire_name("prj", "nginx"), DELETED)];
    assert_eq!(updates(&world.beat(short(2))), gone);
    assert_eq!(updates(&world.beat(short(3))), gone);
    let mut report = short(4);
    report.continuous_pipeline_configs =
        full(0, &[], &[("nginx", DELETED)]).continuous_pipeline_configs;
    assert_eq!(updates(&world.beat(report)), []);
}

#[test]
fn a_gap_asks_for_everything_and_changes_nothing_until_it_comes() {
    let world = World::new();
    let version = world.version("nginx");
    world.beat(full(1, &["web"], &[("nginx", version)]));
    world.catalog.change(|change| change.delete_config("prj", "nginx")).expect("there");
    let response = world.beat(short(5));
    assert_eq!(response.flags, response_flag::REPORT_FULL_STATE);
    assert_eq!(updates(&response), []);
    let response = world.beat(short(6));
    assert_eq!(response.flags, response_flag::REPORT_FULL_STATE, "until it comes");
    let response = world.beat(full(7, &["web"], &[("nginx", version)]));
    assert_eq!(response.flags, 0);
    assert_eq!(updates(&response), [(wire_name("prj", "nginx"), DELETED)]);
}

#[test]
fn an_unknown_agent_that_says_little_is_asked_for_everything() {
    let world = World::new();
    let response = world.beat(short(57));
    assert_eq!(response.flags, response_flag::REPORT_FULL_STATE);
    assert_eq!(updates(&response), []);
}

#[test]
fn an_agent_that_always_says_everything_needs_no_flag() {
    let world = World::new();
    let request = HeartbeatRequest { flags: 0, ..full(57, &["web"], &[]) };
    let response = world.beat(request);
    assert_eq!((response.flags, updates(&response).len()), (0, 1));
}

#[test]
fn a_failed_version_is_not_sent_again_and_is_shown() {
    let world = World::new();
    let version = world.version("nginx");
    let mut request = full(1, &["web", "other"], &[("nginx", version)]);
    request.continuous_pipeline_configs[0].status = ConfigStatus::Failed.into();
    request.continuous_pipeline_configs[0].message = "bad regex".into();
    assert_eq!(updates(&world.beat(request)), []);
    let machines = world.control.machines("prj", &group("web-group", &["web"]));
    assert_eq!(machines.len(), 1);
    assert_eq!(machines[0].ip, "10.0.0.9");
    assert_eq!(machines[0].machine_uniqueid, "agent-1");
    assert_eq!(machines[0].userdefined_id, "web");
    assert_eq!(machines[0].last_heartbeat_time, 100);
    assert_eq!(machines[0].configs[0].config_name, "nginx");
    assert_eq!(machines[0].configs[0].status, "failed");
    assert_eq!(machines[0].configs[0].message, "bad regex");
    assert_eq!(world.control.counts(101 * SEC).failed, 1);
    assert!(world.control.machines("prj", &group("g", &["db"])).is_empty());
}

#[test]
fn an_address_group_recognises_the_address() {
    let world = World::new();
    world.beat(full(1, &["web"], &[]));
    let by_address = MachineGroup {
        machine_identify_type: MachineIdentifyType::Ip,
        ..group("g", &["10.0.0.9", "10.0.0.10"])
    };
    let machines = world.control.machines("prj", &by_address);
    assert_eq!(machines.len(), 1);
    assert_eq!(machines[0].userdefined_id, "10.0.0.9");
}

#[test]
fn details_can_be_fetched_and_states_reported_apart_from_heartbeats() {
    let world = World::new();
    world.beat(full(1, &["web"], &[]));
    let name = wire_name("prj", "nginx");
    let ask = |name: &str| ConfigStates {
        request_id: b"q".to_vec(),
        instance_id: b"agent-1".to_vec(),
        continuous_pipeline_configs: vec![ConfigInfo {
            name: name.into(),
            ..ConfigInfo::default()
        }],
        ..ConfigStates::default()
    };
    let fetched = world.control.fetch(&ask(&name), 0);
    assert_eq!(fetched.request_id, b"q");
    assert!(!fetched.continuous_pipeline_config_updates[0].detail.is_empty());
    let other = world.control.fetch(&ask("##1.0##prj$other"), 0);
    assert_eq!(other.continuous_pipeline_config_updates[0].version, DELETED);

    let mut states = ask(&name);
    states.continuous_pipeline_configs[0].version = world.version("nginx");
    states.continuous_pipeline_configs[0].status = ConfigStatus::Applied.into();
    let reported = world.control.report(&states, 200 * SEC);
    assert_eq!(reported.common_response.map(|common| common.status), Some(0));
    assert_eq!(world.control.counts(200 * SEC).applied, 1);
    assert_eq!(updates(&world.beat(short(2))), []);

    states.instance_id = b"nobody".to_vec();
    let refused = world.control.report(&states, 0);
    assert_eq!(refused.common_response.map(|common| common.status), Some(1));
}

#[test]
fn agents_that_stay_away_go_offline_and_are_forgotten() {
    let world = World::new();
    world.beat(full(1, &["web"], &[]));
    assert_eq!(world.control.counts(100 * SEC).online, 1);
    assert_eq!(world.control.counts(200 * SEC).offline, 1);
    world.control.forget_old(100 * SEC + 25 * 3600 * SEC);
    assert_eq!(world.control.counts(0), AgentCounts::default());
}

#[test]
fn what_one_agent_says_is_remembered_within_limits() {
    let world = World::new();
    let names: Vec<String> = (0..1001).map(|number| format!("c{number:04}")).collect();
    let configs: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let (too_long, many) = ("x".repeat(257), (0..63).map(|number| number.to_string()));
    let ids: Vec<String> = [too_long.clone()].into_iter().chain(many).collect();
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.extend(["web", "db"]);
    let mut request = full(1, &ids, &configs);
    let first = &mut request.continuous_pipeline_configs[0];
    first.message = "é".repeat(1000);
    first.extra.insert("k".into(), vec![0]);
    request.attributes = Some(AgentAttributes { ip: vec![b'1'; 300], ..Default::default() });
    world.beat(request);

    let machines = world.control.machines("prj", &group("g", &["web"]));
    assert_eq!(machines.len(), 1, "the 64th id");
    assert!(world.control.machines("prj", &group("g", &["db"])).is_empty(), "the 65th id");
    assert!(world.control.machines("prj", &group("g", &[&too_long])).is_empty());
    assert_eq!(machines[0].ip.len(), 256);
    assert_eq!(machines[0].configs.len(), 1000);
    assert_eq!(machines[0].configs[0].message, "é".repeat(512));

    let mut more = short(2);
    more.continuous_pipeline_configs =
        full(0, &[], &[("c0001", 2), ("new", 1)]).continuous_pipeline_configs;
    world.beat(more);
    let configs = &world.control.machines("prj", &group("g", &["web"]))[0].configs;
    assert_eq!((configs.len(), configs[1].version), (1000, 2), "known ones still change");
}
