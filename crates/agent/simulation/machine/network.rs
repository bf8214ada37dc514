//! What the agent's sender and the service do: batches become requests, requests arrive or not, and
//! answers come back, late, or never.
//!
//! Which lane may send, and what follows from an answer, the agent's own `Lanes` and the retry rules
//! say.

use super::Machine;
use super::life::Message;
use super::schedule::Event;
use crate::simulation::world::{MILLI, SECOND};
use agent::budget::AccountId;
use agent::send::lanes::{Next, PlaceId, Way};
use agent::tail::{Delivery, FileKey, LaneId, Parcel};
use pipeline::flow::Outcome;
use pipeline::retry::{Answer, Attempt, Decision, KEEP_REFUSED, blame, decide, reason};
use sls::error::{ErrorCode, RetryClass};
use sls::log_group::LogGroup;
use std::rc::Rc;
use std::time::Duration;

/// A batch that is ready to be sent.
pub(super) struct Packed {
    pub(super) key: FileKey,
    pub(super) place: PlaceId,
    pub(super) lane: LaneId,
    pub(super) account: AccountId,
    pub(super) file: u128,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) logs: Rc<Vec<Vec<u8>>>,
    pub(super) held: usize,
    pub(super) tries: u32,
    pub(super) first_try: Option<u64>,
}

/// How the service and the way to it behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fine,
    Slow,
    LosesAnswers,
    Resets,
    Stalls,
    Refuses(ErrorCode),
    Mixed,
}

impl Machine {
    pub(super) fn pack(&mut self) {
        let Some(agent) = &mut self.agent else { return };
        let parcels = std::mem::take(&mut *agent.parcels.borrow_mut());
        for parcel in parcels {
            let Parcel { key, lane, file, batch, charged, account, destinations } = parcel;
            let group = LogGroup::parse(batch.group.as_bytes()).expect("a whole log group");
            let logs: Vec<Vec<u8>> = group
                .logs()
                .map(|log| log.contents().next().map_or(Vec::new(), |(_, value)| value.to_vec()))
                .collect();
            let held = charged / 4;
            let place = agent.lanes.place(Way::of(account, &destinations[0]));
            let packed = Packed {
                key,
                place,
                lane,
                account,
                file: u128::from_be_bytes(file.0),
                start: batch.start,
                end: batch.end,
                logs: Rc::new(logs),
                held,
                tries: 0,
                first_try: None,
            };
            agent.messages.push(Message::Delivery(Delivery::Packed {
                released: charged - held,
                account,
                writer: batch.group,
            }));
            agent.lanes.push(place, lane, packed);
        }
        if !agent.messages.is_empty() {
            self.wake_in(0);
        }
        self.send();
    }

    /// Starts as many requests as may be.
    pub(super) fn send(&mut self) {
        let (now, life, clock) = (self.now(), self.life, self.moment().clock);
        loop {
            let Some(agent) = &mut self.agent else { return };
            let mut packed = match agent.lanes.next(clock) {
                Next::Item(packed) => packed,
                Next::Wait(until) => {
                    if let Some(until) = until {
                        let after = until.duration_since(clock).as_nanos() as u64;
                        self.later(after, Event::Rise { life });
                    }
                    return;
                }
            };
            packed.tries += 1;
            packed.first_try.get_or_insert(now);
            let fate = match self.weather {
                Weather::Mixed => *self.network.pick(&[
                    Weather::Fine,
                    Weather::Slow,
                    Weather::LosesAnswers,
                    Weather::Resets,
                    Weather::Stalls,
                    Weather::Refuses(ErrorCode::ServerBusy),
                ]),
                other => other,
            };
            let there = match fate {
                Weather::Slow => self.network.range(0, 3 * SECOND),
                Weather::Stalls => self.network.range(0, 40 * SECOND),
                _ => self.network.range(0, 20 * MILLI),
            };
            let back = there + self.network.range(0, 20 * MILLI);
            let (answer, back) = match fate {
                Weather::Refuses(code) => (refused(code), back),
                Weather::Resets | Weather::LosesAnswers => (Answer::NoAnswer, back),
                // The client does not wait for ever.
                _ if back > 15 * SECOND => (Answer::NoAnswer, 15 * SECOND),
                _ => (Answer::Accepted, back),
            };
            self.say(|| {
                format!(
                    "send {:08x} bytes {}-{} in lane {}: {fate:?} {answer:?}",
                    packed.file, packed.start, packed.end, packed.lane
                )
            });
            if !matches!(fate, Weather::Refuses(_) | Weather::Resets) {
                let Packed { file, start, end, .. } = packed;
                let logs = Rc::clone(&packed.logs);
                self.later(there, Event::Arrive { life, file, start, end, logs });
            }
            self.later(back, Event::Answer { life, packed: Box::new(packed), answer });
        }
    }

    pub(super) fn answered(&mut self, packed: Packed, answer: Answer) {
        let age = Duration::from_nanos(self.now() - packed.first_try.unwrap_or_default());
        let jitter = self.network.next() as u32;
        let clock = self.moment().clock;
        let Some(agent) = &mut self.agent else { return };
        agent.lanes.release(packed.place);
        if answer == Answer::Accepted {
            agent.lanes.succeeded(packed.place, clock);
        }
        if let (Some(blame), Some(reason)) = (blame(answer), reason(answer)) {
            let longest_rest = reason.longest_pause();
            let failure = Outcome::Failure { longest_rest, asked: None, jitter };
            agent.lanes.failed(packed.place, blame, failure, clock);
        }
        let attempt = Attempt {
            tries: packed.tries,
            age,
            keep_refused: KEEP_REFUSED,
            longest_pause: Duration::MAX,
            can_split: false,
            jitter,
        };
        match decide(answer, attempt) {
            Decision::Again { after, .. } => {
                let life = self.life;
                self.later(
                    after.as_nanos() as u64,
                    Event::Rested { life, packed: Box::new(packed) },
                );
            }
            Decision::Done | Decision::Split { .. } | Decision::Drop { .. } => {
                agent.lanes.finish(packed.place, packed.lane);
                self.tell(Message::Delivery(Delivery::Finished {
                    key: packed.key,
                    start: packed.start,
                    released: packed.held,
                    account: packed.account,
                    given_up: Vec::new(),
                }));
            }
        }
        self.send();
    }
}

fn refused(code: ErrorCode) -> Answer {
    let class: RetryClass = code.retry_class();
    Answer::Refused { class, code: Some(code), retry_after: None }
}
