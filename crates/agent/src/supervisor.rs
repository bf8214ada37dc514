//! The difference between what runs and what is wanted: compiles what is new, keeps what still
//! runs when its successor is broken, and knows what became of each offer.

use crate::provider::{Fate, Offer};
use crate::tail::Change;
use crate::{error, info, warn};
use jiff::tz::TimeZone;
use pipeline::plan::compile;
use sls::collect::Severity;
use std::collections::{BTreeMap, HashSet};

/// What is known of one offer.
#[derive(Debug)]
struct Known {
    version: i64,
    fate: Fate,
    /// The name under which some version of it runs.
    running: Option<String>,
}

/// Which configurations run and which should.
#[derive(Debug)]
pub struct Supervisor {
    local_zone: TimeZone,
    known: BTreeMap<String, Known>,
}

impl Supervisor {
    /// Nothing runs.
    pub fn new(local_zone: TimeZone) -> Self {
        Self { local_zone, known: BTreeMap::new() }
    }

    /// Compares the offers of one provider, whose ids begin with `prefix`, with what runs; gives
    /// the change to make, if any. Offers of other providers stay as they are.
    pub fn offered(&mut self, provider: &str, offers: Vec<Offer>) -> Option<Change> {
        let key = |id: &str| format!("{provider} {id}");
        let wanted: HashSet<String> = offers.iter().map(|offer| key(&offer.id)).collect();
        let before = self.running();
        let prefix = key("");
        self.known.retain(|id, _| !id.starts_with(&prefix) || wanted.contains(id));
        let mut plans = Vec::new();
        for offer in offers {
            let id = key(&offer.id);
            if self.known.get(&id).is_some_and(|known| known.version == offer.version) {
                continue;
            }
            let was_running = self.known.remove(&id).and_then(|known| known.running);
            let (fate, running) = match self.compile(&offer) {
                Ok(plan) if self.running().contains(&plan.name) => {
                    let reason = format!("{} is already collected by another source", plan.name);
                    (Fate::Failed(reason), was_running)
                }
                Ok(plan) => {
                    info!("running {} ({})", plan.name, offer.id);
                    let name = plan.name.clone();
                    plans.push(plan);
                    (Fate::Applied, Some(name))
                }
                Err(reason) => (Fate::Failed(reason), was_running),
            };
            if let Fate::Failed(reason) = &fate {
                let still = if running.is_some() { "; the version before it runs on" } else { "" };
                error!("CATEGORY_CONFIG_ALARM {}: {reason}{still}", offer.id);
            }
            self.known.insert(id, Known { version: offer.version, fate, running });
        }
        let running = self.running();
        for stopped in before.difference(&running) {
            info!("stopping {stopped}");
        }
        (!plans.is_empty() || running != before).then_some(Change { running, plans })
    }

    /// What became of an offer.
    pub fn fate(&self, provider: &str, id: &str) -> Option<&Fate> {
        self.known.get(&format!("{provider} {id}")).map(|known| &known.fate)
    }

    fn running(&self) -> HashSet<String> {
        self.known.values().filter_map(|known| known.running.clone()).collect()
    }

    fn compile(&self, offer: &Offer) -> Result<pipeline::plan::Plan, String> {
        let config = offer.config.as_ref().map_err(Clone::clone)?;
        let compiled = compile(config, &self.local_zone);
        let lines = |severity| {
            compiled
                .problems
                .iter()
                .filter(move |problem| problem.severity == severity)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        for warning in lines(Severity::Warning) {
            warn!("CATEGORY_CONFIG_ALARM {}: {warning}", offer.id);
        }
        let errors = lines(Severity::Error);
        let mut plan = compiled.plan.ok_or_else(|| errors.join("\n  "))?;
        // Names are unique in a project only.
        plan.name = format!("{}/{}", plan.project, plan.name);
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sls::collect::{RawCollectConfig, Target, check};

    fn offer(name: &str, version: i64, regex: &str) -> Offer {
        let text = format!(
            r#"{{"configName": "{name}", "inputType": "file",
                "inputDetail": {{"logType": "common_reg_log", "logPath": "/v", "filePattern": "a",
                    "regex": "{regex}", "key": ["content"]}},
                "outputDetail": {{"projectName": "p", "logstoreName": "l"}}}}"#
        );
        let raw = RawCollectConfig::from_json(&text).unwrap();
        let config = check(&raw, &Target::default()).config.ok_or_else(String::new);
        Offer { id: name.to_owned(), version, config }
    }

    fn change(change: Option<Change>) -> Option<(Vec<String>, Vec<String>)> {
        let change = change?;
        let mut running: Vec<String> = change.running.into_iter().collect();
        running.sort();
        Some((running, change.plans.into_iter().map(|plan| plan.name).collect()))
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("p/{name}")).collect()
    }

    #[test]
    fn only_what_changed_is_compiled() {
        let mut supervisor = Supervisor::new(TimeZone::UTC);
        let both = vec![offer("aa", 1, "(.*)"), offer("bb", 1, "(.*)")];
        let first = change(supervisor.offered("x", both.clone()));
        assert_eq!(first, Some((names(&["aa", "bb"]), names(&["aa", "bb"]))));
        assert_eq!(change(supervisor.offered("x", both)), None);
        let next = vec![offer("aa", 1, "(.*)"), offer("bb", 2, "(.*)")];
        let second = change(supervisor.offered("x", next));
        assert_eq!(second, Some((names(&["aa", "bb"]), names(&["bb"]))));
        let third = change(supervisor.offered("x", vec![offer("aa", 1, "(.*)")]));
        assert_eq!(third, Some((names(&["aa"]), vec![])));
    }

    #[test]
    fn a_broken_version_leaves_the_one_before_it_running() {
        let mut supervisor = Supervisor::new(TimeZone::UTC);
        supervisor.offered("x", vec![offer("aa", 1, "(.*)"), offer("bb", 1, "(.*)")]);
        let broken = vec![offer("aa", 2, "(.*"), offer("bb", 1, "(.*)")];
        assert_eq!(change(supervisor.offered("x", broken)), None);
        let Some(Fate::Failed(reason)) = supervisor.fate("x", "aa") else { panic!("it failed") };
        assert!(reason.contains("missing closing parenthesis"), "{reason}");
        assert_eq!(supervisor.fate("x", "bb"), Some(&Fate::Applied));
    }

    #[test]
    fn providers_do_not_touch_what_is_not_theirs() {
        let mut supervisor = Supervisor::new(TimeZone::UTC);
        supervisor.offered("x", vec![offer("aa", 1, "(.*)")]);
        let other = change(supervisor.offered("y", vec![offer("bb", 1, "(.*)")]));
        assert_eq!(other, Some((names(&["aa", "bb"]), names(&["bb"]))));
        let same =
            change(supervisor.offered("y", vec![offer("bb", 1, "(.*)"), offer("aa", 1, "(.*)")]));
        assert_eq!(same, None);
        assert!(matches!(supervisor.fate("y", "aa"), Some(Fate::Failed(_))));
        assert_eq!(change(supervisor.offered("y", vec![])), Some((names(&["aa"]), vec![])));
    }
}
