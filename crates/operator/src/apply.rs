//! Looks at the service and changes it, through `sls-client`.

use std::collections::BTreeSet;

use sls::api::Call;
use sls::api::config::{CreateConfig, DeleteConfig, GetConfig, ListAppliedGroups, UpdateConfig};
use sls::api::index::{CreateIndex, GetIndex};
use sls::api::logstore::{CreateLogstore, GetLogstore};
use sls::api::machine_group::{
    ApplyConfig, CreateMachineGroup, GetMachineGroup, MachineGroup, MachineIdentifyType,
    RemoveConfig,
};
use sls::api::project::{CreateProject, GetProject};
use sls::error::ErrorCode;
use sls_client::Client;

use crate::crd::Applied;
use crate::desired::Desired;
use crate::failure::Failure;
use crate::plan::{Action, Observed, Stage, plan};

/// What a reconciliation did and where it failed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// What was changed, in order.
    pub done: Vec<Action>,
    /// What failed.
    pub failures: Vec<StageFailure>,
    /// The last step that was come to, even if it failed. `None` before the first.
    pub reached: Option<Stage>,
    /// What the service holds now, as far as it was looked at.
    pub observed: Observed,
}

/// A failed step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFailure {
    /// Which step.
    pub stage: Stage,
    /// What was attempted.
    pub attempt: String,
    /// Why it failed.
    pub failure: Failure,
}

impl Report {
    /// The failures that keep an object from being ready. A missing index does not: logs arrive
    /// and can be searched as soon as there is one (`kubernetes` 1.5.5).
    pub fn blocking(&self) -> impl Iterator<Item = &StageFailure> {
        self.failures.iter().filter(|failure| failure.stage != Stage::Index)
    }
}

/// Makes the service what the object asks for. Every step is safe to repeat, so a process that was
/// ended in the middle just does it again.
pub async fn reconcile(client: &Client, desired: &Desired, before: Option<&Applied>) -> Report {
    let mut report = Report::default();
    if let Err(failure) = observe(client, desired, &mut report).await {
        report.failures.push(failure);
        return report;
    }
    for action in plan(desired, &report.observed, before) {
        let stage = action.stage();
        report.reached = report.reached.max(Some(stage));
        match act(client, desired, &action).await {
            Ok(()) => report.done.push(action),
            Err(failure) => {
                let attempt = action.to_string();
                report.failures.push(StageFailure { stage, attempt, failure });
                // Groups fail one by one; all else is the ground for what follows.
                if !matches!(stage, Stage::Index | Stage::Groups) {
                    return report;
                }
            }
        }
    }
    report.reached = Some(Stage::Groups);
    report
}

/// Deletes an object's configuration. That it is gone already is success.
pub async fn clean_up(client: &Client, applied: &Applied) -> Result<(), Failure> {
    let delete = DeleteConfig { config: applied.config_name.clone() };
    match call(client, &applied.project, &delete).await {
        Err(failure)
            if failure.is(ErrorCode::ConfigNotExist) || failure.is(ErrorCode::ProjectNotExist) =>
        {
            Ok(())
        }
        other => other,
    }
}

