//! What to do after each answer of the service (`agent` 5.4).
//!
//! The rule behind the table: the log file is the buffer, so waiting costs nothing but delay.
//! Data is given up only when the service says that this very data cannot be taken, or when a
//! refusal that a person would have to repair (missing logstore, wrong key) lasts too long.

use sls::error::{ErrorCode, RetryClass};
use std::time::Duration;

/// How long a batch is kept while the service refuses it for a reason outside the data.
pub const KEEP_REFUSED: Duration = Duration::from_secs(6 * 60 * 60);

/// Sends of one batch that the service calls invalid before it is given up.
pub const TRIES_OF_INVALID: u32 = 5;

/// What came back for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2xx: the data is stored.
    Accepted,
    /// No answer: connection refused or lost, timeout, unreadable answer.
    NoAnswer,
    /// The service refused, or the request could not be made.
    Refused {
        /// What may be done about it.
        class: RetryClass,
        /// The code, when it is one of the table.
        code: Option<ErrorCode>,
    },
}

/// Where one batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Sends so far, the one just answered included.
    pub tries: u32,
    /// Time since the first send.
    pub age: Duration,
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
    /// Give it up: it counts as lost, with this reason.
    Drop {
        /// Why.
        reason: Reason,
    },
}

/// Decides what to do after `answer`.
pub fn decide(answer: Answer, attempt: Attempt) -> Decision {
    let reason = match answer {
        Answer::Accepted => return Decision::Done,
        Answer::NoAnswer => Reason::Network,
        Answer::Refused { class, code } => match class {
            RetryClass::Duplicate => return Decision::Done,
            RetryClass::Busy => Reason::Server,
            RetryClass::Throttled => Reason::Quota,
            RetryClass::Credentials => Reason::Unauthorized,
            RetryClass::Clock => Reason::Clock,
            RetryClass::Missing => Reason::NotFound,
            RetryClass::Final if code.is_some_and(is_about_the_data) => Reason::Invalid,
            // A wrong address or a proxy in the way must not cost data.
            RetryClass::Final => Reason::Refused,
        },
    };
    let give_up = match reason {
        Reason::Network | Reason::Server | Reason::Quota | Reason::Clock => false,
        Reason::Unauthorized | Reason::NotFound | Reason::Refused => attempt.age >= KEEP_REFUSED,
        Reason::Invalid => attempt.tries >= TRIES_OF_INVALID,
    };
    if give_up {
        Decision::Drop { reason }
    } else {
        Decision::Again { after: pause(reason, attempt), reason }
    }
}

/// Whether the code says that sending the same bytes can never succeed.
fn is_about_the_data(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::PostBodyInvalid
            | ErrorCode::PostBodyTooLarge
            | ErrorCode::PostBodyUncompressError
            | ErrorCode::InvalidTimestamp
            | ErrorCode::InvalidEncoding
            | ErrorCode::InvalidKey
            | ErrorCode::ParameterInvalid
    )
}

/// Doubling pauses with half of each random: first and longest, by reason.
fn pause(reason: Reason, attempt: Attempt) -> Duration {
    let (first_millis, longest_millis) = match reason {
        Reason::Network => (200, 10_000),
        Reason::Server => (500, 15_000),
        Reason::Quota => (500, 10_000),
        Reason::Clock => (200, 10_000),
        Reason::NotFound => (1_000, 15_000),
        Reason::Unauthorized | Reason::Refused => (1_000, 30_000),
        Reason::Invalid => (500, 3_000),
    };
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
        Answer::Refused { class: code.retry_class(), code: Some(code) }
    }

    fn attempt(tries: u32, age_secs: u64) -> Attempt {
        Attempt { tries, age: Duration::from_secs(age_secs), jitter: 0 }
    }

    fn check(answer: Answer, expected: Option<Reason>) {
        let reason = match decide(answer, attempt(1, 0)) {
            Decision::Done => None,
            Decision::Again { reason, .. } => Some(reason),
            Decision::Drop { .. } => panic!("the first answer never drops: {answer:?}"),
        };
        assert_eq!(reason, expected, "{answer:?}");
    }

    #[test]
    fn each_answer_has_its_reason() {
        check(Answer::Accepted, None);
        check(refused(ErrorCode::InvalidSequenceId), None);
        check(Answer::NoAnswer, Some(Reason::Network));
        check(refused(ErrorCode::ServerBusy), Some(Reason::Server));
        check(refused(ErrorCode::ShardWriteQuotaExceed), Some(Reason::Quota));
        check(refused(ErrorCode::SignatureNotMatch), Some(Reason::Unauthorized));
        check(refused(ErrorCode::LogStoreNotExist), Some(Reason::NotFound));
        check(refused(ErrorCode::RequestTimeExpired), Some(Reason::Clock));
        check(refused(ErrorCode::PostBodyInvalid), Some(Reason::Invalid));
        check(refused(ErrorCode::NotFound), Some(Reason::Refused));
        check(Answer::Refused { class: RetryClass::Final, code: None }, Some(Reason::Refused));
    }

    #[test]
    fn only_refused_data_is_given_up_quickly() {
        let bad = refused(ErrorCode::PostBodyInvalid);
        assert!(matches!(decide(bad, attempt(4, 9)), Decision::Again { .. }));
        assert_eq!(decide(bad, attempt(5, 9)), Decision::Drop { reason: Reason::Invalid });
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

    proptest! {
        #[test]
        fn pauses_grow_to_a_limit(tries in 1u32..100, jitter: u32) {
            let at = |tries| match decide(Answer::NoAnswer, Attempt { tries, age: Duration::ZERO, jitter }) {
                Decision::Again { after, .. } => after,
                other => panic!("{other:?}"),
            };
            prop_assert!(at(tries) <= at(tries + 1));
            prop_assert!(at(tries) >= Duration::from_millis(100));
            prop_assert!(at(tries) <= Duration::from_secs(10));
        }
    }
}
