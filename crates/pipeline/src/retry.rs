//! What to do after each answer of the service (`agent` 5.4).
//!
//! The rule behind the table: the log file is the buffer, so waiting costs nothing but delay.
//! Data is given up only when the service says that this very data cannot be taken, or when a
//! refusal that a person would have to repair (missing logstore, wrong key) lasts too long. Data
//! that is given up becomes a dead letter; that is the agent's business.

use sls::error::{ErrorCode, RetryClass};
use std::time::Duration;

/// How long a batch is kept while the service refuses it for a reason outside the data, unless a
/// setting says otherwise.
pub const KEEP_REFUSED: Duration = Duration::from_secs(6 * 60 * 60);

/// Sends of one batch that the service calls invalid before it is given up.
pub const TRIES_OF_INVALID: u32 = 5;

/// What came back for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2xx: the data is stored.
    Accepted,
    /// No connection: the endpoint is away, whatever is sent to it.
    Unreachable,
    /// No answer: connection lost, timeout, unreadable answer.
    NoAnswer,
    /// The service refused, or the request could not be made.
    Refused {
        /// What may be done about it.
        class: RetryClass,
        /// The code, when it is one of the table.
        code: Option<ErrorCode>,
        /// The pause that the service asks for.
        retry_after: Option<Duration>,
    },
}

/// Where one batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Sends so far, the one just answered included.
    pub tries: u32,
    /// For how long the service has refused what goes this way, but not before the batch was there.
    pub age: Duration,
    /// The age at which it is given up for a reason outside the data.
    pub keep_refused: Duration,
    /// The longest pause between two tries, unless the service asks for a longer one.
    pub longest_pause: Duration,
    /// Whether it can be sent in two parts.
    pub can_split: bool,
    /// A random number for this decision, to keep many agents from coming back at once.
    pub jitter: u32,
}

/// Why a batch waits. Each is an alarm of its own and a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The service cannot be reached or does not answer.
    Network,
    /// The service has a problem of its own.
    Server,
    /// A write quota is used up.
    Quota,
    /// The access key is unknown, wrong or not allowed.
    Unauthorized,
    /// The project or logstore does not exist (yet).
    NotFound,
    /// The request time is too far from the service's clock.
    Clock,
    /// The service refuses the request for a reason that is not in the data.
    Refused,
    /// The service says that the data is not acceptable.
    Invalid,
    /// The service does not take so much at once.
    TooLarge,
}

impl Reason {
    /// The word used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Server => "server",
            Self::Quota => "quota",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Clock => "clock",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
        }
    }

    /// The longest pause between two tries for this reason.
    pub fn longest_pause(self) -> Duration {
        Duration::from_millis(self.pauses_millis().1)
    }

    /// Whether a batch is given up when this lasts too long: a person would have to repair it.
    pub fn expires(self) -> bool {
        matches!(self, Self::Unauthorized | Self::NotFound | Self::Refused)
    }

    /// First and longest pause.
    fn pauses_millis(self) -> (u64, u64) {
        match self {
            Self::Network => (200, 10_000),
            Self::Server => (500, 15_000),
            Self::Quota => (500, 60_000),
            Self::Clock => (200, 10_000),
            Self::NotFound => (1_000, 15_000),
            Self::Unauthorized | Self::Refused => (1_000, 30_000),
            Self::Invalid | Self::TooLarge => (500, 3_000),
        }
    }
}

/// What to do with the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is stored (or was stored before): confirm it.
    Done,
    /// Send it again after this pause.
    Again {
        /// Pause before the next send.
        after: Duration,
        /// Why.
        reason: Reason,
    },
    /// Send it in two parts.
    Split {
        /// Why.
        reason: Reason,
    },
    /// Give it up, with this reason.
    Drop {
        /// Why.
        reason: Reason,
    },
}

/// What a refusal says something about: the place whose other requests will meet it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// Everything that goes to the endpoint.
    Endpoint,
    /// The project.
    Project,
    /// The logstore.
    Logstore,
}

/// Why a batch waits after `answer`; `None` when it is done.
pub fn reason(answer: Answer) -> Option<Reason> {
    let (class, code) = match answer {
        Answer::Accepted => return None,
        Answer::Unreachable | Answer::NoAnswer => return Some(Reason::Network),
        Answer::Refused { class, code, .. } => (class, code),
    };
    Some(match class {
        RetryClass::Duplicate => return None,
        RetryClass::Busy => Reason::Server,
        RetryClass::Throttled => Reason::Quota,
        RetryClass::Credentials => Reason::Unauthorized,
        RetryClass::Clock => Reason::Clock,
        RetryClass::Missing => Reason::NotFound,
        RetryClass::TooLarge => Reason::TooLarge,
        RetryClass::Final if code.is_some_and(is_about_the_data) => Reason::Invalid,
        // A wrong address or a proxy in the way must not cost data.
        RetryClass::Final => Reason::Refused,
    })
}

