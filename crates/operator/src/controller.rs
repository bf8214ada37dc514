//! The loop: looks at the manifests, decides what is due, brings it into the service and says so.
//!
//! Time comes from outside with every round, so that waits can be tested without waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sls_client::Client;

use crate::apply;
use crate::crd::{Applied, DeletionPolicy, ObjectKey, Status};
use crate::desired::{Defaults, Desired, desired};
use crate::failure::{Class, backoff};
use crate::object::{Object, Objects, conflicts, read_objects};
use crate::plan::immutable_change;
use crate::records::{Record, Records};
use crate::source::{Manifest, Source};
use crate::status::{Facts, Outcome, status};
use crate::words::Words;

/// How the loop behaves.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What holds for objects that do not say otherwise.
    pub defaults: Defaults,
    /// After this time an object that is ready is compared with the service again. Zero: never.
    pub resync: Duration,
}

/// What a round left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Objects that are as they should be.
    pub ready: usize,
    /// Objects and documents that only a change by a person can help.
    pub refused: usize,
    /// Objects that wait for the service.
    pub waiting: usize,
    /// Whether a change of the manifests was seen that is not acted on yet.
    pub unsettled: bool,
}

/// What is remembered about an object between rounds.
#[derive(Debug, Clone, Default)]
struct State {
    hash: String,
    /// The owner of its configuration when it has lost it.
    owner: Option<ObjectKey>,
    /// Failures in a row.
    attempts: u32,
    /// When it is looked at again; `None` not before it changes.
    due: Option<Timestamp>,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Standing {
    #[default]
    Waiting,
    Ready,
    Refused,
}

/// The loop's memory.
pub struct Controller<S, R> {
    source: S,
    records: R,
    client: Client,
    rules: Rules,
    words: Words,
    states: BTreeMap<ObjectKey, State>,
    /// Failures in a row of each clean-up, and when it is tried again.
    cleanups: BTreeMap<ObjectKey, (u32, Timestamp)>,
    /// What was read last and what was acted on last.
    seen: Option<Vec<Manifest>>,
    settled: Option<Vec<Manifest>>,
    objects: Objects,
    source_failed: bool,
}

impl<S: Source, R: Records> Controller<S, R> {
    /// A loop that has not looked at anything yet.
    pub fn new(source: S, records: R, client: Client, rules: Rules, words: Words) -> Self {
        Self {
            source,
            records,
            client,
            rules,
            words,
            states: BTreeMap::new(),
            cleanups: BTreeMap::new(),
            seen: None,
            settled: None,
            objects: Objects::default(),
            source_failed: false,
        }
    }

    /// Looks at everything once and does what is due at `now`. `chance` gives numbers that spread
    /// the waits of many objects.
    pub async fn round(&mut self, now: Timestamp, chance: impl Fn() -> u32) -> Round {
        let mut unsettled = false;
        let seen_twice;
        match self.source.read() {
            Ok(manifests) => {
                self.source_failed = false;
                // A file that is being written looks empty for a moment. What is read twice alike
                // is meant. The first look has nothing to compare with: it may create, but what
                // it misses may be a directory that is not mounted yet.
                seen_twice = self.seen.as_ref() == Some(&manifests);
                let settled = seen_twice || self.seen.is_none();
                if self.settled.as_ref() != Some(&manifests) {
                    if settled {
                        self.adopt(&manifests);
                    } else {
                        unsettled = true;
                    }
                }
                self.seen = Some(manifests);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.source_failed, true) {
                    self.words.error(&error.to_string());
                }
                return self.tally(true);
            }
        }
        let records = match self.records.load() {
            Ok(records) => records,
            Err(error) => {
                self.words.error(&format!("cannot read the status records: {error}"));
                return self.tally(true);
            }
        };
        let records: BTreeMap<ObjectKey, Record> =
            records.into_iter().map(|record| (record.object.clone(), record)).collect();
        let losers = conflicts(&self.objects.objects);
        for object in self.objects.objects.clone() {
            let owner = losers.get(&object.key);
            if self.is_due(&object, owner, now) {
                let record = records.get(&object.key);
                self.reconcile(&object, owner, record, now, &chance).await;
            }
        }
        if seen_twice {
            self.clean_up(&records, now, &chance).await;
        } else if records.keys().any(|key| !self.objects.objects.iter().any(|it| it.key == *key)) {
            unsettled = true;
        }
        self.tally(unsettled)
    }

    /// Says how a single pass ended.
    pub fn summarise(&mut self, round: Round) {
        self.words.summary(round.ready, round.refused, round.waiting);
    }

