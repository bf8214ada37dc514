//! The agents that have called and what they said last.

use std::collections::{BTreeMap, BTreeSet};

use sls::api::heartbeat::{
    ConfigInfo, ConfigStatus, DELETED, HeartbeatRequest, agent_capability, request_flag,
};
use sls::api::machine_group::{MachineGroup, MachineIdentifyType};

/// An agent calls every ten seconds; after this time without a call it counts as away.
const ONLINE_NANOS: i64 = 60 * 1_000_000_000;
/// After this time without a call an agent is forgotten.
const KNOWN_NANOS: i64 = 24 * 3600 * 1_000_000_000;
/// Agents remembered at most; the one silent longest makes room.
const MAX_AGENTS: usize = 100_000;

/// Groups of one agent that are remembered; further ones are ignored.
const MAX_IDS: usize = 64;
/// Configurations of one agent that are remembered; further ones are ignored, so an agent that
/// should run more is told again with each answer.
const MAX_CONFIGS: usize = 1000;
/// A message about a configuration is cut to this.
const MAX_MESSAGE_BYTES: usize = 1024;
/// Other text: what identifies something is ignored when longer, because its beginning would
/// identify something else; the rest is cut.
const MAX_TEXT_BYTES: usize = 256;
/// An instance id is refused when longer.
pub const MAX_INSTANCE_BYTES: usize = 256;

/// Agents by instance id.
#[derive(Debug, Default)]
pub(super) struct Agents {
    by_instance: BTreeMap<Vec<u8>, Agent>,
}

/// What one agent said.
#[derive(Debug, Default)]
pub(super) struct Agent {
    sequence_num: u64,
    capabilities: u64,
    /// Whether everything below is what the agent would say now. False from a gap in the
    /// sequence until the full report.
    pub(super) is_complete: bool,
    /// Values of its tags: the user-defined ids.
    pub(super) ids: BTreeSet<String>,
    /// Address it reported.
    pub(super) ip: String,
    /// When it called last.
    pub(super) last_heartbeat_nanos: i64,
    /// By name on the wire; deleted ones are left out.
    pub(super) configs: BTreeMap<String, ConfigInfo>,
}

/// Whether the server still knows everything about an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    /// It does.
    Kept,
    /// A heartbeat is missing: the agent must report everything.
    Broken,
}

/// How many agents there are and how they fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentCounts {
    /// Called in the last minute.
    pub online: u64,
    /// Called before that.
    pub offline: u64,
    /// Configurations running, over all agents.
    pub applied: u64,
    /// Configurations refused, over all agents.
    pub failed: u64,
}

impl Agents {
    pub(super) fn get(&self, instance: &[u8]) -> Option<&Agent> {
        self.by_instance.get(instance)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Vec<u8>, &Agent)> {
        self.by_instance.iter()
    }

    /// Takes one heartbeat.
    pub(super) fn take(&mut self, request: HeartbeatRequest, now_nanos: i64) -> Continuity {
        let known = self.by_instance.get(&request.instance_id);
        let says_all = request.flags & request_flag::FULL_STATE != 0
            // Agents exist that always send everything and never set the flag. One that is not
            // known and names its groups is taken at its word.
            || (known.is_none_or(|agent| !agent.is_complete) && !request.tags.is_empty());
        let in_sequence = known.is_some_and(|agent| {
            agent.is_complete && agent.sequence_num.wrapping_add(1) == request.sequence_num
        });
        if known.is_none() {
            self.make_room();
        }
        let agent = self.by_instance.entry(request.instance_id.clone()).or_default();
        agent.sequence_num = request.sequence_num;
        agent.last_heartbeat_nanos = now_nanos;
        if says_all {
            agent.replace(request);
            Continuity::Kept
        } else if in_sequence {
            agent.merge(request);
            Continuity::Kept
        } else {
            agent.merge(request);
            agent.is_complete = false;
            Continuity::Broken
        }
    }

