//! What is to happen, and when: the order of the simulated clock, and of two events at one time that
//! in which they were put down.
//!
//! What an event does is written where it belongs: in the life, the network or the accidents.

use super::network::Packed;
use pipeline::retry::Answer;
use std::collections::BinaryHeap;
use std::rc::Rc;

/// What can happen. Events of a life mean nothing to the agents after it.
pub(super) enum Event {
    /// The collecting thread of the agent with this life is woken.
    Wake { life: u64 },
    /// A writer does something, or an accident happens.
    Act,
    /// A request reaches the service, whoever sent it.
    Arrive { life: u64, file: u128, start: u64, end: u64, logs: Rc<Vec<Vec<u8>>> },
    /// The sender has an answer, or has waited long enough for one.
    Answer { life: u64, packed: Box<Packed>, answer: Answer },
    /// A batch that was refused may be sent again.
    Rested { life: u64, packed: Box<Packed> },
    /// A limit lets something start again.
    Rise { life: u64 },
    /// A checkpoint is written, or could not be: then it is `None`.
    Saved { life: u64, bytes: Option<Vec<u8>> },
    /// An agent is started.
    Start,
    /// Nothing happens from outside any more.
    Settle,
    /// The agent is asked to end, with all the time it needs.
    End,
}

/// What is still to happen, the next first.
#[derive(Default)]
pub(super) struct Schedule {
    queue: BinaryHeap<Scheduled>,
    number: u64,
}

impl Schedule {
    /// Puts an event down for a time, in nanoseconds since the start.
    pub(super) fn put(&mut self, at: u64, event: Event) {
        self.number += 1;
        self.queue.push(Scheduled { at, number: self.number, event });
    }

    /// The next event and its time.
    pub(super) fn next(&mut self) -> Option<(u64, Event)> {
        self.queue.pop().map(|Scheduled { at, event, .. }| (at, event))
    }
}

struct Scheduled {
    at: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The heap gives the greatest first.
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}
