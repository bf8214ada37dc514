//! What an agent should run: a function of the catalog and of who the agent says it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use sls::api::heartbeat;
use sls::api::machine_group::MachineGroup;

use super::agents::Agent;
use crate::catalog::{Config, Model};

/// A configuration as one agent should run it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    config: Arc<Config>,
    /// The topic of the machine group, where the configuration asks for it.
    topic: Option<String>,
}

/// Configurations by their name on the wire.
pub(super) type Wanted = BTreeMap<String, Held>;

/// How a configuration asks for the topic of its machine group.
const GROUP_TOPICS: [&str; 2] = ["group_topic", "global_topic"];

/// The key that holds it.
const TOPIC_FORMAT: &str = "topicFormat";

impl Held {
    fn new(config: &Arc<Config>, group: &MachineGroup) -> Self {
        let format = config.document.input_detail.get(TOPIC_FORMAT).and_then(Value::as_str);
        let topic = &group.group_attribute.group_topic;
        let wants_it = format.is_some_and(|format| GROUP_TOPICS.contains(&format));
        let topic = (wants_it && !topic.is_empty()).then(|| topic.clone());
        Self { config: Arc::clone(config), topic }
    }

    /// Another one whenever what the agent should do is another thing; above 0, as the others have
    /// a meaning.
    pub(super) fn version(&self) -> i64 {
        let Some(topic) = &self.topic else { return self.config.version };
        let mut hasher = DefaultHasher::new();
        topic.hash(&mut hasher);
        (self.config.version ^ (hasher.finish() >> 1) as i64).max(1)
    }
}

/// Everything applied to a group the agent belongs to, over all projects. Where several groups of
/// a project have it, the first by name says the topic.
pub(super) fn of_agent(model: &Model, agent: &Agent) -> Wanted {
    let mut wanted = Wanted::new();
    for (project_name, project) in &model.projects {
        let groups = project.groups.values().filter(|group| agent.identity_in(group).is_some());
        for group in groups {
            for config in project.applied_to(&group.group_name) {
                if let Some(held) = project.configs.get(config) {
                    let name = heartbeat::wire_name(project_name, config);
                    wanted.entry(name).or_insert_with(|| Held::new(held, group));
                }
            }
        }
    }
    wanted
}

/// The document an agent gets: the classic form, so that an agent of either protocol family can
/// read it.
pub(super) fn document(name: &str, held: &Held) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        config_name: &'a str,
        input_type: &'a str,
        input_detail: Cow<'a, Map<String, Value>>,
        output_detail: Output<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        log_sample: Option<&'a str>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Output<'a> {
        project_name: &'a str,
        logstore_name: &'a str,
    }
    let Held { config, topic } = held;
    let held = &config.document;
    let mut input_detail = Cow::Borrowed(&held.input_detail);
    if let Some(topic) = topic {
        // In a form that every agent understands.
        let value = Value::String(format!("customized://{topic}"));
        input_detail.to_mut().insert(TOPIC_FORMAT.to_owned(), value);
    }
    let project = heartbeat::split_wire_name(name).map_or("", |(project, _)| project);
    let document = Document {
        config_name: &held.config_name,
        input_type: &held.input_type,
        input_detail,
        output_detail: Output {
            project_name: held.output_detail.project_name.as_deref().unwrap_or(project),
            logstore_name: &held.output_detail.logstore_name,
        },
        log_sample: held.log_sample.as_deref(),
    };
    serde_json::to_vec(&document).expect("the document has string keys only")
}
