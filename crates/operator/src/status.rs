//! What is said about an object: conditions and the pair that old readers know
//! (`kubernetes` 1.4 and 3.4). Pure.

use jiff::Timestamp;
use sls::collect::manifest::Diagnostic;
use sls::collect::{Part, Severity};
use sls::error::ErrorCode;

use crate::apply::{Report, StageFailure};
use crate::crd::{Applied, Condition, ConditionStatus, ObjectKey, Status};
use crate::desired::Desired;
use crate::plan::{Action, Stage, fields_without_index};

/// What a status is made of.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Which change of the spec this is about.
    pub generation: i64,
    /// Hash of that spec.
    pub hash: &'a str,
    /// The time of the status.
    pub now: Timestamp,
    /// What is wrong with the spec.
    pub diagnostics: &'a [Diagnostic],
    /// What became of the object.
    pub outcome: Outcome<'a>,
    /// What is in the service on behalf of the object.
    pub applied: Option<Applied>,
    /// The status before.
    pub previous: Option<&'a Status>,
}

/// What became of an object.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Its spec is wrong; nothing was changed.
    Refused,
    /// Its spec asks for something that cannot change in place; nothing was changed.
    Immutable(String),
    /// An older object has its configuration; nothing was changed.
    Conflict(&'a ObjectKey),
    /// It was brought into the service as far as that went.
    Reconciled(&'a Desired, &'a Report),
}

/// Longest message of a condition, in bytes.
const LONGEST_MESSAGE_BYTES: usize = 1000;

/// A condition before it is compared with the one before.
struct Draft {
    kind: &'static str,
    status: ConditionStatus,
    reason: &'static str,
    message: String,
}

impl Draft {
    fn new(kind: &'static str, status: ConditionStatus, reason: &'static str) -> Self {
        Self { kind, status, reason, message: String::new() }
    }

    fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }
}

/// The status of an object. Equal to the previous one when nothing but the time has changed.
pub fn status(facts: &Facts<'_>) -> Status {
    let drafts = drafts(facts);
    let ready = drafts.last().expect("the last condition is always Ready");
    let is_ready = ready.status == ConditionStatus::True;
    let (status_code, request_id) = match &facts.outcome {
        _ if is_ready => (200, String::new()),
        Outcome::Refused | Outcome::Immutable(_) => (400, String::new()),
        Outcome::Conflict(_) => (409, String::new()),
        Outcome::Reconciled(_, report) => {
            report.blocking().next().map_or((500, String::new()), |failed| {
                (failed.failure.status_code, failed.failure.request_id.clone())
            })
        }
    };
    let service_code = match &facts.outcome {
        Outcome::Reconciled(_, report) => report.blocking().find_map(|failed| failed.failure.code),
        _ => None,
    };
    let previous_hash = facts.previous.map(|previous| previous.last_applied_hash.clone());
    let mut status = Status {
        status: if is_ready { "OK" } else { "Error" }.to_owned(),
        status_code,
        message: if is_ready { String::new() } else { ready.message.clone() },
        reason: match service_code {
            _ if is_ready => String::new(),
            Some(code) => code.to_string(),
            None => ready.reason.to_owned(),
        },
        request_id,
        observed_generation: facts.generation,
        last_update_time: facts.now.to_string(),
        last_applied_hash: if is_ready {
            facts.hash.to_owned()
        } else {
            previous_hash.unwrap_or_default()
        },
        applied: facts.applied.clone(),
        conditions: drafts.into_iter().map(|draft| condition(draft, facts)).collect(),
    };
    if let Some(previous) = facts.previous {
        let time =
            std::mem::replace(&mut status.last_update_time, previous.last_update_time.clone());
        if status != *previous {
            status.last_update_time = time;
        }
    }
    status
}

fn condition(draft: Draft, facts: &Facts<'_>) -> Condition {
    let before = facts.previous.and_then(|previous| previous.condition(draft.kind));
    Condition {
        kind: draft.kind.to_owned(),
        status: draft.status,
        reason: draft.reason.to_owned(),
        message: cut(draft.message),
        last_transition_time: match before {
            Some(before) if before.status == draft.status => before.last_transition_time.clone(),
            _ => facts.now.to_string(),
        },
        observed_generation: facts.generation,
    }
}

fn cut(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE_BYTES {
        let mut end = LONGEST_MESSAGE_BYTES - '…'.len_utf8();
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push('…');
    }
    message
}

