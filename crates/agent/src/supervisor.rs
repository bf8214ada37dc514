//! The difference between what runs and what is wanted: compiles what is new, keeps what still
//! runs when its successor is broken, and knows what became of each offer.

use crate::alarms::tell;
use crate::info;
use crate::log::Level;
use crate::provider::{Fate, Offer, history};
use crate::tail::Change;
use jiff::tz::TimeZone;
use pipeline::lines::MAX_LINE_BYTES;
use pipeline::plan::{Plan, compile};
use pipeline::time::MAX_AGE_SECONDS;
use sls::collect::{CollectConfig, Severity};
use std::collections::{BTreeMap, HashSet};

/// The alarm about configurations.
const ALARM: &str = "CATEGORY_CONFIG_ALARM";

/// What is known of one offer.
#[derive(Debug)]
struct Known {
    version: i64,
    fate: Fate,
    /// What is to be said about it when it runs.
    notes: String,
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

/// What holds for every configuration of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes in one record.
    pub max_record_bytes: usize,
    /// Age in seconds from which on logs are dropped, if any.
    pub max_age_seconds: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_record_bytes: MAX_LINE_BYTES, max_age_seconds: Some(MAX_AGE_SECONDS) }
    }
}

/// Which configurations run and which should.
#[derive(Debug)]
pub struct Supervisor {
    local_zone: TimeZone,
    limits: Limits,
    known: BTreeMap<String, Known>,
}

