//! Whose turn it is. Items wait in lanes, lanes belong to places: the way of one configuration to
//! one logstore. In a lane one item at a time is under way, lanes of a place take turns, places take
//! turns, and in front of each logstore, each project and the endpoint stands a limit.
//!
//! No logstore holds another: each has a limit of its own, and one that has nothing under way may
//! start a request however many the others have, unless the endpoint itself is away.
//!
//! A place is known by where it leads. How much may be sent there in a second is said from outside
//! and may change at any time, for what waits as well: a lane never moves to another place.

use crate::budget::AccountId;
use crate::tail::{Destination, LaneId};
use pipeline::flow::{Limiter, Outcome, Verdict};
use pipeline::retry::Blame;
use sls::collect::SendRate;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Logstores at their own limit that the limits of project and endpoint leave room for.
const LOGSTORES_AT_LIMIT: u32 = 4;

/// Seconds that one item keeps the next one waiting at most, however low the rate.
const LONGEST_PACE: f64 = 3600.0;

/// The way of one configuration to one logstore, in this process. No other place gets it again.
pub type PlaceId = usize;

/// Where a place leads, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    /// The configuration.
    pub account: AccountId,
    /// Address of the service; `None` is the agent's own.
    pub endpoint: Option<String>,
    /// The project there.
    pub project: String,
    /// The logstore there.
    pub logstore: String,
}

impl Way {
    /// The way of a configuration to a destination.
    pub fn of(account: AccountId, destination: &Destination) -> Self {
        Self {
            account,
            endpoint: destination.endpoint.clone(),
            project: destination.project.clone(),
            logstore: destination.logstore.clone(),
        }
    }
}

type SharedId = usize;

/// Endpoint, project and logstore; without the last an endpoint's project, and without that the
/// endpoint.
type Name = (Option<String>, Option<String>, Option<String>);

/// Items that wait.
#[derive(Debug)]
pub struct Lanes<T> {
    /// Requests to one logstore at most.
    most: u32,
    places: HashMap<PlaceId, Place<T>>,
    by_way: HashMap<Way, PlaceId>,
    next_place: PlaceId,
    /// Limits of logstores, of projects and of endpoints, each together.
    shared: HashMap<SharedId, Shared>,
    by_name: HashMap<Name, SharedId>,
    next_shared: SharedId,
    /// Places that have a lane which is ready, each once.
    turns: VecDeque<PlaceId>,
}

/// A limit of several places together.
#[derive(Debug)]
struct Shared {
    name: Name,
    limiter: Limiter,
    running: u32,
    /// Places that have it.
    places: usize,
}

