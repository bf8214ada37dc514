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
        let known = self.places[place]
            .lanes
            .entry(lane)
            .or_insert_with(|| Lane { waiting: VecDeque::new(), is_busy: false });
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Item = (PlaceId, LaneId, u32);

    fn lanes(most: u32, logstores: usize) -> Lanes<Item> {
        let mut lanes = Lanes::new(most);
        for number in 0..logstores {
            let destination = Destination {
                project: "p".into(),
                logstore: number.to_string(),
                ..Destination::default()
            };
            assert_eq!(lanes.place(&Arc::new(destination)), number);
        }
        lanes
    }

    fn push(lanes: &mut Lanes<Item>, items: &[Item]) {
        for (place, lane, number) in items {
            lanes.push(*place, *lane, (*place, *lane, *number));
        }
    }

    fn all(lanes: &mut Lanes<Item>, now: Instant) -> Vec<Item> {
        std::iter::from_fn(|| match lanes.next(now) {
            Next::Item(item) => Some(item),
            Next::Wait(_) => None,
        })
        .collect()
    }

    fn done(lanes: &mut Lanes<Item>, (place, lane, _): Item) {
        lanes.release(place);
        lanes.finish(place, lane);
    }

    fn failure() -> Outcome {
        let longest_rest = Duration::from_secs(60);
        Outcome::Failure { longest_rest, asked: None, jitter: u32::MAX }
    }

    #[test]
    fn a_lane_goes_one_by_one_and_lanes_side_by_side() {
        let now = Instant::now();
        let mut lanes = lanes(9, 1);
        push(&mut lanes, &[(0, 1, 1), (0, 1, 2), (0, 2, 1)]);
        assert_eq!(all(&mut lanes, now), [(0, 1, 1), (0, 2, 1)]);
        done(&mut lanes, (0, 1, 1));
        assert_eq!(all(&mut lanes, now), [(0, 1, 2)]);
    }

    #[test]
    fn what_comes_back_goes_before_its_lane_in_order() {
        let now = Instant::now();
        let mut lanes = lanes(9, 1);
        push(&mut lanes, &[(0, 1, 1), (0, 1, 9)]);
        assert_eq!(all(&mut lanes, now), [(0, 1, 1)]);
        lanes.release(0);
        assert_eq!(all(&mut lanes, now), [], "the lane rests with its item");
        lanes.put_back(0, 1, [(0, 1, 2), (0, 1, 3)]);
        for number in [2, 3, 9] {
            assert_eq!(all(&mut lanes, now), [(0, 1, number)]);
            done(&mut lanes, (0, 1, number));
        }
        assert_eq!(lanes.next(now), Next::Wait(None));
    }

    #[test]
    fn logstores_take_turns_however_many_files_each_has() {
        let now = Instant::now();
        let mut lanes = lanes(3, 2);
        push(&mut lanes, &[(0, 1, 0), (0, 2, 0), (0, 3, 0), (0, 4, 0), (1, 5, 0), (1, 6, 0)]);
        let order: Vec<PlaceId> = all(&mut lanes, now).into_iter().map(|item| item.0).collect();
        assert_eq!(order, [0, 1, 0, 1, 0], "and none has more than three");
    }

    #[test]
    fn a_logstore_with_nothing_under_way_starts_beside_any_number_of_others() {
        let now = Instant::now();
        let mut lanes = lanes(1, 8);
        for place in 0..8 {
            push(&mut lanes, &[(place, 1, 0), (place, 2, 0)]);
        }
        assert_eq!(all(&mut lanes, now).len(), 8, "though the endpoint has room for four");
    }

    #[test]
    fn a_failing_logstore_rests_alone() {
        let now = Instant::now();
        let mut lanes = lanes(1, 2);
        push(&mut lanes, &[(0, 1, 0), (0, 2, 0), (1, 1, 0)]);
        all(&mut lanes, now);
        lanes.failed(0, Blame::Logstore, failure(), now);
        done(&mut lanes, (0, 1, 0));
        done(&mut lanes, (1, 1, 0));
        push(&mut lanes, &[(1, 1, 1)]);
        assert_eq!(all(&mut lanes, now), [(1, 1, 1)]);
        let Next::Wait(Some(until)) = lanes.next(now) else { panic!("it rests") };
        assert!(until > now);
        assert_eq!(all(&mut lanes, until), [(0, 2, 0)]);
    }

    #[test]
    fn an_endpoint_that_is_away_rests_all() {
        let now = Instant::now();
        let mut lanes = lanes(1, 3);
        for _ in 0..100 {
            lanes.failed(0, Blame::Endpoint, failure(), now);
        }
        push(&mut lanes, &[(1, 1, 0), (2, 1, 0)]);
        assert!(matches!(lanes.next(now), Next::Wait(Some(_))));
        lanes.succeeded(0, now);
        assert_eq!(all(&mut lanes, now).len(), 2);
    }

    #[test]
    fn a_paced_logstore_waits_for_its_rate() {
        let now = Instant::now();
        let mut lanes = lanes(8, 1);
        push(&mut lanes, &[(0, 1, 0), (0, 2, 0)]);
        assert!(matches!(lanes.next(now), Next::Item(_)));
        lanes.pace(0, 500, 1000, now);
        assert_eq!(lanes.next(now), Next::Wait(Some(now + Duration::from_millis(500))));
        assert!(matches!(lanes.next(now + Duration::from_millis(500)), Next::Item(_)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(PlaceId, LaneId),
        Start,
        Done(prop::sample::Index),
        DoneFirst,
        Fail(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0usize..3, 0u64..4).prop_map(|(place, lane)| Step::Push(place, lane)),
            4 => Just(Step::Start),
            2 => any::<prop::sample::Index>().prop_map(Step::Done),
            1 => any::<prop::sample::Index>().prop_map(Step::Fail),
        ]
    }

    proptest! {
        /// Whatever fails and when, every item goes out in the order of its lane, and none is lost.
        #[test]
        fn every_lane_keeps_its_order(steps in prop::collection::vec(step(), 0..200)) {
            let mut now = Instant::now();
            let mut lanes = lanes(3, 3);
            let mut next_number = HashMap::new();
            let mut finished: HashMap<(PlaceId, LaneId), u32> = HashMap::new();
            let mut running: Vec<Item> = Vec::new();
            // Afterwards everything is let through.
            let end = (0..1000).flat_map(|_| [Step::Start, Step::DoneFirst]);
            for step in steps.into_iter().chain(end) {
                now += Duration::from_secs(1);
                match step {
                    Step::Push(place, lane) => {
                        let number: &mut u32 = next_number.entry((place, lane)).or_default();
                        push(&mut lanes, &[(place, lane, *number)]);
                        *number += 1;
                    }
                    Step::Start => {
                        if let Next::Item(item) = lanes.next(now) {
                            prop_assert!(running.iter().all(|other| (other.0, other.1) != (item.0, item.1)));
                            running.push(item);
                        }
                    }
                    _ if running.is_empty() => {}
                    Step::Done(_) | Step::DoneFirst => {
                        let at = match &step {
                            Step::Done(at) => at.index(running.len()),
                            _ => 0,
                        };
                        let item = running.swap_remove(at);
                        lanes.succeeded(item.0, now);
                        done(&mut lanes, item);
                        let expected = finished.entry((item.0, item.1)).or_default();
                        prop_assert_eq!(item.2, *expected);
                        *expected += 1;
                    }
                    Step::Fail(at) => {
                        let item = running.swap_remove(at.index(running.len()));
                        lanes.failed(item.0, Blame::Logstore, failure(), now);
                        lanes.release(item.0);
                        lanes.put_back(item.0, item.1, [item]);
                    }
                }
            }
            prop_assert_eq!(finished, next_number);
        }
    }
}
