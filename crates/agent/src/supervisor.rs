//! The difference between what runs and what is wanted: compiles what is new, keeps what still
//! runs when its successor is broken, and knows what became of each offer.

use crate::provider::{Fate, Offer};
use crate::tail::Change;
use crate::{error, info, warn};
use jiff::tz::TimeZone;
use pipeline::plan::{Plan, compile};
use sls::collect::Severity;
use std::collections::{BTreeMap, HashSet};

/// What is known of one offer.
#[derive(Debug)]
struct Known {
    version: i64,
    fate: Fate,
    /// The name under which some version of it runs.
    running: Option<String>,
    /// Its plan, while another offer has the name.
    waiting: Option<Plan>,
    /// That it waits has been said.
    is_told: bool,
}

fn taken_reason(plan: &Plan) -> String {
    format!("{} is already collected by another source", plan.name)
}

fn taken(plan: &Plan) -> Fate {
    Fate::Failed(taken_reason(plan))
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
        // First everything that changed is compiled, and what it ran until now is free to be
        // claimed: two offers may have exchanged their names.
        let mut changed = Vec::new();
        for offer in offers {
            let id = key(&offer.id);
            if self.known.get(&id).is_none_or(|known| known.version != offer.version) {
                let was_running = self.known.remove(&id).and_then(|known| known.running);
                changed.push((id, self.compile(&offer), was_running, offer));
            }
        }
        let claimed: HashSet<String> = changed
            .iter()
            .filter_map(|(_, plan, ..)| Some(plan.as_ref().ok()?.name.clone()))
            .collect();
        for (id, plan, was_running, offer) in changed {
            let known = match plan {
                Ok(plan) => Known {
                    version: offer.version,
                    fate: taken(&plan),
                    running: was_running.filter(|name| !claimed.contains(name)),
                    waiting: Some(plan),
                    is_told: false,
                },
                Err(reason) => {
                    let running = was_running.filter(|name| !claimed.contains(name));
                    let still =
                        if running.is_some() { "; the version before it runs on" } else { "" };
                    error!("CATEGORY_CONFIG_ALARM {}: {reason}{still}", offer.id);
                    let fate = Fate::Failed(reason);
                    Known { version: offer.version, fate, running, waiting: None, is_told: false }
                }
            };
            self.known.insert(id, known);
        }
        let plans = self.claim_names();
        let running = self.running();
        for stopped in before.difference(&running) {
            info!("stopping {stopped}");
        }
        (!plans.is_empty() || running != before).then_some(Change { running, plans })
    }

    /// Lets every plan run whose name is free, offers of other providers included: their name may
    /// have been given up just now.
    fn claim_names(&mut self) -> Vec<Plan> {
        let mut plans = Vec::new();
        let mut running = self.running();
        for (id, known) in &mut self.known {
            let Some(plan) = known.waiting.take() else { continue };
            let own = known.running.take();
            if own.as_ref() != Some(&plan.name) && running.contains(&plan.name) {
                if !known.is_told {
                    error!("CATEGORY_CONFIG_ALARM {id}: {}", taken_reason(&plan));
                }
                known.is_told = true;
                known.fate = taken(&plan);
                known.running = own;
                known.waiting = Some(plan);
                continue;
            }
            if let Some(own) = own {
                running.remove(&own);
            }
            info!("running {} ({id})", plan.name);
            running.insert(plan.name.clone());
            known.fate = Fate::Applied;
            known.running = Some(plan.name.clone());
            plans.push(plan);
        }
        plans
    }

    /// What became of an offer.
    pub fn fate(&self, provider: &str, id: &str) -> Option<&Fate> {
        self.known.get(&format!("{provider} {id}")).map(|known| &known.fate)
    }

    fn running(&self) -> HashSet<String> {
        self.known.values().filter_map(|known| known.running.clone()).collect()
    }

    fn compile(&self, offer: &Offer) -> Result<Plan, String> {
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

    fn at(id: &str, offer: Offer) -> Offer {
        Offer { id: id.to_owned(), ..offer }
    }

    #[test]
    fn a_name_that_is_given_up_goes_to_whoever_waits_for_it() {
        let mut supervisor = Supervisor::new(TimeZone::UTC);
        let first = at("a.yaml", offer("aa", 1, "(.*)"));
        let second = at("b.yaml", offer("aa", 1, "(.*)"));
        supervisor.offered("dir", vec![first.clone()]);
        assert_eq!(change(supervisor.offered("dir", vec![first, second.clone()])), None);
        assert!(matches!(supervisor.fate("dir", "b.yaml"), Some(Fate::Failed(_))));
        let moved = change(supervisor.offered("dir", vec![second]));
        assert_eq!(moved, Some((names(&["aa"]), names(&["aa"]))));
        assert_eq!(supervisor.fate("dir", "b.yaml"), Some(&Fate::Applied));
        // And over providers.
        supervisor.offered("remote", vec![offer("aa", 1, "(.*)")]);
        let moved = change(supervisor.offered("dir", vec![]));
        assert_eq!(moved, Some((names(&["aa"]), names(&["aa"]))));
        assert_eq!(supervisor.fate("remote", "aa"), Some(&Fate::Applied));
    }

    #[test]
    fn documents_that_move_up_in_their_file_take_their_names_along() {
        let mut supervisor = Supervisor::new(TimeZone::UTC);
        let named = |names: [&str; 3]| -> Vec<Offer> {
            let version = |name: &str| i64::from(name.as_bytes()[0]);
            let offers = names.iter().filter(|name| !name.is_empty()).enumerate();
            offers
                .map(|(at_, name)| at(&format!("f#{at_}"), offer(name, version(name), "(.*)")))
                .collect()
        };
        supervisor.offered("dir", named(["aa", "bb", "cc"]));
        let moved = change(supervisor.offered("dir", named(["bb", "cc", ""])));
        assert_eq!(moved, Some((names(&["bb", "cc"]), names(&["bb", "cc"]))));
        assert_eq!(supervisor.fate("dir", "f#0"), Some(&Fate::Applied));
        assert_eq!(supervisor.fate("dir", "f#1"), Some(&Fate::Applied));
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