/// All conditions in order, `Ready` last.
fn drafts(facts: &Facts<'_>) -> Vec<Draft> {
    use ConditionStatus::{False, True, Unknown};
    let mut drafts = vec![validated(facts)];
    drafts.push(match &facts.outcome {
        Outcome::Conflict(owner) => Draft::new("Conflict", True, "OlderObject").saying(format!(
            "{owner} is older and has the configuration of this name in this project"
        )),
        Outcome::Refused | Outcome::Immutable(_) => Draft::new("Conflict", Unknown, "NotReached"),
        Outcome::Reconciled(..) => Draft::new("Conflict", False, "OnlyClaimant"),
    });
    for (kind, stage) in [
        ("ProjectReady", Stage::Project),
        ("LogstoreReady", Stage::Logstore),
        ("IndexReady", Stage::Index),
        ("ConfigSynced", Stage::Config),
        ("GroupsApplied", Stage::Groups),
    ] {
        drafts.push(match &facts.outcome {
            Outcome::Reconciled(desired, report) => stage_condition(kind, stage, desired, report),
            _ => Draft::new(kind, Unknown, "NotReached"),
        });
    }
    // The first that fails speaks for all. `Conflict` is the one that is good when false.
    let failing = drafts.iter().find(|draft| match draft.kind {
        "Conflict" => draft.status == True,
        "IndexReady" => false,
        _ => draft.status == False,
    });
    drafts.push(match failing {
        Some(failing) if failing.kind == "Conflict" => {
            Draft::new("Ready", False, "Conflict").saying(failing.message.clone())
        }
        Some(failing) => Draft::new("Ready", False, failing.reason).saying(failing.message.clone()),
        None => Draft::new("Ready", True, "Ready"),
    });
    drafts
}

fn validated(facts: &Facts<'_>) -> Draft {
    use ConditionStatus::{False, True};
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for diagnostic in facts.diagnostics {
        let mut words = diagnostic.message.clone();
        if let Some(help) = &diagnostic.help {
            words.push_str("; ");
            words.push_str(help);
        }
        match diagnostic.severity {
            Severity::Error => errors.push(words),
            Severity::Warning => warnings.push(words),
        }
    }
    match &facts.outcome {
        Outcome::Refused => Draft::new("Validated", False, "InvalidSpec").saying(errors.join("\n")),
        Outcome::Immutable(words) => {
            Draft::new("Validated", False, "ImmutableFieldChanged").saying(words.as_str())
        }
        _ => {
            let warned = |about: &dyn Fn(&Diagnostic) -> bool| facts.diagnostics.iter().any(about);
            let reason = if warned(&|warning| warning.field.ends_with("inputDetail.key")) {
                "KeyCountMismatch"
            } else if warned(&|warning| warning.part == Part::Name) {
                "UnknownFields"
            } else if !warnings.is_empty() {
                "Warnings"
            } else {
                "Valid"
            };
            Draft::new("Validated", True, reason).saying(warnings.join("\n"))
        }
    }
}

fn stage_condition(kind: &'static str, stage: Stage, desired: &Desired, report: &Report) -> Draft {
    use ConditionStatus::{False, True, Unknown};
    let failed = |failure: &&StageFailure| failure.stage == stage;
    if let Some(first) = report.failures.iter().find(failed) {
        let words: Vec<String> = report
            .failures
            .iter()
            .filter(failed)
            .map(|failed| format!("cannot {}: {}", failed.attempt, failed.failure.message))
            .collect();
        return Draft::new(kind, False, failure_reason(first)).saying(words.join("\n"));
    }
    let stopped = report.blocking().any(|failure| failure.stage < stage)
        || report.reached.is_none_or(|reached| reached < stage);
    if stopped {
        return Draft::new(kind, Unknown, "NotReached");
    }
    let done = |action: &Action| report.done.contains(action);
    match stage {
        Stage::Project if done(&Action::CreateProject) => Draft::new(kind, True, "Created"),
        Stage::Logstore if done(&Action::CreateLogstore) => Draft::new(kind, True, "Created"),
        Stage::Project | Stage::Logstore => Draft::new(kind, True, "Exists"),
        Stage::Index if done(&Action::CreateIndex) => Draft::new(kind, True, "Created"),
        Stage::Index => {
            let index = report.observed.index.clone().unwrap_or_default();
            let missing = fields_without_index(desired, &index);
            let draft = Draft::new(kind, True, "LeftAlone");
            if missing.is_empty() {
                draft
            } else {
                draft.saying(format!(
                    "the logstore had an index already, which has no key for {}: add these to \
                     search for them by name",
                    missing.join(", ")
                ))
            }
        }
        Stage::Config if done(&Action::CreateConfig) => Draft::new(kind, True, "Created"),
        Stage::Config if done(&Action::UpdateConfig) => Draft::new(kind, True, "Updated"),
        Stage::Config => Draft::new(kind, True, "InSync"),
        Stage::Groups if desired.groups.is_empty() => Draft::new(kind, True, "NoGroups")
            .saying("no machine group is named, so no agent runs the configuration"),
        Stage::Groups => Draft::new(kind, True, "Applied"),
    }
}

