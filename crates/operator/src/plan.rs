//! What has to be done so that the service is as an object asks. Pure.

use std::collections::BTreeSet;
use std::fmt;

use sls::api::config::LogtailConfig;
use sls::api::index::Index;

use crate::crd::Applied;
use crate::desired::Desired;

/// What was found in the service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// Whether the project is there. When not, neither is anything else.
    pub project: bool,
    /// Whether the logstore is there.
    pub logstore: bool,
    /// The logstore's index.
    pub index: Option<Index>,
    /// The configuration of this name.
    pub config: Option<LogtailConfig>,
    /// Which of the wanted groups are there.
    pub groups: BTreeSet<String>,
    /// The groups that run the configuration.
    pub applied_to: BTreeSet<String>,
}

/// One change of the service. Each may be repeated: finding it done is success.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make the project.
    CreateProject,
    /// Make the logstore.
    CreateLogstore,
    /// Make the index of the logstore.
    CreateIndex,
    /// Make the configuration.
    CreateConfig,
    /// Make the configuration what it should be.
    UpdateConfig,
    /// Make a machine group that is identified by its own name.
    CreateGroup(String),
    /// Let a group run the configuration.
    Apply(String),
    /// Let a group no longer run it.
    Withdraw(String),
}

/// The steps of a reconciliation, in their order. Each has a condition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The project.
    Project,
    /// The logstore.
    Logstore,
    /// Its index.
    Index,
    /// The configuration.
    Config,
    /// The machine groups.
    Groups,
}

impl Action {
    /// The step it belongs to.
    pub fn stage(&self) -> Stage {
        match self {
            Self::CreateProject => Stage::Project,
            Self::CreateLogstore => Stage::Logstore,
            Self::CreateIndex => Stage::Index,
            Self::CreateConfig | Self::UpdateConfig => Stage::Config,
            Self::CreateGroup(_) | Self::Apply(_) | Self::Withdraw(_) => Stage::Groups,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateProject => f.write_str("create the project"),
            Self::CreateLogstore => f.write_str("create the logstore"),
            Self::CreateIndex => f.write_str("create the index"),
            Self::CreateConfig => f.write_str("create the configuration"),
            Self::UpdateConfig => f.write_str("update the configuration"),
            Self::CreateGroup(group) => write!(f, "create machine group {group}"),
            Self::Apply(group) => write!(f, "apply the configuration to {group}"),
            Self::Withdraw(group) => write!(f, "withdraw the configuration from {group}"),
        }
    }
}

/// The changes that are missing, in the order in which they can be made. `before` is what the
/// object had in the service last: groups that it no longer names lose the configuration, groups
/// that someone else added keep it.
pub fn plan(desired: &Desired, observed: &Observed, before: Option<&Applied>) -> Vec<Action> {
    let mut actions = Vec::new();
    if !observed.project {
        actions.push(Action::CreateProject);
    }
    if !observed.logstore {
        actions.push(Action::CreateLogstore);
    }
    // An index that is there belongs to the logstore's owner, whatever it holds. One that is
    // missing may be missing because we were ended between the two calls.
    if observed.index.is_none() {
        actions.push(Action::CreateIndex);
    }
    match &observed.config {
        None => actions.push(Action::CreateConfig),
        Some(config) if !same_config(config, &desired.config) => actions.push(Action::UpdateConfig),
        Some(_) => {}
    }
    for group in &desired.groups {
        if !observed.groups.contains(group) {
            actions.push(Action::CreateGroup(group.clone()));
        }
        if !observed.applied_to.contains(group) {
            actions.push(Action::Apply(group.clone()));
        }
    }
    let dropped = before.into_iter().flat_map(|before| &before.machine_groups);
    for group in dropped.filter(|group| !desired.groups.contains(group)) {
        if observed.applied_to.contains(group) {
            actions.push(Action::Withdraw(group.clone()));
        }
    }
    actions
}

/// Whether two configurations mean the same: what the service adds on its own does not count.
fn same_config(observed: &LogtailConfig, desired: &LogtailConfig) -> bool {
    observed.input_type == desired.input_type
        && observed.input_detail == desired.input_detail
        && observed.output_detail.logstore_name == desired.output_detail.logstore_name
        && observed.log_sample.as_deref().unwrap_or_default()
            == desired.log_sample.as_deref().unwrap_or_default()
}

/// The fields that the configuration gives and that the logstore's index does not know: a query
/// `field: value` will not find them.
pub fn fields_without_index(desired: &Desired, index: &Index) -> Vec<String> {
    let wanted = desired.index.keys.iter().flatten().map(|(name, _)| name);
    wanted
        .filter(|name| !name.starts_with('_'))
        .filter(|name| !index.keys.as_ref().is_some_and(|keys| keys.contains_key(*name)))
        .cloned()
        .collect()
}