    /// Takes manifests for what is meant, and says what is wrong with them.
    fn adopt(&mut self, manifests: &[Manifest]) {
        self.objects = read_objects(manifests, self.rules.defaults.project.as_deref());
        let settled = self.settled.replace(manifests.to_vec()).unwrap_or_default();
        // Only of what changed: the rest has been said.
        let is_new = |origin: &str| {
            let of = |manifests: &[Manifest]| {
                manifests.iter().find(|manifest| manifest.origin == origin).cloned()
            };
            of(manifests) != of(&settled)
        };
        for (origin, words) in &self.objects.unreadable {
            if is_new(origin) {
                self.words.print(words);
            }
        }
        for (key, origin) in &self.objects.doubles {
            if is_new(origin) {
                self.words
                    .error(&format!("{origin}: {key} is already in another manifest; rename one"));
            }
        }
        for object in &self.objects.objects {
            let text = manifests.iter().find(|manifest| manifest.origin == object.origin);
            if let Some(Manifest { text: Ok(text), .. }) = text
                && is_new(&object.origin)
            {
                self.words.diagnostics(&object.diagnostics, &object.origin, text);
            }
        }
        let keys: BTreeSet<&ObjectKey> =
            self.objects.objects.iter().map(|object| &object.key).collect();
        self.states.retain(|key, _| keys.contains(key));
    }

    fn is_due(&self, object: &Object, owner: Option<&ObjectKey>, now: Timestamp) -> bool {
        match self.states.get(&object.key) {
            None => true,
            Some(state) => {
                state.hash != object.hash
                    || state.owner.as_ref() != owner
                    || state.due.is_some_and(|due| due <= now)
            }
        }
    }

    async fn reconcile(
        &mut self,
        object: &Object,
        owner: Option<&ObjectKey>,
        record: Option<&Record>,
        now: Timestamp,
        chance: &impl Fn() -> u32,
    ) {
        let previous = record.map(|record| &record.status);
        let before = previous.and_then(|status| status.applied.clone());
        let known = self.states.get(&object.key).filter(|state| state.hash == object.hash);
        let attempts = known.map_or(0, |state| state.attempts);
        let mut state = State {
            hash: object.hash.clone(),
            owner: owner.cloned(),
            attempts: 0,
            due: self.resync_at(now),
            standing: Standing::Refused,
        };
        let wanted = object
            .config
            .as_ref()
            .map(|config| desired(&object.resource, config, &self.rules.defaults));
        let status = match (&wanted, owner) {
            (None, _) => self.status_of(object, record, now, Outcome::Refused, before),
            (Some(_), Some(owner)) => {
                self.status_of(object, record, now, Outcome::Conflict(owner), before)
            }
            (Some(wanted), None) => {
                let change = before.as_ref().and_then(|before| immutable_change(wanted, before));
                if let Some((_, words)) = change {
                    self.status_of(object, record, now, Outcome::Immutable(words), before)
                } else {
                    // What is about to be made is remembered before it is made: an operator that
                    // ends in between must still find it when the object is deleted.
                    let intended = union(before.as_ref(), wanted);
                    if before.as_ref() != Some(&intended)
                        && let Err(error) = self.remember(object, record, &intended)
                    {
                        self.words
                            .error(&format!("cannot keep the status of {}: {error}", object.key));
                        state.attempts = attempts + 1;
                        state.standing = Standing::Waiting;
                        state.due = self.retry_at(now, Class::Transient, state.attempts, chance);
                        self.states.insert(object.key.clone(), state);
                        return;
                    }
                    let report = apply::reconcile(&self.client, wanted, before.as_ref()).await;
                    let worst = report.failures.iter().map(|failed| failed.failure.class).min();
                    if let Some(class) = worst {
                        state.attempts = attempts + 1;
                        state.due = self.retry_at(now, class, state.attempts, chance);
                    }
                    state.standing =
                        match report.blocking().map(|failed| failed.failure.class).min() {
                            None => Standing::Ready,
                            Some(Class::Permanent) => Standing::Refused,
                            Some(_) => Standing::Waiting,
                        };
                    let applied = match state.standing {
                        Standing::Ready => wanted.applied(),
                        _ => intended,
                    };
                    for action in &report.done {
                        self.words.done(&object.key, action, wanted);
                    }
                    let outcome = Outcome::Reconciled(wanted, &report);
                    self.status_of(object, record, now, outcome, Some(applied))
                }
            }
        };
        self.words.status(&object.key, &object.origin, &status, previous);
        let record = Record {
            object: object.key.clone(),
            origin: object.origin.clone(),
            deletion_policy: DeletionPolicy::of(&object.resource.metadata),
            spec_hash: object.hash.clone(),
            status,
        };
        if let Err(error) = self.records.save(&record) {
            self.words.error(&format!("cannot keep the status of {}: {error}", object.key));
        }
        self.states.insert(object.key.clone(), state);
    }

