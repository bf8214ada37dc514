//! Whose turn it is. Items wait in lanes, lanes belong to logstores: in a lane one item at a time
//! is under way, lanes of a logstore take turns, logstores take turns, and in front of each
//! logstore, each project and the endpoint stands a limit.
//!
//! No logstore holds another: each has a limit of its own, and one that has nothing under way may
//! start a request however many the others have, unless the endpoint itself is away.

use crate::tail::{Destination, LaneId};
use pipeline::flow::{Limiter, Outcome, Verdict};
use pipeline::retry::Blame;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Logstores at their own limit that the limits of project and endpoint leave room for.
const LOGSTORES_AT_LIMIT: u32 = 4;

/// One logstore, in this process.
pub type PlaceId = usize;

/// Items that wait.
#[derive(Debug)]
pub struct Lanes<T> {
    /// Requests to one logstore at most.
    most: u32,
    places: Vec<Place<T>>,
    by_destination: HashMap<Arc<Destination>, PlaceId>,
    /// Limits of endpoints and, with a name, of projects there.
    shared: Vec<Shared>,
    by_name: HashMap<(Option<String>, Option<String>), usize>,
    /// Places that have a lane which is ready, each once.
    turns: VecDeque<PlaceId>,
}

/// A limit of several logstores together.
#[derive(Debug)]
struct Shared {
    limiter: Limiter,
    running: u32,
}

#[derive(Debug)]
struct Place<T> {
    /// Where their limits are among the shared ones.
    endpoint: usize,
    project: usize,
    limiter: Limiter,
    running: u32,
    lanes: HashMap<LaneId, Lane<T>>,
    /// Lanes that have an item and none under way.
    ready: VecDeque<LaneId>,
    /// Because of a limit of bytes per second nothing starts before this.
    paced_until: Option<Instant>,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    is_busy: bool,
    /// Since when everything was refused, for a reason that a person would have to repair.
    refused_since: Option<Instant>,
}

/// What [`Lanes::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// This item may go; it is under way from now on, and so is its lane.
    Item(T),
    /// Nothing may go before an item comes or a request is answered, or before this moment.
    Wait(Option<Instant>),
}

impl<T> Lanes<T> {
    /// No lanes; `most` items of one logstore may be under way.
    pub fn new(most: u32) -> Self {
        Self {
            most,
            places: Vec::new(),
            by_destination: HashMap::new(),
            shared: Vec::new(),
            by_name: HashMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// The place for a destination.
    pub fn place(&mut self, destination: &Arc<Destination>) -> PlaceId {
        if let Some(id) = self.by_destination.get(destination) {
            return *id;
        }
        let id = self.places.len();
        self.by_destination.insert(Arc::clone(destination), id);
        let endpoint = self.shared_by_name(destination.endpoint.clone(), None);
        let project =
            self.shared_by_name(destination.endpoint.clone(), Some(destination.project.clone()));
        self.places.push(Place {
            endpoint,
            project,
            limiter: Limiter::new(self.most),
            running: 0,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            paced_until: None,
        });
        id
    }

    fn shared_by_name(&mut self, endpoint: Option<String>, project: Option<String>) -> usize {
        let next = self.shared.len();
        let at = *self.by_name.entry((endpoint, project)).or_insert(next);
        if at == next {
            self.shared.push(Shared::new(self.most));
        }
        at
    }

    /// Adds an item at the end of its lane.
    pub fn push(&mut self, place: PlaceId, lane: LaneId, item: T) {
        let known = self.places[place].lanes.entry(lane).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            is_busy: false,
            refused_since: None,
        });
        known.waiting.push_back(item);
        if !known.is_busy && known.waiting.len() == 1 {
            self.make_ready(place, lane);
        }
    }

    /// Puts what was under way back to the start of its lane, in this order.
    pub fn put_back(
        &mut self,
        place: PlaceId,
        lane: LaneId,
        items: impl IntoIterator<Item = T, IntoIter: DoubleEndedIterator>,
    ) {
        let Some(known) = self.places[place].lanes.get_mut(&lane) else { return };
        for item in items.into_iter().rev() {
            known.waiting.push_front(item);
        }
        known.is_busy = false;
        self.make_ready(place, lane);
    }

    fn make_ready(&mut self, id: PlaceId, lane: LaneId) {
        let place = &mut self.places[id];
        place.ready.push_back(lane);
        if place.ready.len() == 1 {
            self.turns.push_back(id);
        }
    }

    /// The next item that may go.
    pub fn next(&mut self, now: Instant) -> Next<T> {
        let mut wake: Option<Instant> = None;
        for _ in 0..self.turns.len() {
            let Some(id) = self.turns.pop_front() else { break };
            match self.verdict(id, now) {
                Verdict::Go => {
                    if let Some(item) = self.start(id) {
                        return Next::Item(item);
                    }
                    continue;
                }
                Verdict::Full => {}
                Verdict::RestsUntil(until) => {
                    wake = Some(wake.map_or(until, |wake| wake.min(until)));
                }
            }
            self.turns.push_back(id);
        }
        Next::Wait(wake)
    }