#[derive(Debug)]
struct Place<T> {
    way: Way,
    /// Where their limits are among the shared ones.
    logstore: SharedId,
    project: SharedId,
    endpoint: SharedId,
    lanes: HashMap<LaneId, Lane<T>>,
    /// Lanes that have an item and none under way.
    ready: VecDeque<LaneId>,
    /// How much is sent at most.
    rate: Option<SendRate>,
    /// Because of that nothing starts before this.
    paced_until: Option<Instant>,
    /// No configuration goes this way any more: it ends with what waits in it.
    is_over: bool,
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
            places: HashMap::new(),
            by_way: HashMap::new(),
            next_place: 0,
            shared: HashMap::new(),
            by_name: HashMap::new(),
            next_shared: 0,
            turns: VecDeque::new(),
        }
    }

    /// The place that a way leads to.
    pub fn place(&mut self, way: Way) -> PlaceId {
        if let Some(id) = self.by_way.get(&way) {
            return *id;
        }
        let id = self.next_place;
        self.next_place += 1;
        let (endpoint, project, logstore) =
            (way.endpoint.clone(), Some(way.project.clone()), Some(way.logstore.clone()));
        let together = self.most.saturating_mul(LOGSTORES_AT_LIMIT);
        let place = Place {
            logstore: self.share((endpoint.clone(), project.clone(), logstore), self.most),
            project: self.share((endpoint.clone(), project, None), together),
            endpoint: self.share((endpoint, None, None), together),
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            rate: None,
            paced_until: None,
            is_over: false,
            way: way.clone(),
        };
        self.places.insert(id, place);
        self.by_way.insert(way, id);
        id
    }

    fn share(&mut self, name: Name, most: u32) -> SharedId {
        let id = *self.by_name.entry(name).or_insert_with_key(|name| {
            let id = self.next_shared;
            self.next_shared += 1;
            let limiter = Limiter::new(most);
            self.shared.insert(id, Shared { name: name.clone(), limiter, running: 0, places: 0 });
            id
        });
        if let Some(shared) = self.shared.get_mut(&id) {
            shared.places += 1;
        }
        id
    }

    /// These are all the ways that configurations go from now on, with what each sends in a second
    /// at most. That holds for what waits there, too. Places of other ways go with their last item.
    pub fn run(&mut self, ways: impl IntoIterator<Item = (Way, Option<SendRate>)>, now: Instant) {
        self.places.values_mut().for_each(|place| place.is_over = true);
        for (way, rate) in ways {
            let id = self.place(way);
            if let Some(place) = self.places.get_mut(&id) {
                place.is_over = false;
                place.pace_anew(rate, now);
            }
        }
        let ids: Vec<PlaceId> = self.places.keys().copied().collect();
        for id in ids {
            self.remove_if_over(id);
        }
    }

    /// How much a place sends in a second at most.
    pub fn rate(&self, id: PlaceId) -> Option<SendRate> {
        self.places.get(&id).and_then(|place| place.rate)
    }

    /// Whether there is such a place.
    pub fn has_place(&self, id: PlaceId) -> bool {
        self.places.contains_key(&id)
    }

    /// Whether any place is at this endpoint.
    pub fn has_endpoint(&self, endpoint: &str) -> bool {
        self.places.values().any(|place| place.way.endpoint.as_deref() == Some(endpoint))
    }

    fn remove_if_over(&mut self, id: PlaceId) {
        let Entry::Occupied(place) = self.places.entry(id) else { return };
        if !place.get().is_over || !place.get().lanes.is_empty() {
            return;
        }
        let place = place.remove();
        self.by_way.remove(&place.way);
        for id in [place.logstore, place.project, place.endpoint] {
            let Entry::Occupied(mut shared) = self.shared.entry(id) else { continue };
            shared.get_mut().places -= 1;
            if shared.get().places == 0 {
                self.by_name.remove(&shared.remove().name);
            }
        }
    }

    /// Adds an item at the end of its lane.
    pub fn push(&mut self, place: PlaceId, lane: LaneId, item: T) {
        let Some(known) = self.places.get_mut(&place) else { return };
        let known = known.lanes.entry(lane).or_insert_with(|| Lane {
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
        let Some(known) = self.lane(place, lane) else { return };
        for item in items.into_iter().rev() {
            known.waiting.push_front(item);
        }
        known.is_busy = false;
        self.make_ready(place, lane);
    }

    fn lane(&mut self, place: PlaceId, lane: LaneId) -> Option<&mut Lane<T>> {
        self.places.get_mut(&place)?.lanes.get_mut(&lane)
    }

    fn make_ready(&mut self, id: PlaceId, lane: LaneId) {
        let Some(place) = self.places.get_mut(&id) else { return };
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
        let Some(place) = self.places.get(&id) else { return Verdict::Go };
        let paced = place.paced_until.filter(|until| now < *until);
        let mut verdict = paced.map_or(Verdict::Go, Verdict::RestsUntil);
        let of_logstore = self.shared.get(&place.logstore).map_or(0, |shared| shared.running);
        for id in [place.logstore, place.project, place.endpoint] {
            let Some(shared) = self.shared.get(&id) else { continue };
            let theirs = match shared.limiter.verdict(shared.running, now) {
                // What the others have under way never keeps a logstore from going on at all.
                Verdict::Full if of_logstore == 0 => Verdict::Go,
                other => other,
            };
            verdict = later(verdict, theirs);
        }
        verdict
    }

    fn start(&mut self, id: PlaceId) -> Option<T> {
        let place = self.places.get_mut(&id)?;
        let lane = place.ready.pop_front()?;
        if !place.ready.is_empty() {
            self.turns.push_back(id);
        }
        let known = place.lanes.get_mut(&lane)?;
        let item = known.waiting.pop_front()?;
        known.is_busy = true;
        self.shared(id, |shared| shared.running += 1);
        Some(item)
    }

    /// `bytes` start now: a place that has a limit of bytes per second, which did not end before the
    /// UNIX second `wall`, starts nothing more until that allows it.
    pub fn pace(&mut self, id: PlaceId, bytes: u64, wall: i64, now: Instant) {
        let Some(place) = self.places.get_mut(&id) else { return };
        let Some(rate) = place.rate else { return };
        if rate.until.is_some_and(|until| wall >= until) {
            return;
        }
        let from = place.paced_until.map_or(now, |until| until.max(now));
        let seconds = bytes as f64 / rate.bytes_per_second.max(1) as f64;
        place.paced_until = Some(from + Duration::from_secs_f64(seconds.min(LONGEST_PACE)));
    }

    /// An item is not under way any more. Its lane still belongs to it.
    pub fn release(&mut self, id: PlaceId) {
        self.shared(id, |shared| shared.running = shared.running.saturating_sub(1));
    }

    /// Takes that a request was accepted.
    pub fn succeeded(&mut self, id: PlaceId, now: Instant) {
        self.shared(id, |shared| shared.limiter.answered(Outcome::Success, now));
    }

    /// Takes that a request failed in a way that `blame` is to blame for.
    pub fn failed(&mut self, id: PlaceId, blame: Blame, failure: Outcome, now: Instant) {
        let Some(place) = self.places.get(&id) else { return };
        let shared = match blame {
            Blame::Logstore => place.logstore,
            Blame::Project => place.project,
            Blame::Endpoint => place.endpoint,
        };
        if let Some(shared) = self.shared.get_mut(&shared) {
            shared.limiter.answered(failure, now);
        }
    }

    /// Takes that an item of a lane was refused for a reason outside the data; gives since when
    /// this lane has been. One that is given up does not make the next one young.
    pub fn refused(&mut self, id: PlaceId, lane: LaneId, now: Instant) -> Instant {
        self.lane(id, lane).map_or(now, |lane| *lane.refused_since.get_or_insert(now))
    }

    /// Takes that an item of a lane was accepted.
    pub fn taken(&mut self, id: PlaceId, lane: LaneId) {
        if let Some(known) = self.lane(id, lane) {
            known.refused_since = None;
        }
    }

    /// Ends all rests: everything that waits may try at once. What is paced stays so.
    pub fn wake(&mut self) {
        self.shared.values_mut().for_each(|shared| shared.limiter.wake());
    }

    /// The item of a lane is done: the next one may go. It may have been the last of its place.
    pub fn finish(&mut self, id: PlaceId, lane: LaneId) {
        let Some(place) = self.places.get_mut(&id) else { return };
        let Some(known) = place.lanes.get_mut(&lane) else { return };
        known.is_busy = false;
        if known.waiting.is_empty() {
            place.lanes.remove(&lane);
            self.remove_if_over(id);
        } else {
            self.make_ready(id, lane);
        }
    }

    fn shared(&mut self, id: PlaceId, mut change: impl FnMut(&mut Shared)) {
        let Some(place) = self.places.get(&id) else { return };
        for id in [place.logstore, place.project, place.endpoint] {
            self.shared.get_mut(&id).into_iter().for_each(&mut change);
        }
    }
}

impl<T> Place<T> {
    /// Another rate counts from now on: what waits for the old one waits as the new one wants.
    fn pace_anew(&mut self, rate: Option<SendRate>, now: Instant) {
        let bytes = |rate: Option<SendRate>| rate.map(|rate| rate.bytes_per_second.max(1));
        if self.rate == rate {
            return;
        }
        let before = std::mem::replace(&mut self.rate, rate);
        let waits = self.paced_until.map(|until| until.saturating_duration_since(now));
        self.paced_until = match (waits, bytes(before), bytes(rate)) {
            (Some(waits), Some(before), Some(rate)) => {
                let seconds = waits.as_secs_f64() * (before as f64 / rate as f64);
                Some(now + Duration::from_secs_f64(seconds.min(LONGEST_PACE)))
            }
            _ => None,
        };
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
