//! Which agent should run which configuration, and what each agent says about it: the server
//! side of ConfigServer v2 (`agent.md` section 6.2).
//!
//! What should run is a function of the catalog (`wanted`). What agents say lives in memory
//! only (`agents`): after a restart every agent tells it again within one heartbeat.

mod agents;
mod wanted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sls::api::heartbeat::{
    self, CommonResponse, ConfigDetail, ConfigInfo, ConfigStates, ConfigStatus, DELETED,
    FetchConfigResponse, HeartbeatRequest, HeartbeatResponse, ReportStatusResponse, response_flag,
    server_capability,
};
use sls::api::machine_group::{Machine, MachineConfig, MachineGroup};

use agents::{Agent, Agents, Continuity};
pub use agents::{AgentCounts, MAX_INSTANCE_BYTES};
use wanted::{Held, Wanted};

use crate::catalog::Catalog;

/// Answers agents.
#[derive(Debug)]
pub struct Control {
    catalog: Arc<Catalog>,
    agents: Mutex<Agents>,
}

/// The answer to a heartbeat and whether it is worth sending at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The message.
    pub response: HeartbeatResponse,
    /// False when the agent would learn nothing: a long poll may wait then.
    pub has_news: bool,
}

impl Control {
    /// Knows no agent yet.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, agents: Mutex::default() }
    }

    fn agents(&self) -> MutexGuard<'_, Agents> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what the agent says and answers with what it should change.
    pub fn heartbeat(&self, request: HeartbeatRequest, now_nanos: i64) -> Answer {
        let request_id = request.request_id.clone();
        let instance = request.instance_id.clone();
        let continuity = self.agents().take(request, now_nanos);
        let mut answer = self.answer(&instance, request_id);
        if continuity == Continuity::Broken {
            let response = &mut answer.response;
            response.flags |= response_flag::REPORT_FULL_STATE;
            answer.has_news = true;
        }
        answer
    }

    /// The answer to an agent as it is known now.
    pub fn answer(&self, instance: &[u8], request_id: Vec<u8>) -> Answer {
        let agents = self.agents();
        let updates = match agents.get(instance) {
            // Without its tags nobody can say what it should run, and an empty answer is safer
            // than telling it to drop everything.
            Some(agent) if agent.is_complete && agent.takes_continuous() => {
                let model = self.catalog.model();
                updates(agent, &wanted::of_agent(&model, agent))
            }
            _ => Vec::new(),
        };
        let has_news = !updates.is_empty();
        let response = HeartbeatResponse {
            request_id,
            common_response: Some(CommonResponse::default()),
            capabilities: server_capability::REMEMBERS_ATTRIBUTES
                | server_capability::REMEMBERS_CONTINUOUS_STATUS,
            continuous_pipeline_config_updates: updates,
            ..HeartbeatResponse::default()
        };
        Answer { response, has_news }
    }

    /// Gives the details of the named configurations; a name the agent should not run is
    /// answered with a deletion.
    pub fn fetch(&self, request: &ConfigStates, now_nanos: i64) -> FetchConfigResponse {
        let mut agents = self.agents();
        agents.report(&request.instance_id, &request.continuous_pipeline_configs, now_nanos);
        let mut response = FetchConfigResponse {
            request_id: request.request_id.clone(),
            common_response: Some(CommonResponse::default()),
            ..FetchConfigResponse::default()
        };
        let Some(agent) = agents.get(&request.instance_id).filter(|agent| agent.is_complete) else {
            response.common_response = Some(unknown_instance());
            return response;
        };
        let model = self.catalog.model();
        let wanted = wanted::of_agent(&model, agent);
        response.continuous_pipeline_config_updates = request
            .continuous_pipeline_configs
            .iter()
            .map(|info| match wanted.get(&info.name) {
                Some(config) => detail(&info.name, config),
                None => deletion(&info.name),
            })
            .collect();
        response
    }

    /// Remembers states that an agent reports outside of a heartbeat.
    pub fn report(&self, request: &ConfigStates, now_nanos: i64) -> ReportStatusResponse {
        let states = &request.continuous_pipeline_configs;
        let known = self.agents().report(&request.instance_id, states, now_nanos);
        let common = if known { CommonResponse::default() } else { unknown_instance() };
        ReportStatusResponse {
            request_id: request.request_id.clone(),
            common_response: Some(common),
        }
    }

    /// The machines of a group as far as they are known, in a stable order.
    pub fn machines(&self, project: &str, group: &MachineGroup) -> Vec<Machine> {
        let agents = self.agents();
        let machines = agents.iter().filter_map(|(instance, agent)| {
            let id = agent.identity_in(group)?;
            Some(Machine {
                ip: agent.ip.clone(),
                machine_uniqueid: String::from_utf8_lossy(instance).into_owned(),
                userdefined_id: id.to_owned(),
                last_heartbeat_time: agent.last_heartbeat_nanos / 1_000_000_000,
                configs: machine_configs(project, agent),
            })
        });
        machines.collect()
    }

    /// How many agents there are and how they fare.
    pub fn counts(&self, now_nanos: i64) -> AgentCounts {
        self.agents().counts(now_nanos)
    }

    /// Forgets agents that have not called for a day.
    pub fn forget_old(&self, now_nanos: i64) {
        self.agents().forget_old(now_nanos);
    }
}

fn unknown_instance() -> CommonResponse {
    CommonResponse {
        status: 1,
        error_message: b"the instance is not known: send a full heartbeat first".to_vec(),
    }
}

/// What an agent has to change: wanted ones in another version than it has, then those it has and
/// should not.
fn updates(agent: &Agent, wanted: &Wanted) -> Vec<ConfigDetail> {
    let news = wanted
        .iter()
        .filter(|(name, config)| {
            agent.configs.get(name.as_str()).is_none_or(|held| held.version != config.version())
        })
        .map(|(name, config)| detail(name, config));
    let gone = agent
        .configs
        .iter()
        .filter(|(name, _)| !wanted.contains_key(name.as_str()))
        .map(|(name, _)| deletion(name));
    news.chain(gone).collect()
}

fn deletion(name: &str) -> ConfigDetail {
    ConfigDetail { name: name.to_owned(), version: DELETED, ..ConfigDetail::default() }
}

fn detail(name: &str, held: &Held) -> ConfigDetail {
    ConfigDetail {
        name: name.to_owned(),
        version: held.version(),
        detail: wanted::document(name, held),
        extra: BTreeMap::new(),
    }
}

fn machine_configs(project: &str, agent: &Agent) -> Vec<MachineConfig> {
    let of_project = agent.configs.iter().filter_map(|(name, state)| {
        let (owner, config) = heartbeat::split_wire_name(name)?;
        (owner == project).then(|| machine_config(config, state))
    });
    of_project.collect()
}

fn machine_config(name: &str, state: &ConfigInfo) -> MachineConfig {
    let status = match state.status() {
        ConfigStatus::Unset => "unset",
        ConfigStatus::Applying => "applying",
        ConfigStatus::Applied => "applied",
        ConfigStatus::Failed => "failed",
    };
    MachineConfig {
        config_name: name.to_owned(),
        version: state.version,
        status: status.to_owned(),
        message: state.message.clone(),
    }
}

#[cfg(test)]
mod tests;
