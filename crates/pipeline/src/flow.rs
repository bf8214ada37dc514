//! How many requests may be under way to one place at the same time (`agent` 5.5).
//!
//! One [`Limiter`] stands in front of each logstore, each project and the endpoint. It begins at
//! its maximum, takes a share away when answers fail and adds one when they do not; at one request
//! it takes time away instead, and one success gives that back. It only judges answers: whose turn
//! it is, and what becomes of a batch ([`retry`](crate::retry)), is decided elsewhere.

use std::time::{Duration, Instant};

/// Answers after which a limit is reconsidered.
const WINDOW_ANSWERS: u32 = 10;

/// Time after which it is reconsidered when there were fewer.
const WINDOW: Duration = Duration::from_secs(3);

/// The first rest.
const FIRST_REST: Duration = Duration::from_millis(500);

/// No place rests longer than this because of failures, whatever caused them.
pub const LONGEST_REST: Duration = Duration::from_secs(60);

/// The longest wait that a service may ask for.
pub const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// What became of a request, as far as the place it went to is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The place took it.
    Success,
    /// The place did not take it, for a reason that concerns all requests to it.
    Failure {
        /// The longest rest that makes sense for this reason.
        longest_rest: Duration,
        /// What the service asked for with `Retry-After`.
        asked: Option<Duration>,
        /// A random number, to keep many agents from coming back at once.
        jitter: u32,
    },
}

/// Whether a request may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Go,
    /// So many are under way that one has to be answered first.
    Full,
    /// Nothing starts before this moment.
    RestsUntil(Instant),
}

/// The limit in front of one place.
#[derive(Clone, Debug)]
pub struct Limiter {
    most: u32,
    limit: u32,
    window: Option<Window>,
    /// Until when nothing starts, and the length of the last rest that failures caused.
    rest: Option<(Instant, Duration)>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    answers: u32,
    failures: u32,
}

impl Limiter {
    /// A limit of `most` requests, which it never passes; at least one.
    pub fn new(most: u32) -> Self {
        let most = most.max(1);
        Self { most, limit: most, window: None, rest: None }
    }

    /// Requests that may be under way at the same time now; 1 at least.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Whether a request may start beside the `running` ones.
    pub fn verdict(&self, running: u32, now: Instant) -> Verdict {
        match self.rest {
            Some((until, _)) if now < until => Verdict::RestsUntil(until),
            _ if running >= self.limit => Verdict::Full,
            _ => Verdict::Go,
        }
    }

    /// Takes the outcome of a request.
    pub fn answered(&mut self, outcome: Outcome, now: Instant) {
        let window = self.window.get_or_insert(Window { since: now, answers: 0, failures: 0 });
        window.answers += 1;
        window.failures += u32::from(outcome != Outcome::Success);
        let window = *window;
        match outcome {
            Outcome::Success => self.rest = None,
            Outcome::Failure { longest_rest, asked, jitter } => {
                self.rest_after_failure(longest_rest, jitter, now);
                self.rest_as_asked(asked, now);
            }
        }
        if window.answers >= WINDOW_ANSWERS || now.saturating_duration_since(window.since) >= WINDOW
        {
            self.window = None;
            self.limit = self.limit_after(window).clamp(1, self.most);
        }
    }

    /// Ends a rest, whoever caused it: a request may start at once, and rests begin short again.
    pub fn wake(&mut self) {
        self.rest = None;
    }

    fn limit_after(&self, window: Window) -> u32 {
        let percent = window.failures * 100 / window.answers;
        match percent {
            0 if window.failures == 0 => self.limit + 1,
            0..=10 => self.limit,
            11..=40 => self.limit * 4 / 5,
            _ => self.limit / 2,
        }
    }

    fn rest_after_failure(&mut self, longest: Duration, jitter: u32, now: Instant) {
        if self.limit > 1 {
            return;
        }
        let last = match self.rest {
            // Nothing was started since: this is another answer to what was under way.
            Some((until, _)) if now < until => return,
            Some((_, last)) => last * 2,
            None => FIRST_REST,
        };
        let full = last.min(longest).min(LONGEST_REST);
        let random = (full / 2).mul_f64(f64::from(jitter) / f64::from(u32::MAX));
        self.rest = Some((now + full / 2 + random, full));
    }

    fn rest_as_asked(&mut self, asked: Option<Duration>, now: Instant) {
        let Some(asked) = asked else { return };
        let asked_until = now + asked.min(LONGEST_ASKED);
        let (until, last) = self.rest.unwrap_or((now, Duration::ZERO));
        self.rest = Some((until.max(asked_until), last.max(FIRST_REST / 2)));
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the value is only a start to count from")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn failure() -> Outcome {
        Outcome::Failure { longest_rest: MINUTE, asked: None, jitter: u32::MAX }
    }

    fn asked(seconds: u64) -> Outcome {
        let asked = Some(Duration::from_secs(seconds));
        Outcome::Failure { longest_rest: MINUTE, asked, jitter: u32::MAX }
    }

    /// Answers of one window of ten, `failures` of them failures; gives the limit after it.
    fn check(most: u32, failures: u32, expected: u32) {
        let now = Instant::now();
        let mut limiter = Limiter::new(most);
        for at in 0..10 {
            limiter.answered(if at < failures { failure() } else { Outcome::Success }, now);
        }
        assert_eq!(limiter.limit(), expected, "{failures} of 10 failed");
    }