/// Whose limit a failed request counts against; `None` when it says nothing about other requests.
///
/// A service that answers slowly, wrongly or not at all may do so for one logstore only, so only
/// what no logstore can be the cause of holds them all.
pub fn blame(answer: Answer) -> Option<Blame> {
    match (reason(answer)?, answer) {
        (Reason::Invalid | Reason::TooLarge | Reason::Clock, _) => None,
        (_, Answer::Unreachable) => Some(Blame::Endpoint),
        (_, Answer::Refused { code: Some(code), .. }) => Some(match code {
            ErrorCode::WriteQuotaExceed | ErrorCode::ExceedQuota | ErrorCode::ProjectNotExist => {
                Blame::Project
            }
            _ => Blame::Logstore,
        }),
        _ => Some(Blame::Logstore),
    }
}

/// Decides what to do after `answer`.
pub fn decide(answer: Answer, attempt: Attempt) -> Decision {
    let Some(reason) = reason(answer) else { return Decision::Done };
    let give_up = match reason {
        reason if reason.expires() => attempt.age >= attempt.keep_refused,
        Reason::TooLarge if attempt.can_split => return Decision::Split { reason },
        // Somebody may be about to allow it; and one bad record shall not take its batch along.
        Reason::Invalid | Reason::TooLarge => {
            if attempt.tries >= TRIES_OF_INVALID && attempt.can_split {
                return Decision::Split { reason };
            }
            attempt.tries >= TRIES_OF_INVALID
        }
        _ => false,
    };
    if give_up {
        return Decision::Drop { reason };
    }
    let asked = match answer {
        Answer::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    let own = pause(reason, attempt).min(attempt.longest_pause);
    let after = own.max(asked.min(crate::flow::LONGEST_ASKED));
    Decision::Again { after, reason }
}

/// Whether the code says that sending the same bytes can never succeed.
fn is_about_the_data(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::PostBodyInvalid
            | ErrorCode::PostBodyUncompressError
            | ErrorCode::InvalidTimestamp
            | ErrorCode::InvalidEncoding
            | ErrorCode::InvalidKey
            | ErrorCode::ParameterInvalid
    )
}