    /// Takes states reported outside of a heartbeat; false when the instance is not known.
    pub(super) fn report(
        &mut self,
        instance: &[u8],
        states: &[ConfigInfo],
        now_nanos: i64,
    ) -> bool {
        let Some(agent) = self.by_instance.get_mut(instance) else { return false };
        agent.last_heartbeat_nanos = now_nanos;
        // A status here speaks about what the agent has; one that only asks for details says
        // nothing about it.
        for state in states.iter().filter(|state| state.status() != ConfigStatus::Unset) {
            agent.set_config(state.clone());
        }
        true
    }

    pub(super) fn counts(&self, now_nanos: i64) -> AgentCounts {
        let mut counts = AgentCounts::default();
        for agent in self.by_instance.values() {
            if now_nanos - agent.last_heartbeat_nanos <= ONLINE_NANOS {
                counts.online += 1;
            } else {
                counts.offline += 1;
            }
            for config in agent.configs.values() {
                match config.status() {
                    ConfigStatus::Applied => counts.applied += 1,
                    ConfigStatus::Failed => counts.failed += 1,
                    ConfigStatus::Unset | ConfigStatus::Applying => {}
                }
            }
        }
        counts
    }

    pub(super) fn forget_old(&mut self, now_nanos: i64) {
        self.by_instance.retain(|_, agent| now_nanos - agent.last_heartbeat_nanos <= KNOWN_NANOS);
    }

    fn make_room(&mut self) {
        if self.by_instance.len() < MAX_AGENTS {
            return;
        }
        let silent = self.by_instance.iter().min_by_key(|(_, agent)| agent.last_heartbeat_nanos);
        if let Some(instance) = silent.map(|(instance, _)| instance.clone()) {
            self.by_instance.remove(&instance);
        }
    }
}

impl Agent {
    /// Whether it takes collection configurations. One that states no capability at all is
    /// given the benefit of the doubt.
    pub(super) fn takes_continuous(&self) -> bool {
        self.capabilities == 0 || self.capabilities & agent_capability::CONTINUOUS != 0
    }

    /// The entry of the group's machine list that means this agent.
    pub(super) fn identity_in<'a>(&self, group: &'a MachineGroup) -> Option<&'a str> {
        let is_it = |entry: &&String| match group.machine_identify_type {
            MachineIdentifyType::Userdefined => self.ids.contains(entry.as_str()),
            MachineIdentifyType::Ip => !self.ip.is_empty() && self.ip == entry.as_str(),
        };
        group.machine_list.iter().find(is_it).map(String::as_str)
    }

    fn replace(&mut self, request: HeartbeatRequest) {
        self.ids.clear();
        self.ip.clear();
        self.configs.clear();
        self.capabilities = 0;
        self.merge(request);
        self.is_complete = true;
    }

    /// Takes what the request says; what it leaves out stays.
    fn merge(&mut self, request: HeartbeatRequest) {
        if request.capabilities != 0 {
            self.capabilities = request.capabilities;
        }
        if !request.tags.is_empty() {
            let ids = request.tags.into_iter().map(|tag| tag.value);
            self.ids = ids.filter(|id| id.len() <= MAX_TEXT_BYTES).take(MAX_IDS).collect();
        }
        if let Some(attributes) = request.attributes {
            self.ip = cut(&String::from_utf8_lossy(&attributes.ip), MAX_TEXT_BYTES);
        }
        for state in request.continuous_pipeline_configs {
            self.set_config(state);
        }
    }

    fn set_config(&mut self, state: ConfigInfo) {
        if state.version == DELETED {
            self.configs.remove(&state.name);
            return;
        }
        let is_new = !self.configs.contains_key(&state.name);
        if state.name.len() > MAX_TEXT_BYTES || (is_new && self.configs.len() >= MAX_CONFIGS) {
            return;
        }
        let kept = ConfigInfo {
            message: cut(&state.message, MAX_MESSAGE_BYTES),
            // Nobody asks for it.
            extra: BTreeMap::new(),
            ..state
        };
        self.configs.insert(kept.name.clone(), kept);
    }
}

/// The beginning of `text`, at most `max_bytes` of whole characters.
fn cut(text: &str, max_bytes: usize) -> String {
    text[..text.floor_char_boundary(max_bytes)].to_owned()
}
