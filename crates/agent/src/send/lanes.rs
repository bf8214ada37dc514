//! Whose turn it is: one item of a lane at a time, lanes in the order in which they became ready,
//! and a limit over all.

use crate::tail::LaneId;
use std::collections::{HashMap, VecDeque};

/// Items that wait, by lane.
#[derive(Debug)]
pub struct Lanes<T> {
    lanes: HashMap<LaneId, Lane<T>>,
    /// Lanes that have an item and none under way.
    ready: VecDeque<LaneId>,
    running: usize,
    max_running: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    is_busy: bool,
}

impl<T> Lanes<T> {
    /// No lanes; `max_running` items of all lanes may be under way.
    pub fn new(max_running: usize) -> Self {
        Self { lanes: HashMap::new(), ready: VecDeque::new(), running: 0, max_running }
    }

    /// Adds an item at the end of its lane.
    pub fn push(&mut self, id: LaneId, item: T) {
        let lane = self
            .lanes
            .entry(id)
            .or_insert_with(|| Lane { waiting: VecDeque::new(), is_busy: false });
        lane.waiting.push_back(item);
        if !lane.is_busy && lane.waiting.len() == 1 {
            self.ready.push_back(id);
        }
    }

    /// Puts an item that was under way back to the start of its lane, which stays its own.
    pub fn put_back(&mut self, id: LaneId, item: T) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.waiting.push_front(item);
        lane.is_busy = false;
        self.ready.push_back(id);
    }

    /// The next item that may go; it is under way from now on, and so is its lane.
    #[expect(clippy::should_implement_trait, reason = "more may come after `None`")]
    pub fn next(&mut self) -> Option<T> {
        if self.running >= self.max_running {
            return None;
        }
        let id = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&id)?;
        let item = lane.waiting.pop_front()?;
        lane.is_busy = true;
        self.running += 1;
        Some(item)
    }

    /// An item is not under way any more. Its lane still belongs to it.
    pub fn release(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// The item of a lane is done: the next one may go.
    pub fn finish(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.is_busy = false;
        if lane.waiting.is_empty() {
            self.lanes.remove(&id);
        } else {
            self.ready.push_back(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_goes_one_by_one_and_lanes_side_by_side() {
        let mut lanes = Lanes::new(9);
        for (lane, item) in [(1, "a1"), (1, "a2"), (2, "b1")] {
            lanes.push(lane, item);
        }
        assert_eq!((lanes.next(), lanes.next(), lanes.next()), (Some("a1"), Some("b1"), None));
        lanes.release();
        lanes.finish(1);
        assert_eq!((lanes.next(), lanes.next()), (Some("a2"), None));
    }

    #[test]
    fn an_item_that_comes_back_goes_before_its_lane() {
        let mut lanes = Lanes::new(9);
        lanes.push(1, "a1");
        lanes.push(1, "a2");
        let first = lanes.next().unwrap();
        lanes.release();
        assert_eq!(lanes.next(), None, "the lane rests with its item");
        lanes.put_back(1, first);
        assert_eq!(lanes.next(), Some("a1"));
    }

    #[test]
    fn the_limit_is_over_all_lanes_and_turns_are_fair() {
        let mut lanes = Lanes::new(1);
        for (lane, item) in [(1, "a1"), (1, "a2"), (2, "b1"), (3, "c1")] {
            lanes.push(lane, item);
        }
        let mut order = Vec::new();
        while let Some(item) = lanes.next() {
            assert_eq!(lanes.next(), None);
            order.push(item);
            lanes.release();
            lanes.finish(match item.as_bytes()[0] {
                b'a' => 1,
                b'b' => 2,
                _ => 3,
            });
        }
        assert_eq!(order, ["a1", "b1", "c1", "a2"]);
    }
}