/// Doubling pauses with half of each random: first and longest, by reason.
fn pause(reason: Reason, attempt: Attempt) -> Duration {
    // The next request is signed with the service's time.
    if reason == Reason::Clock && attempt.tries <= 1 {
        return Duration::ZERO;
    }
    let (first_millis, longest_millis) = reason.pauses_millis();
    let doublings = attempt.tries.saturating_sub(1).min(16);
    let full = (first_millis << doublings).min(longest_millis);
    let random = (full / 2) * u64::from(attempt.jitter) / u64::from(u32::MAX);
    Duration::from_millis(full / 2 + random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(code: ErrorCode) -> Answer {
        Answer::Refused { class: code.retry_class(), code: Some(code), retry_after: None }
    }

    fn unknown(class: RetryClass) -> Answer {
        Answer::Refused { class, code: None, retry_after: None }
    }

    fn attempt(tries: u32, age_secs: u64) -> Attempt {
        Attempt {
            tries,
            age: Duration::from_secs(age_secs),
            keep_refused: KEEP_REFUSED,
            longest_pause: Duration::MAX,
            can_split: false,
            jitter: 0,
        }
    }

    fn check(answer: Answer, expected: Option<Reason>, blamed: Option<Blame>) {
        let found = match decide(answer, attempt(1, 0)) {
            Decision::Done => None,
            Decision::Again { reason, .. } => Some(reason),
            other => panic!("the first answer never drops: {answer:?} {other:?}"),
        };
        assert_eq!((found, blame(answer)), (expected, blamed), "{answer:?}");
    }

    #[test]
    fn each_answer_has_its_reason_and_its_place() {
        let (project, logstore) = (Some(Blame::Project), Some(Blame::Logstore));
        check(Answer::Accepted, None, None);
        check(refused(ErrorCode::InvalidSequenceId), None, None);
        check(Answer::Unreachable, Some(Reason::Network), Some(Blame::Endpoint));
        check(Answer::NoAnswer, Some(Reason::Network), logstore);
        check(refused(ErrorCode::RequestTimeout), Some(Reason::Server), logstore);
        check(refused(ErrorCode::ServerBusy), Some(Reason::Server), logstore);
        check(refused(ErrorCode::InternalServerError), Some(Reason::Server), logstore);
        check(refused(ErrorCode::ShardWriteQuotaExceed), Some(Reason::Quota), logstore);
        check(refused(ErrorCode::WriteQuotaExceed), Some(Reason::Quota), project);
        check(refused(ErrorCode::SignatureNotMatch), Some(Reason::Unauthorized), logstore);
        check(refused(ErrorCode::Unauthorized), Some(Reason::Unauthorized), logstore);
        check(refused(ErrorCode::LogStoreNotExist), Some(Reason::NotFound), logstore);
        check(refused(ErrorCode::ProjectNotExist), Some(Reason::NotFound), project);
        check(refused(ErrorCode::RequestTimeExpired), Some(Reason::Clock), None);
        check(refused(ErrorCode::RequestTimeTooSkewed), Some(Reason::Clock), None);
        check(refused(ErrorCode::PostBodyInvalid), Some(Reason::Invalid), None);
        check(refused(ErrorCode::ParameterInvalid), Some(Reason::Invalid), None);
        check(refused(ErrorCode::PostBodyTooLarge), Some(Reason::TooLarge), None);
        check(refused(ErrorCode::NotFound), Some(Reason::Refused), logstore);
        check(unknown(RetryClass::Final), Some(Reason::Refused), logstore);
        check(unknown(RetryClass::Throttled), Some(Reason::Quota), logstore);
    }

    #[test]
    fn only_refused_data_is_given_up_quickly() {
        let bad = refused(ErrorCode::PostBodyInvalid);
        assert!(matches!(decide(bad, attempt(4, 9)), Decision::Again { .. }));
        assert_eq!(decide(bad, attempt(5, 9)), Decision::Drop { reason: Reason::Invalid });
    }

    #[test]
    fn what_is_too_large_is_split_at_once_and_what_is_invalid_before_it_is_given_up() {
        let splittable = |tries| Attempt { can_split: true, ..attempt(tries, 0) };
        let large = refused(ErrorCode::PostBodyTooLarge);
        assert_eq!(decide(large, splittable(1)), Decision::Split { reason: Reason::TooLarge });
        assert_eq!(decide(large, attempt(5, 0)), Decision::Drop { reason: Reason::TooLarge });
        let bad = refused(ErrorCode::PostBodyInvalid);
        assert!(matches!(decide(bad, splittable(4)), Decision::Again { .. }));
        assert_eq!(decide(bad, splittable(5)), Decision::Split { reason: Reason::Invalid });
    }

    #[test]
    fn a_missing_logstore_keeps_data_for_six_hours() {
        let missing = refused(ErrorCode::LogStoreNotExist);
        assert!(matches!(decide(missing, attempt(900, 21_599)), Decision::Again { .. }));
        assert_eq!(
            decide(missing, attempt(900, 21_600)),
            Decision::Drop { reason: Reason::NotFound }
        );
    }

    #[test]
    fn an_absent_service_never_costs_data() {
        for answer in [
            Answer::Unreachable,
            Answer::NoAnswer,
            refused(ErrorCode::InternalServerError),
            refused(ErrorCode::WriteQuotaExceed),
        ] {
            assert!(matches!(
                decide(answer, attempt(u32::MAX, u64::MAX / 2)),
                Decision::Again { .. }
            ));
        }
    }

    fn pause_after(answer: Answer, attempt: Attempt) -> Duration {
        match decide(answer, attempt) {
            Decision::Again { after, .. } => after,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_clock_is_tried_again_at_once_and_then_slowly() {
        let late = refused(ErrorCode::RequestTimeExpired);
        assert_eq!(pause_after(late, attempt(1, 0)), Duration::ZERO);
        assert!(pause_after(late, attempt(2, 0)) > Duration::ZERO);
    }

    #[test]
    fn a_pause_that_the_service_asks_for_is_kept() {
        let asked = |seconds| {
            let answer = Answer::Refused {
                class: RetryClass::Throttled,
                code: None,
                retry_after: Some(Duration::from_secs(seconds)),
            };
            pause_after(answer, attempt(1, 0))
        };
        assert_eq!(asked(7), Duration::from_secs(7));
        assert_eq!(asked(1 << 40), crate::flow::LONGEST_ASKED);
        assert!(asked(0) > Duration::ZERO);
    }

    #[test]
    fn no_pause_is_longer_than_a_setting_allows() {
        let longest_pause = Duration::from_millis(150);
        let attempt = Attempt { longest_pause, ..attempt(9, 0) };
        assert_eq!(pause_after(Answer::NoAnswer, attempt), longest_pause);
    }

    proptest! {
        #[test]
        fn pauses_grow_to_a_limit(tries in 1u32..100, jitter: u32) {
            let at = |tries| pause_after(Answer::NoAnswer, Attempt { jitter, ..attempt(tries, 0) });
            prop_assert!(at(tries) <= at(tries + 1));
            prop_assert!(at(tries) >= Duration::from_millis(100));
            prop_assert!(at(tries) <= Duration::from_secs(10));
        }
    }
}