    #[test]
    fn a_limit_falls_with_the_share_of_failures() {
        check(20, 0, 20);
        check(20, 1, 20);
        check(20, 2, 16);
        check(20, 4, 16);
        check(20, 5, 10);
        check(20, 10, 10);
        check(1, 10, 1);
    }

    #[test]
    fn a_clean_window_adds_one_also_when_it_is_slow() {
        let start = Instant::now();
        let mut limiter = Limiter::new(8);
        for _ in 0..10 {
            limiter.answered(failure(), start);
        }
        assert_eq!(limiter.limit(), 4);
        for _ in 0..10 {
            limiter.answered(Outcome::Success, start);
        }
        assert_eq!(limiter.limit(), 5);
        limiter.answered(Outcome::Success, start);
        limiter.answered(Outcome::Success, start + WINDOW);
        assert_eq!(limiter.limit(), 6);
    }

    /// How long a limiter rests from `now` on.
    fn rest(limiter: &Limiter, now: Instant) -> Duration {
        match limiter.verdict(0, now) {
            Verdict::RestsUntil(until) => until - now,
            _ => Duration::ZERO,
        }
    }

    #[test]
    fn at_one_request_the_rest_doubles_up_to_a_minute_and_one_success_ends_it() {
        let mut now = Instant::now();
        let mut limiter = Limiter::new(1);
        let mut rests = Vec::new();
        for _ in 0..10 {
            limiter.answered(failure(), now);
            // Late answers to what was under way before the rest do not make it longer.
            limiter.answered(failure(), now);
            rests.push(rest(&limiter, now).as_millis());
            now += rest(&limiter, now);
            assert_eq!(limiter.verdict(0, now), Verdict::Go);
        }
        let doubled = [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000];
        assert_eq!(rests, doubled);
        limiter.answered(failure(), now);
        limiter.answered(Outcome::Success, now);
        assert_eq!(limiter.verdict(0, now), Verdict::Go);
        limiter.answered(failure(), now);
        assert_eq!(rest(&limiter, now), FIRST_REST);
    }

    #[test]
    fn above_one_request_failures_cost_room_but_no_time() {
        let now = Instant::now();
        let mut limiter = Limiter::new(4);
        limiter.answered(failure(), now);
        assert_eq!(limiter.verdict(3, now), Verdict::Go);
        assert_eq!(limiter.verdict(4, now), Verdict::Full);
    }

    #[test]
    fn what_the_service_asks_for_is_done_at_any_limit() {
        let now = Instant::now();
        let mut limiter = Limiter::new(4);
        limiter.answered(asked(7), now);
        assert_eq!(rest(&limiter, now), Duration::from_secs(7));
        limiter.answered(asked(3), now);
        assert_eq!(rest(&limiter, now), Duration::from_secs(7), "the longer wish counts");
        limiter.answered(asked(86_400), now);
        assert_eq!(rest(&limiter, now), LONGEST_ASKED);
    }

    #[test]
    fn who_is_woken_goes_at_once_and_rests_short_after_the_next_failure() {
        let mut now = Instant::now();
        let mut limiter = Limiter::new(1);
        for _ in 0..6 {
            limiter.answered(failure(), now);
            now += rest(&limiter, now);
        }
        limiter.answered(asked(200), now);
        limiter.wake();
        assert_eq!(limiter.verdict(0, now), Verdict::Go);
        limiter.answered(failure(), now);
        assert_eq!(rest(&limiter, now), FIRST_REST);
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Success),
            (0u64..200, prop::option::of(0u64..1000), any::<u32>()).prop_map(
                |(longest, asked, jitter)| Outcome::Failure {
                    longest_rest: Duration::from_secs(longest),
                    asked: asked.map(Duration::from_secs),
                    jitter,
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn a_limit_stays_in_its_bounds_and_no_rest_is_for_ever(
            most in 0u32..40,
            answers in prop::collection::vec((outcomes(), 0u64..5000), 0..200),
        ) {
            let mut now = Instant::now();
            let mut limiter = Limiter::new(most);
            for (outcome, millis) in answers {
                now += Duration::from_millis(millis);
                limiter.answered(outcome, now);
                prop_assert!((1..=most.max(1)).contains(&limiter.limit()));
                prop_assert!(rest(&limiter, now) <= LONGEST_ASKED);
                if let Outcome::Failure { asked: None, .. } = outcome {
                    prop_assert_eq!(limiter.verdict(limiter.limit(), now + LONGEST_ASKED), Verdict::Full);
                }
                if outcome == Outcome::Success {
                    prop_assert_eq!(limiter.verdict(0, now), Verdict::Go);
                }
            }
        }

        #[test]
        fn failures_lead_to_one_request_and_successes_back_to_all(most in 1u32..60) {
            let now = Instant::now();
            let mut limiter = Limiter::new(most);
            for _ in 0..200 {
                limiter.answered(failure(), now);
            }
            prop_assert_eq!(limiter.limit(), 1);
            for _ in 0..most * 10 {
                limiter.answered(Outcome::Success, now);
            }
            prop_assert_eq!(limiter.limit(), most);
        }
    }
}