    fn status_of(
        &self,
        object: &Object,
        record: Option<&Record>,
        now: Timestamp,
        outcome: Outcome<'_>,
        applied: Option<Applied>,
    ) -> Status {
        let previous = record.map(|record| &record.status).filter(|it| !it.conditions.is_empty());
        status(&Facts {
            generation: generation(object, record),
            hash: &object.hash,
            now,
            diagnostics: &object.diagnostics,
            outcome,
            applied,
            previous,
        })
    }

    fn remember(
        &self,
        object: &Object,
        record: Option<&Record>,
        intended: &Applied,
    ) -> std::io::Result<()> {
        let mut status = record.map(|record| record.status.clone()).unwrap_or_default();
        status.applied = Some(intended.clone());
        self.records.save(&Record {
            object: object.key.clone(),
            origin: object.origin.clone(),
            deletion_policy: DeletionPolicy::of(&object.resource.metadata),
            spec_hash: record.map(|record| record.spec_hash.clone()).unwrap_or_default(),
            status,
        })
    }

    /// Takes the configurations of deleted objects out of the service.
    async fn clean_up(
        &mut self,
        records: &BTreeMap<ObjectKey, Record>,
        now: Timestamp,
        chance: &impl Fn() -> u32,
    ) {
        for (key, record) in records {
            if self.objects.objects.iter().any(|object| object.key == *key) {
                self.cleanups.remove(key);
                continue;
            }
            // Its manifest is there and cannot be read: the object may well be in it.
            if self.objects.unreadable.iter().any(|(origin, _)| *origin == record.origin) {
                continue;
            }
            let (attempts, due) = self.cleanups.get(key).copied().unwrap_or((0, now));
            if due > now {
                continue;
            }
            let outcome = match &record.status.applied {
                Some(applied)
                    if record.deletion_policy == DeletionPolicy::Delete
                        && !self.is_claimed(applied) =>
                {
                    apply::clean_up(&self.client, applied).await.map(|()| true)
                }
                _ => Ok(false),
            };
            match outcome {
                Ok(deleted) => {
                    if let Err(error) = self.records.remove(key) {
                        self.words.error(&format!("cannot forget the status of {key}: {error}"));
                        continue;
                    }
                    self.cleanups.remove(key);
                    self.words.deleted(key, record.status.applied.as_ref().filter(|_| deleted));
                }
                Err(failure) => {
                    let attempts = attempts + 1;
                    // A refusal for good is looked at again too: nobody else will clean this up.
                    let wait = backoff(failure.class, attempts, chance())
                        .unwrap_or(Duration::from_secs(300));
                    self.cleanups.insert(key.clone(), (attempts, later(now, wait)));
                    self.words.error(&format!(
                        "{key} was deleted, but its configuration cannot be: {}; trying again",
                        failure.message
                    ));
                }
            }
        }
    }

    /// Whether an object that is still there asks for the same configuration.
    fn is_claimed(&self, applied: &Applied) -> bool {
        self.objects
            .objects
            .iter()
            .filter_map(|object| object.config.as_ref())
            .any(|config| config.project() == applied.project && config.name == applied.config_name)
    }

    fn resync_at(&self, now: Timestamp) -> Option<Timestamp> {
        (!self.rules.resync.is_zero()).then(|| later(now, self.rules.resync))
    }

    fn retry_at(
        &self,
        now: Timestamp,
        class: Class,
        attempts: u32,
        chance: &impl Fn() -> u32,
    ) -> Option<Timestamp> {
        match backoff(class, attempts, chance()) {
            Some(wait) => Some(later(now, wait)),
            None => self.resync_at(now),
        }
    }

    fn tally(&self, unsettled: bool) -> Round {
        let count = |standing| self.states.values().filter(|it| it.standing == standing).count();
        Round {
            ready: count(Standing::Ready),
            refused: count(Standing::Refused)
                + self.objects.unreadable.len()
                + self.objects.doubles.len(),
            waiting: count(Standing::Waiting) + self.cleanups.len(),
            unsettled,
        }
    }
}

/// What the object had and what it will have: as long as a change is not complete, both may be in
/// the service.
fn union(before: Option<&Applied>, wanted: &Desired) -> Applied {
    let mut union = wanted.applied();
    for group in before.into_iter().flat_map(|before| &before.machine_groups) {
        if !union.machine_groups.contains(group) {
            union.machine_groups.push(group.clone());
        }
    }
    union
}

/// The generation that Kubernetes counts, else our own count of changes.
fn generation(object: &Object, record: Option<&Record>) -> i64 {
    object.resource.metadata.generation.unwrap_or_else(|| match record {
        Some(record) if record.spec_hash == object.hash => record.status.observed_generation.max(1),
        Some(record) => record.status.observed_generation + 1,
        None => 1,
    })
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}
