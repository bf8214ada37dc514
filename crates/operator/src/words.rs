//! What the operator says to people: one place for all of its output.

use std::io::Write;

use sls::collect::manifest::{Colors, Diagnostic};

use crate::crd::{Applied, ConditionStatus, ObjectKey, Status};
use crate::desired::Desired;
use crate::plan::Action;

/// Writes words for people. That nobody reads them is no failure.
pub struct Words {
    out: Box<dyn Write + Send>,
    colors: Colors,
}

impl Words {
    /// Words to `out`.
    pub fn new(out: Box<dyn Write + Send>, colors: Colors) -> Self {
        Self { out, colors }
    }

    /// Text that is complete in itself.
    pub fn print(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    fn line(&mut self, line: &str) {
        self.print(&format!("{line}\n"));
    }

    /// Something that went wrong outside of any object.
    pub fn error(&mut self, words: &str) {
        self.line(&format!("error: {words}"));
    }

    /// What is wrong with an object.
    pub fn diagnostics(&mut self, diagnostics: &[Diagnostic], file: &str, text: &str) {
        for diagnostic in diagnostics {
            let rendered = diagnostic.render(file, text, self.colors);
            self.print(&format!("{rendered}\n"));
        }
    }

    /// A change of the service.
    pub fn done(&mut self, key: &ObjectKey, action: &Action, desired: &Desired) {
        let project = &desired.project;
        let logstore = &desired.logstore_name;
        let config = &desired.config.config_name;
        let words = match action {
            Action::CreateProject => format!("created project {project}"),
            Action::CreateLogstore => format!("created logstore {project}/{logstore}"),
            Action::CreateIndex => format!("created the index of {project}/{logstore}"),
            Action::CreateConfig => format!("created configuration {config} in {project}"),
            Action::UpdateConfig => format!("updated configuration {config} in {project}"),
            Action::CreateGroup(group) => format!("created machine group {group} in {project}"),
            Action::Apply(group) => format!("applied {config} to machine group {group}"),
            Action::Withdraw(group) => format!("withdrew {config} from machine group {group}"),
        };
        self.line(&format!("{key}: {words}"));
    }

    /// A status, when it says something new.
    pub fn status(
        &mut self,
        key: &ObjectKey,
        origin: &str,
        status: &Status,
        before: Option<&Status>,
    ) {
        if before.is_some_and(|before| {
            before.message == status.message
                && before.is_ready() == status.is_ready()
                && before.observed_generation == status.observed_generation
        }) {
            return;
        }
        let Some(ready) = status.condition("Ready") else { return };
        let refused =
            status.condition("Validated").filter(|it| it.status == ConditionStatus::False);
        if status.is_ready() {
            let applied = status.applied.clone().unwrap_or_default();
            let groups = match applied.machine_groups.as_slice() {
                [] => "no machine group".to_owned(),
                groups => format!("machine group {}", groups.join(", ")),
            };
            let Applied { project, logstore, .. } = applied;
            self.line(&format!("{key}: ready ({groups} collects into {project}/{logstore})"));
        } else if let Some(refused) = refused {
            let words =
                if refused.reason == "InvalidSpec" { "see above" } else { &refused.message };
            self.line(&format!("{key}: refused, nothing was changed ({origin}): {words}"));
        } else {
            self.line(&format!("{key}: not ready ({}): {}", ready.reason, ready.message));
        }
    }

    /// An object that is gone.
    pub fn deleted(&mut self, key: &ObjectKey, applied: Option<&Applied>) {
        match applied {
            Some(applied) => self.line(&format!(
                "{key}: deleted, configuration {} taken out of {}; the logs stay",
                applied.config_name, applied.project
            )),
            None => self.line(&format!("{key}: deleted; nothing to take out of the service")),
        }
    }

    /// How a single pass ended.
    pub fn summary(&mut self, ready: usize, refused: usize, waiting: usize) {
        self.line(&format!("{ready} ready, {refused} refused, {waiting} waiting"));
    }
}