async fn observe(
    client: &Client,
    desired: &Desired,
    report: &mut Report,
) -> Result<(), StageFailure> {
    let project = desired.project.as_str();
    let observed = &mut report.observed;
    let failed = |stage, attempt: &str| {
        let attempt = attempt.to_owned();
        move |failure| StageFailure { stage, attempt, failure }
    };

    report.reached = Some(Stage::Project);
    let found = present(call(client, project, &GetProject).await, ErrorCode::ProjectNotExist)
        .map_err(failed(Stage::Project, "look at the project"))?;
    observed.project = found.is_some();
    if !observed.project {
        return Ok(());
    }

    report.reached = Some(Stage::Logstore);
    let logstore = desired.logstore_name.clone();
    let get = GetLogstore { logstore: logstore.clone() };
    let found = present(call(client, project, &get).await, ErrorCode::LogStoreNotExist)
        .map_err(failed(Stage::Logstore, "look at the logstore"))?;
    observed.logstore = found.is_some();
    if observed.logstore {
        report.reached = Some(Stage::Index);
        let get = GetIndex { logstore };
        observed.index = present(call(client, project, &get).await, ErrorCode::IndexConfigNotExist)
            .map_err(failed(Stage::Index, "look at the index"))?;
    }

    report.reached = Some(Stage::Config);
    let config = desired.config.config_name.clone();
    let get = GetConfig { config: config.clone() };
    observed.config = present(call(client, project, &get).await, ErrorCode::ConfigNotExist)
        .map_err(failed(Stage::Config, "look at the configuration"))?;
    if observed.config.is_some() {
        let list = ListAppliedGroups { config };
        let groups = present(call(client, project, &list).await, ErrorCode::ConfigNotExist)
            .map_err(failed(Stage::Groups, "look at the groups of the configuration"))?;
        observed.applied_to = groups.into_iter().flat_map(|list| list.machinegroups).collect();
    }
    let mut groups = BTreeSet::new();
    for group in &desired.groups {
        // A group that runs the configuration exists.
        if observed.applied_to.contains(group) {
            groups.insert(group.clone());
            continue;
        }
        let get = GetMachineGroup { group: group.clone() };
        let found = present(call(client, project, &get).await, ErrorCode::MachineGroupNotExist)
            .map_err(failed(Stage::Groups, "look at the machine groups"))?;
        if found.is_some() {
            groups.insert(group.clone());
        }
    }
    observed.groups = groups;
    Ok(())
}

async fn act(client: &Client, desired: &Desired, action: &Action) -> Result<(), Failure> {
    let project = desired.project.as_str();
    let config = || desired.config.clone();
    match action {
        Action::CreateProject => {
            let create = CreateProject {
                project_name: project.to_owned(),
                description: "created by sidetail-operator".to_owned(),
                ..CreateProject::default()
            };
            accept(call(client, "", &create).await, ErrorCode::ProjectAlreadyExist)
        }
        Action::CreateLogstore => {
            let create = CreateLogstore { fields: desired.logstore.clone() };
            accept(call(client, project, &create).await, ErrorCode::LogStoreAlreadyExist)
        }
        Action::CreateIndex => {
            let create = CreateIndex {
                logstore: desired.logstore_name.clone(),
                index: desired.index.clone(),
            };
            accept(call(client, project, &create).await, ErrorCode::IndexAlreadyExist)
        }
        Action::CreateConfig => {
            match call(client, project, &CreateConfig { config: config() }).await {
                // Made by someone since we looked: what they made is not what is asked for.
                Err(failure) if failure.is(ErrorCode::ConfigAlreadyExist) => {
                    call(client, project, &UpdateConfig { config: config() }).await
                }
                other => other,
            }
        }
        Action::UpdateConfig => call(client, project, &UpdateConfig { config: config() }).await,
        Action::CreateGroup(group) => {
            let group = MachineGroup {
                group_name: group.clone(),
                machine_identify_type: MachineIdentifyType::Userdefined,
                machine_list: vec![group.clone()],
                ..MachineGroup::default()
            };
            let create = CreateMachineGroup { group };
            accept(call(client, project, &create).await, ErrorCode::MachineGroupAlreadyExist)
        }
        Action::Apply(group) => {
            let config = desired.config.config_name.clone();
            call(client, project, &ApplyConfig { group: group.clone(), config }).await
        }
        Action::Withdraw(group) => {
            let config = desired.config.config_name.clone();
            let remove = RemoveConfig { group: group.clone(), config };
            accept(call(client, project, &remove).await, ErrorCode::MachineGroupNotExist)
        }
    }
}

async fn call<C: Call>(client: &Client, project: &str, call: &C) -> Result<C::Response, Failure> {
    client.call(project, call).await.map_err(|error| Failure::of(&error))
}

/// An answer, or `None` when the service says that the thing is not there.
fn present<T>(answer: Result<T, Failure>, absent: ErrorCode) -> Result<Option<T>, Failure> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.is(absent) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Takes it for done when the service says that it is done already.
fn accept(answer: Result<(), Failure>, already: ErrorCode) -> Result<(), Failure> {
    match answer {
        Err(failure) if failure.is(already) => Ok(()),
        other => other,
    }
}
