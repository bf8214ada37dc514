//! Failures of calls in three classes, and how long to wait after each (`kubernetes` 3.2).

use std::time::Duration;

use sls::error::{ErrorCode, RetryClass};
use sls_client::ClientError;

/// What may help after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Time: the network or the service is away.
    Transient,
    /// Fewer calls: a quota is used up.
    Throttled,
    /// A change by a person. Only the periodic comparison looks again.
    Permanent,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What may help.
    pub class: Class,
    /// The service's error code, if it gave one.
    pub code: Option<ErrorCode>,
    /// HTTP status of the answer; 503 when there was none.
    pub status_code: u16,
    /// Words for people.
    pub message: String,
    /// The service's id of the request; empty when it gave none.
    pub request_id: String,
}

impl Failure {
    /// Classifies a failed call.
    pub fn of(error: &ClientError) -> Self {
        let class = match error.retry_class() {
            RetryClass::Throttled => Class::Throttled,
            RetryClass::Credentials | RetryClass::TooLarge | RetryClass::Final => Class::Permanent,
            // A missing object may be one that somebody just deleted: the next attempt makes it.
            RetryClass::Busy | RetryClass::Clock | RetryClass::Missing | RetryClass::Duplicate => {
                Class::Transient
            }
        };
        let refusal = error.refusal();
        Self {
            class,
            code: refusal.and_then(sls::error::Refusal::known),
            status_code: refusal.map_or(503, |refusal| refusal.status.as_u16()),
            message: error.to_string(),
            request_id: refusal.map_or_else(String::new, |refusal| refusal.request_id.clone()),
        }
    }

    /// Whether the service said this.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == Some(code)
    }
}

/// How long to wait before attempt `attempt + 1` after `attempt` failures in a row (at least 1).
/// `None`: until the next periodic comparison.
///
/// `chance` spreads the waits of many objects; 0 gives half of the full wait, `u32::MAX` all.
pub fn backoff(class: Class, attempt: u32, chance: u32) -> Option<Duration> {
    let (first, most) = match class {
        Class::Transient => (Duration::from_secs(1), Duration::from_secs(120)),
        Class::Throttled => (Duration::from_secs(5), Duration::from_secs(300)),
        Class::Permanent => return None,
    };
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1).min(16));
    let full = first.saturating_mul(doubled).min(most);
    let spread = full / 2;
    Some(full - spread + spread.mul_f64(f64::from(chance) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_full_waits(class: Class, expected_seconds: &[u64]) {
        for (attempt, seconds) in (1..).zip(expected_seconds) {
            let wait = backoff(class, attempt, u32::MAX).unwrap();
            assert_eq!(wait, Duration::from_secs(*seconds), "attempt {attempt}");
        }
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        check_full_waits(Class::Transient, &[1, 2, 4, 8, 16, 32, 64, 120, 120]);
        check_full_waits(Class::Throttled, &[5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(backoff(Class::Permanent, 1, 0), None);
    }

    proptest::proptest! {
        #[test]
        fn a_wait_lies_between_half_and_all_of_the_full_one(attempt in 1_u32.., chance: u32) {
            for class in [Class::Transient, Class::Throttled] {
                let full = backoff(class, attempt, u32::MAX).unwrap();
                let wait = backoff(class, attempt, chance).unwrap();
                proptest::prop_assert!(full / 2 <= wait && wait <= full);
            }
        }
    }
}