fn failure_reason(failed: &StageFailure) -> &'static str {
    let code = failed.failure.code;
    match failed.stage {
        Stage::Project => match code {
            Some(
                ErrorCode::Unauthorized
                | ErrorCode::SignatureNotMatch
                | ErrorCode::InvalidAccessKeyId,
            ) => "Unauthorized",
            Some(ErrorCode::ProjectQuotaExceed | ErrorCode::ExceedQuota) => "QuotaExceeded",
            _ => "CreateFailed",
        },
        Stage::Logstore | Stage::Index => "CreateFailed",
        Stage::Config => "ServiceError",
        Stage::Groups if code == Some(ErrorCode::MachineGroupNotExist) => "GroupMissing",
        Stage::Groups => "ApplyFailed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Class, Failure};

    fn desired() -> Desired {
        Desired {
            project: "p".into(),
            logstore: Default::default(),
            logstore_name: "l".into(),
            index: Default::default(),
            config: Default::default(),
            groups: vec!["g".into()],
        }
    }

    fn failed(stage: Stage, code: ErrorCode) -> StageFailure {
        let failure = Failure {
            class: Class::Permanent,
            code: Some(code),
            status_code: code.status().as_u16(),
            message: "no".into(),
            request_id: "r1".into(),
        };
        StageFailure { stage, attempt: "do it".into(), failure }
    }

    fn facts<'a>(outcome: Outcome<'a>, previous: Option<&'a Status>, second: i64) -> Facts<'a> {
        Facts {
            generation: 3,
            hash: "sha256:1",
            now: Timestamp::from_second(second).unwrap(),
            diagnostics: &[],
            outcome,
            applied: None,
            previous,
        }
    }

    #[track_caller]
    fn check(report: Report, expected: &[&str]) -> Status {
        let desired = desired();
        let status = status(&facts(Outcome::Reconciled(&desired, &report), None, 0));
        let shown: Vec<String> = status
            .conditions
            .iter()
            .map(|it| format!("{}={:?} {}", it.kind, it.status, it.reason))
            .collect();
        assert_eq!(shown, expected);
        status
    }

    #[test]
    fn everything_in_place_is_ready_and_200() {
        let done = vec![Action::CreateProject, Action::CreateConfig];
        let report = Report { done, reached: Some(Stage::Groups), ..Report::default() };
        let status = check(
            report,
            &[
                "Validated=True Valid",
                "Conflict=False OnlyClaimant",
                "ProjectReady=True Created",
                "LogstoreReady=True Exists",
                "IndexReady=True LeftAlone",
                "ConfigSynced=True Created",
                "GroupsApplied=True Applied",
                "Ready=True Ready",
            ],
        );
        assert_eq!((status.status.as_str(), status.status_code), ("OK", 200));
        assert_eq!(status.last_applied_hash, "sha256:1");
    }

    #[test]
    fn what_comes_after_a_failure_is_unknown() {
        let report = Report {
            failures: vec![failed(Stage::Project, ErrorCode::Unauthorized)],
            reached: Some(Stage::Config),
            ..Report::default()
        };
        let status = check(
            report,
            &[
                "Validated=True Valid",
                "Conflict=False OnlyClaimant",
                "ProjectReady=False Unauthorized",
                "LogstoreReady=Unknown NotReached",
                "IndexReady=Unknown NotReached",
                "ConfigSynced=Unknown NotReached",
                "GroupsApplied=Unknown NotReached",
                "Ready=False Unauthorized",
            ],
        );
        assert_eq!((status.status.as_str(), status.status_code), ("Error", 401));
        assert_eq!((status.reason.as_str(), status.request_id.as_str()), ("Unauthorized", "r1"));
        assert_eq!(status.message, "cannot do it: no");
    }

    #[test]
    fn a_failed_index_does_not_keep_an_object_from_being_ready() {
        let report = Report {
            failures: vec![failed(Stage::Index, ErrorCode::IndexInfoInvalid)],
            reached: Some(Stage::Groups),
            ..Report::default()
        };
        let status = check(
            report,
            &[
                "Validated=True Valid",
                "Conflict=False OnlyClaimant",
                "ProjectReady=True Exists",
                "LogstoreReady=True Exists",
                "IndexReady=False CreateFailed",
                "ConfigSynced=True InSync",
                "GroupsApplied=True Applied",
                "Ready=True Ready",
            ],
        );
        assert_eq!(status.status_code, 200);
    }

    #[test]
    fn a_conflict_is_409_and_names_the_owner() {
        let owner = ObjectKey { namespace: "default".into(), name: "old".into() };
        let status = status(&facts(Outcome::Conflict(&owner), None, 0));
        assert_eq!((status.status_code, status.reason.as_str()), (409, "Conflict"));
        assert!(status.message.contains("default/old"));
    }

    #[test]
    fn times_move_only_with_what_they_are_about() {
        let first = status(&facts(Outcome::Refused, None, 100));
        let again = status(&facts(Outcome::Refused, Some(&first), 200));
        assert_eq!(again, first);
        let (desired, report) =
            (desired(), Report { reached: Some(Stage::Groups), ..Report::default() });
        let ready = status(&facts(Outcome::Reconciled(&desired, &report), Some(&first), 300));
        let time =
            |status: &Status, kind| status.condition(kind).unwrap().last_transition_time.clone();
        assert_ne!(time(&ready, "Ready"), time(&first, "Ready"));
        assert_ne!(ready.last_update_time, first.last_update_time);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let cut = cut("字".repeat(1000));
        assert!(cut.len() <= LONGEST_MESSAGE_BYTES && cut.ends_with("字…"));
    }
}