/// The field of `before` that the object wants changed although the service cannot change it in
/// place (`kubernetes` 1.7). The old configuration would stay behind and go on collecting.
pub fn immutable_change(desired: &Desired, before: &Applied) -> Option<(&'static str, String)> {
    [
        ("project", &before.project, &desired.project),
        ("logstore", &before.logstore, &desired.logstore_name),
        ("configName", &before.config_name, &desired.config.config_name),
    ]
    .into_iter()
    .find(|(_, before, now)| before != now)
    .map(|(field, before, now)| {
        (field, format!("{field} cannot change from `{before}` to `{now}`: delete the object and create it again, the logs stay"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, json};

    use super::*;
    use sls::api::config::OutputDetail;
    use sls::api::index::KeyIndex;

    fn desired(groups: &[&str]) -> Desired {
        let detail = json!({"logPath": "/var/log"}).as_object().cloned().unwrap_or_default();
        Desired {
            project: "p".into(),
            logstore: Default::default(),
            logstore_name: "l".into(),
            index: Index {
                keys: Some(
                    ["status", "_pod_name_"]
                        .map(|key| (key.to_owned(), KeyIndex::Text(Default::default())))
                        .into(),
                ),
                ..Index::default()
            },
            config: LogtailConfig {
                config_name: "c".into(),
                input_type: "file".into(),
                input_detail: detail,
                output_detail: OutputDetail { logstore_name: "l".into(), ..Default::default() },
                ..LogtailConfig::default()
            },
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    fn complete(desired: &Desired) -> Observed {
        let mut config = desired.config.clone();
        // What a service adds.
        config.output_type = "LogService".into();
        config.output_detail.project_name = Some("p".into());
        config.create_time = Some(1);
        config.log_sample = Some(String::new());
        Observed {
            project: true,
            logstore: true,
            index: Some(Index::default()),
            config: Some(config),
            groups: desired.groups.iter().cloned().collect(),
            applied_to: desired.groups.iter().cloned().collect(),
        }
    }

    #[track_caller]
    fn check(desired: &Desired, observed: &Observed, before: Option<&Applied>, expected: &[&str]) {
        let actions: Vec<String> =
            plan(desired, observed, before).iter().map(ToString::to_string).collect();
        assert_eq!(actions, expected);
    }

    #[test]
    fn an_empty_service_gets_everything_in_order() {
        check(
            &desired(&["g1", "g2"]),
            &Observed::default(),
            None,
            &[
                "create the project",
                "create the logstore",
                "create the index",
                "create the configuration",
                "create machine group g1",
                "apply the configuration to g1",
                "create machine group g2",
                "apply the configuration to g2",
            ],
        );
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let desired = desired(&["g1"]);
        check(&desired, &complete(&desired), Some(&desired.applied()), &[]);
    }

    #[test]
    fn a_configuration_that_was_edited_is_set_right() {
        let desired = desired(&["g1"]);
        let mut observed = complete(&desired);
        observed.config.as_mut().unwrap().input_detail = Map::new();
        check(&desired, &observed, None, &["update the configuration"]);
    }

    #[test]
    fn a_group_that_is_no_longer_named_loses_the_configuration_and_a_foreign_one_keeps_it() {
        let before = desired(&["g1", "g2"]).applied();
        let desired = desired(&["g1"]);
        let mut observed = complete(&desired);
        observed.applied_to.extend(["g2".to_owned(), "made-by-hand".to_owned()]);
        check(&desired, &observed, Some(&before), &["withdraw the configuration from g2"]);
    }

    #[test]
    fn a_missing_index_is_made_even_when_the_logstore_was_there() {
        let desired = desired(&[]);
        let observed = Observed { index: None, ..complete(&desired) };
        check(&desired, &observed, None, &["create the index"]);
    }

    #[test]
    fn a_move_to_another_project_is_not_a_change_in_place() {
        let desired = desired(&["g1"]);
        let mut before = desired.applied();
        assert_eq!(immutable_change(&desired, &before), None);
        before.project = "elsewhere".into();
        assert_eq!(immutable_change(&desired, &before).unwrap().0, "project");
    }

    #[test]
    fn fields_that_an_existing_index_does_not_know_are_named() {
        let desired = desired(&[]);
        assert_eq!(fields_without_index(&desired, &Index::default()), ["status"]);
        let keys = BTreeMap::from([("status".to_owned(), KeyIndex::Text(Default::default()))]);
        let index = Index { keys: Some(keys), ..Index::default() };
        assert_eq!(fields_without_index(&desired, &index), [""; 0]);
    }
}