impl Supervisor {
    /// Nothing runs.
    pub fn new(local_zone: TimeZone, limits: Limits) -> Self {
        Self { local_zone, limits, known: BTreeMap::new() }
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
                changed.push((id, self.compile(provider, &offer), was_running, offer));
            }
        }
        let claimed: HashSet<String> = changed
            .iter()
            .filter_map(|(_, (plan, _), ..)| Some(plan.as_ref().ok()?.as_ref()?.name.clone()))
            .collect();
        for (id, (plan, notes), was_running, offer) in changed {
            let running = was_running.filter(|name| !claimed.contains(name));
            let (fate, running, waiting) = match plan {
                Ok(Some(plan)) => (taken(&plan), running, Some(plan)),
                Ok(None) => (Fate::Applied(notes.clone()), None, None),
                Err(reason) => {
                    let still =
                        if running.is_some() { "; the version before it runs on" } else { "" };
                    tell(Level::Error, ALARM, &offer.id, format_args!("{reason}{still}"));
                    (Fate::Failed(format!("{reason}{still}")), running, None)
                }
            };
            let version = offer.version;
            let known = Known { version, fate, notes, running, waiting, is_told: false };
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
                    tell(Level::Error, ALARM, id, format_args!("{}", taken_reason(&plan)));
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
            known.fate = Fate::Applied(known.notes.clone());
            known.running = Some(plan.name.clone());
            plans.push(plan);
        }
        plans
    }

    /// What became of an offer.
    pub fn fate(&self, provider: &str, id: &str) -> Option<&Fate> {
        self.known.get(&format!("{provider} {id}")).map(|known| &known.fate)
    }

    /// How many offers do not run in their newest version.
    pub fn refused(&self) -> usize {
        self.known.values().filter(|known| matches!(known.fate, Fate::Failed(_))).count()
    }

    fn running(&self) -> HashSet<String> {
        self.known.values().filter_map(|known| known.running.clone()).collect()
    }

    /// The plan, none where the configuration is not to run, or why there is none; and what else
    /// is to be said.
    fn compile(&self, provider: &str, offer: &Offer) -> (Result<Option<Plan>, String>, String) {
        let mut notes = offer.warnings.clone();
        let plan = match &offer.config {
            Err(reason) => Err(reason.clone()),
            Ok(None) => Ok(None),
            Ok(Some(config)) => self.compile_config(provider, config, &mut notes).map(Some),
        };
        for note in &notes {
            tell(Level::Warn, ALARM, &offer.id, format_args!("{note}"));
        }
        (plan, notes.join("\n"))
    }

    fn compile_config(
        &self,
        provider: &str,
        config: &CollectConfig,
        notes: &mut Vec<String>,
    ) -> Result<Plan, String> {
        let compiled = compile(config, &self.local_zone);
        let mut errors = Vec::new();
        for problem in &compiled.problems {
            let what = format!("{}: {}", problem.field, problem.what);
            match problem.severity {
                Severity::Error => errors.push(problem.to_string()),
                // A provider that knows the place in the file has said it better.
                Severity::Warning if notes.iter().any(|note| note.contains(&what)) => {}
                Severity::Warning => notes.push(problem.to_string()),
            }
        }
        let mut plan = compiled.plan.ok_or_else(|| errors.join("\n  "))?;
        plan.max_record.bytes = self.limits.max_record_bytes;
        // History is old, and wanted.
        let is_history = provider == history::PROVIDER;
        plan.parser.set_max_age(self.limits.max_age_seconds.filter(|_| !is_history));
        for (at, destination) in plan.destinations.iter().enumerate() {
            if let Some(Err(error)) =
                destination.endpoint.as_ref().map(|text| text.parse::<sls_client::Endpoint>())
            {
                return Err(format!("destination {}: {error}", at + 1));
            }
        }
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
        let config = check(&raw, &Target::default()).config.map(Some).ok_or_else(String::new);
        Offer { id: name.to_owned(), version, config, warnings: Vec::new() }
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

    fn applied() -> Fate {
        Fate::Applied(String::new())
    }

    #[test]
    fn a_configuration_that_is_off_stops_and_counts_as_applied() {
        let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
        supervisor.offered("x", vec![offer("aa", 1, "(.*)"), offer("bb", 1, "(.*)")]);
        let off = Offer { config: Ok(None), ..offer("aa", 2, "(.*)") };
        let change = change(supervisor.offered("x", vec![off, offer("bb", 1, "(.*)")]));
        assert_eq!(change, Some((names(&["bb"]), vec![])));
        assert_eq!(supervisor.fate("x", "aa"), Some(&applied()));
    }

    #[test]
    fn what_is_to_be_said_about_a_configuration_is_said_once() {
        let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
        let mut given = offer("aa", 1, r"(a)(b)");
        given.warnings = vec!["f:1:2: inputDetail.x: unknown key".to_owned()];
        supervisor.offered("x", vec![given.clone()]);
        let Some(Fate::Applied(notes)) = supervisor.fate("x", "aa") else { panic!("it runs") };
        let lines: Vec<&str> = notes.lines().collect();
        assert_eq!(lines[0], given.warnings[0]);
        assert!(lines[1].starts_with("inputDetail.key: the pattern has 2 capture groups"));
        // The same with its place in the file.
        given.version = 2;
        given.warnings = vec![format!("f:3:4: {}", lines[1])];
        let expected = given.warnings[0].clone();
        supervisor.offered("x", vec![given]);
        assert_eq!(supervisor.fate("x", "aa"), Some(&Fate::Applied(expected)));
    }

    #[test]
    fn only_what_changed_is_compiled() {
        let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
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
        let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
        supervisor.offered("x", vec![offer("aa", 1, "(.*)"), offer("bb", 1, "(.*)")]);
        let broken = vec![offer("aa", 2, "(.*"), offer("bb", 1, "(.*)")];
        assert_eq!(change(supervisor.offered("x", broken)), None);
        let Some(Fate::Failed(reason)) = supervisor.fate("x", "aa") else { panic!("it failed") };
        assert!(reason.contains("missing closing parenthesis"), "{reason}");
        assert_eq!(supervisor.refused(), 1);
        assert_eq!(supervisor.fate("x", "bb"), Some(&applied()));
    }

    fn at(id: &str, offer: Offer) -> Offer {
        Offer { id: id.to_owned(), ..offer }
    }

    #[test]
    fn a_name_that_is_given_up_goes_to_whoever_waits_for_it() {
        let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
        let first = at("a.yaml", offer("aa", 1, "(.*)"));
        let second = at("b.yaml", offer("aa", 1, "(.*)"));
        supervisor.offered("dir", vec![first.clone()]);
        assert_eq!(change(supervisor.offered("dir", vec![first, second.clone()])), None);
        assert!(matches!(supervisor.fate("dir", "b.yaml"), Some(Fate::Failed(_))));
        let moved = change(supervisor.offered("dir", vec![second]));
        assert_eq!(moved, Some((names(&["aa"]), names(&["aa"]))));
        assert_eq!(supervisor.fate("dir", "b.yaml"), Some(&applied()));
        // And over providers.
        supervisor.offered("remote", vec![offer("aa", 1, "(.*)")]);
        let moved = change(supervisor.offered("dir", vec![]));
        assert_eq!(moved, Some((names(&["aa"]), names(&["aa"]))));
        assert_eq!(supervisor.fate("remote", "aa"), Some(&applied()));
    }

    #[test]
    fn documents_that_move_up_in_their_file_take_their_names_along() {
        let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
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
        assert_eq!(supervisor.fate("dir", "f#0"), Some(&applied()));
        assert_eq!(supervisor.fate("dir", "f#1"), Some(&applied()));
    }

    #[test]
    fn providers_do_not_touch_what_is_not_theirs() {
        let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
        supervisor.offered("x", vec![offer("aa", 1, "(.*)")]);
        let other = change(supervisor.offered("y", vec![offer("bb", 1, "(.*)")]));
        assert_eq!(other, Some((names(&["aa", "bb"]), names(&["bb"]))));
        let same =
            change(supervisor.offered("y", vec![offer("bb", 1, "(.*)"), offer("aa", 1, "(.*)")]));
        assert_eq!(same, None);
        assert!(matches!(supervisor.fate("y", "aa"), Some(Fate::Failed(_))));
        assert_eq!(change(supervisor.offered("y", vec![])), Some((names(&["aa"]), vec![])));
    }

    /// One document that a provider may hold: under which name, in which state.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Written {
        Good(usize),
        Broken(usize),
        Off,
    }

    const NAMES: [&str; 3] = ["aa", "bb", "cc"];
    const PROVIDERS: [&str; 2] = ["dir", "remote"];
    const DOCUMENTS: usize = 3;

    /// What should run, said as simply as possible: every document runs its newest good version
    /// from the moment on at which its name is free.
    #[derive(Default)]
    struct Model {
        /// For each provider and document: content, version, name that runs, name it waits for.
        documents: BTreeMap<(usize, usize), Document>,
    }

    struct Document {
        content: Written,
        version: i64,
        runs: Option<usize>,
        waits: Option<usize>,
    }

    impl Model {
        fn offered(&mut self, provider: usize, offers: &[(usize, Written, i64)]) {
            self.documents
                .retain(|key, _| key.0 != provider || offers.iter().any(|it| it.0 == key.1));
            let changed: Vec<_> = offers
                .iter()
                .filter(|(document, _, version)| {
                    let known = self.documents.get(&(provider, *document));
                    known.is_none_or(|known| known.version != *version)
                })
                .collect();
            let claimed: Vec<usize> = changed
                .iter()
                .filter_map(|(_, content, _)| match content {
                    Written::Good(name) => Some(*name),
                    _ => None,
                })
                .collect();
            for (document, content, version) in changed {
                let before = self.documents.remove(&(provider, *document));
                let kept = before.and_then(|it| it.runs).filter(|name| !claimed.contains(name));
                let (runs, waits) = match content {
                    Written::Good(name) => (kept, Some(*name)),
                    Written::Broken(_) => (kept, None),
                    Written::Off => (None, None),
                };
                let known = Document { content: *content, version: *version, runs, waits };
                self.documents.insert((provider, *document), known);
            }
            let keys: Vec<_> = self.documents.keys().copied().collect();
            for key in keys {
                let Some(name) = self.documents[&key].waits else { continue };
                let is_taken =
                    self.documents.iter().any(|(other, it)| *other != key && it.runs == Some(name));
                if !is_taken && let Some(document) = self.documents.get_mut(&key) {
                    (document.runs, document.waits) = (Some(name), None);
                }
            }
        }

        fn running(&self) -> Vec<String> {
            let mut names: Vec<String> = self
                .documents
                .values()
                .filter_map(|document| Some(format!("p/{}", NAMES[document.runs?])))
                .collect();
            names.sort();
            names
        }
    }

    fn written(content: Written, document: usize, version: i64) -> Offer {
        let (name, regex) = match content {
            Written::Good(name) => (name, "(.*)"),
            Written::Broken(name) => (name, "(.*"),
            Written::Off => (0, "(.*)"),
        };
        let mut offer = at(&format!("f{document}"), offer(NAMES[name], version, regex));
        if content == Written::Off {
            offer.config = Ok(None);
        }
        offer
    }

    proptest::proptest! {
        #[test]
        fn what_runs_is_what_the_newest_good_versions_say(
            steps in proptest::collection::vec(
                (
                    0..PROVIDERS.len(),
                    proptest::collection::vec(
                        proptest::option::of((0_usize..5, 0..NAMES.len())),
                        DOCUMENTS,
                    ),
                ),
                1..12,
            ),
        ) {
            let mut supervisor = Supervisor::new(TimeZone::UTC, Limits::default());
            let mut model = Model::default();
            let mut running = Vec::new();
            for (provider, documents) in steps {
                let offers: Vec<(usize, Written, i64)> = documents
                    .iter()
                    .enumerate()
                    .filter_map(|(document, written)| {
                        let (state, name) = (*written)?;
                        let content = match state {
                            0 => Written::Broken(name),
                            1 => Written::Off,
                            _ => Written::Good(name),
                        };
                        // The version is made of the content, as providers make it.
                        let version = (state.min(2) * NAMES.len() + name) as i64;
                        Some((document, content, version))
                    })
                    .collect();
                let given = offers.iter().map(|(document, content, version)| {
                    written(*content, *document, *version)
                });
                let change = change(supervisor.offered(PROVIDERS[provider], given.collect()));
                model.offered(provider, &offers);
                let before = std::mem::replace(&mut running, model.running());
                let changed = change.is_some();
                if let Some((now, started)) = change {
                    proptest::prop_assert_eq!(&now, &running);
                    proptest::prop_assert!(started.iter().all(|name| now.contains(name)));
                }
                proptest::prop_assert!(changed || before == running);
                for ((provider, document), known) in &model.documents {
                    let id = format!("f{document}");
                    let fate = supervisor.fate(PROVIDERS[*provider], &id);
                    let is_applied = match known.content {
                        Written::Good(name) => known.runs == Some(name) && known.waits.is_none(),
                        Written::Off => true,
                        Written::Broken(_) => false,
                    };
                    proptest::prop_assert_eq!(fate == Some(&applied()), is_applied);
                }
            }
        }
    }
}
