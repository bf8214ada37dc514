//! What an agent should run: a function of the catalog and of who the agent says it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use sls::api::heartbeat;

use super::agents::Agent;
use crate::catalog::{Config, Model};

/// Configurations by their name on the wire.
pub(super) type Wanted = BTreeMap<String, Arc<Config>>;

/// Everything applied to a group the agent belongs to, over all projects.
pub(super) fn of_agent(model: &Model, agent: &Agent) -> Wanted {
    let mut wanted = Wanted::new();
    for (project_name, project) in &model.projects {
        let groups = project.groups.values().filter(|group| agent.identity_in(group).is_some());
        for config in groups.flat_map(|group| project.applied_to(&group.group_name)) {
            if let Some(held) = project.configs.get(config) {
                let name = heartbeat::wire_name(project_name, config);
                wanted.insert(name, Arc::clone(held));
            }
        }
    }
    wanted
}

/// The document an agent gets: the classic form, so that an agent of either protocol family can
/// read it.
pub(super) fn document(name: &str, config: &Config) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        config_name: &'a str,
        input_type: &'a str,
        input_detail: &'a Map<String, Value>,
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
    let held = &config.document;
    let project = heartbeat::split_wire_name(name).map_or("", |(project, _)| project);
    let document = Document {
        config_name: &held.config_name,
        input_type: &held.input_type,
        input_detail: &held.input_detail,
        output_detail: Output {
            project_name: held.output_detail.project_name.as_deref().unwrap_or(project),
            logstore_name: &held.output_detail.logstore_name,
        },
        log_sample: held.log_sample.as_deref(),
    };
    serde_json::to_vec(&document).expect("the document has string keys only")
}