    fn verdict(&self, id: PlaceId, now: Instant) -> Verdict {
        let place = &self.places[id];
        let own = match place.paced_until {
            Some(until) if now < until => Verdict::RestsUntil(until),
            _ => place.limiter.verdict(place.running, now),
        };
        let mut verdict = own;
        for shared in [place.project, place.endpoint] {
            let shared = &self.shared[shared];
            let theirs = match shared.limiter.verdict(shared.running, now) {
                // What the others have under way never keeps a logstore from going on at all.
                Verdict::Full if place.running == 0 => Verdict::Go,
                other => other,
            };
            verdict = later(verdict, theirs);
        }
        verdict
    }

    fn start(&mut self, id: PlaceId) -> Option<T> {
        let place = &mut self.places[id];
        let lane = place.ready.pop_front()?;
        if !place.ready.is_empty() {
            self.turns.push_back(id);
        }
        let known = place.lanes.get_mut(&lane)?;
        let item = known.waiting.pop_front()?;
        known.is_busy = true;
        place.running += 1;
        self.shared(id, |shared| shared.running += 1);
        Some(item)
    }

    /// A logstore has a limit of bytes per second, and `bytes` start now.
    pub fn pace(&mut self, id: PlaceId, bytes: u64, bytes_per_second: u64, now: Instant) {
        let place = &mut self.places[id];
        let from = place.paced_until.map_or(now, |until| until.max(now));
        let seconds = bytes as f64 / bytes_per_second.max(1) as f64;
        place.paced_until = Some(from + Duration::from_secs_f64(seconds.min(3600.0)));
    }

    /// An item is not under way any more. Its lane still belongs to it.
    pub fn release(&mut self, id: PlaceId) {
        let running = &mut self.places[id].running;
        *running = running.saturating_sub(1);
        self.shared(id, |shared| shared.running = shared.running.saturating_sub(1));
    }

    /// Takes that a request was accepted.
    pub fn succeeded(&mut self, id: PlaceId, now: Instant) {
        self.places[id].limiter.answered(Outcome::Success, now);
        self.shared(id, |shared| shared.limiter.answered(Outcome::Success, now));
    }

    /// Takes that a request failed in a way that `blame` is to blame for.
    pub fn failed(&mut self, id: PlaceId, blame: Blame, failure: Outcome, now: Instant) {
        let place = &mut self.places[id];
        let limiter = match blame {
            Blame::Logstore => &mut place.limiter,
            Blame::Project => &mut self.shared[place.project].limiter,
            Blame::Endpoint => &mut self.shared[place.endpoint].limiter,
        };
        limiter.answered(failure, now);
    }

    /// Takes that an item of a lane was refused for a reason outside the data; gives since when
    /// this lane has been. One that is given up does not make the next one young.
    pub fn refused(&mut self, id: PlaceId, lane: LaneId, now: Instant) -> Instant {
        let known = self.places[id].lanes.get_mut(&lane);
        known.map_or(now, |lane| *lane.refused_since.get_or_insert(now))
    }

    /// Takes that an item of a lane was accepted.
    pub fn taken(&mut self, id: PlaceId, lane: LaneId) {
        if let Some(known) = self.places[id].lanes.get_mut(&lane) {
            known.refused_since = None;
        }
    }

    /// Ends all rests: everything that waits may try at once. What is paced stays so.
    pub fn wake(&mut self) {
        self.places.iter_mut().for_each(|place| place.limiter.wake());
        self.shared.iter_mut().for_each(|shared| shared.limiter.wake());
    }

    /// The item of a lane is done: the next one may go.
    pub fn finish(&mut self, id: PlaceId, lane: LaneId) {
        let place = &mut self.places[id];
        let Some(known) = place.lanes.get_mut(&lane) else { return };
        known.is_busy = false;
        if known.waiting.is_empty() {
            place.lanes.remove(&lane);
        } else {
            self.make_ready(id, lane);
        }
    }

    fn shared(&mut self, id: PlaceId, mut change: impl FnMut(&mut Shared)) {
        for shared in [self.places[id].project, self.places[id].endpoint] {
            change(&mut self.shared[shared]);
        }
    }
}

impl Shared {
    fn new(most_of_one: u32) -> Self {
        let most = most_of_one.saturating_mul(LOGSTORES_AT_LIMIT);
        Self { limiter: Limiter::new(most), running: 0 }
    }
}

/// The verdict that lets something start later.
fn later(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::RestsUntil(one), Verdict::RestsUntil(other)) => {
            Verdict::RestsUntil(one.max(other))
        }
        (rest @ Verdict::RestsUntil(_), _) | (_, rest @ Verdict::RestsUntil(_)) => rest,
        (Verdict::Full, _) | (_, Verdict::Full) => Verdict::Full,
        (Verdict::Go, Verdict::Go) => Verdict::Go,
    }
}

#[cfg(test)]
mod tests;
