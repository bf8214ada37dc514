use super::*;
use proptest::prelude::*;

type Item = (PlaceId, LaneId, u32);

/// The way of a configuration to a logstore.
fn way(account: AccountId, logstore: usize) -> Way {
    Way { account, endpoint: None, project: "p".into(), logstore: logstore.to_string() }
}

fn lanes(most: u32, logstores: usize) -> Lanes<Item> {
    let mut lanes = Lanes::new(most);
    for number in 0..logstores {
        assert_eq!(lanes.place(way(1, number)), number);
    }
    lanes
}

fn rate(bytes_per_second: u64) -> Option<SendRate> {
    Some(SendRate { bytes_per_second, until: None })
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
    lanes.run([(way(1, 0), rate(1000))], now);
    push(&mut lanes, &[(0, 1, 0), (0, 2, 0)]);
    assert!(matches!(lanes.next(now), Next::Item(_)));
    lanes.pace(0, 500, 0, now);
    assert_eq!(lanes.next(now), Next::Wait(Some(now + Duration::from_millis(500))));
    assert!(matches!(lanes.next(now + Duration::from_millis(500)), Next::Item(_)));
}

#[test]
fn a_rate_that_has_ended_paces_nothing() {
    let now = Instant::now();
    let mut lanes = lanes(8, 1);
    lanes.run([(way(1, 0), Some(SendRate { bytes_per_second: 1, until: Some(100) }))], now);
    push(&mut lanes, &[(0, 1, 0), (0, 2, 0), (0, 3, 0)]);
    all(&mut lanes, now);
    for item in [(0, 1, 0), (0, 2, 0), (0, 3, 0)] {
        done(&mut lanes, item);
    }
    push(&mut lanes, &[(0, 1, 0)]);
    lanes.pace(0, 500, 100, now);
    assert_eq!(all(&mut lanes, now), [(0, 1, 0)]);
    lanes.pace(0, 500, 99, now);
    push(&mut lanes, &[(0, 2, 0)]);
    assert_eq!(all(&mut lanes, now), []);
}

#[test]
fn another_rate_counts_at_once_also_for_what_waits() {
    let now = Instant::now();
    let paced = || {
        let mut lanes = lanes(8, 1);
        lanes.run([(way(1, 0), rate(100))], now);
        push(&mut lanes, &[(0, 1, 0), (0, 1, 1), (0, 1, 2), (0, 2, 0)]);
        assert_eq!(all(&mut lanes, now).len(), 2);
        lanes.pace(0, 1000, 0, now);
        done(&mut lanes, (0, 1, 0));
        assert_eq!(lanes.next(now), Next::Wait(Some(now + Duration::from_secs(10))));
        lanes
    };
    let mut faster = paced();
    faster.run([(way(1, 0), rate(500))], now);
    assert_eq!(faster.next(now), Next::Wait(Some(now + Duration::from_secs(2))));
    // Without a rate everything goes, and the lane stays in its order with what comes then.
    let mut free = paced();
    free.run([(way(1, 0), None)], now);
    let place = free.place(way(1, 0));
    push(&mut free, &[(place, 1, 3)]);
    for number in [1, 2, 3] {
        assert_eq!(all(&mut free, now), [(0, 1, number)]);
        done(&mut free, (0, 1, number));
    }
}

#[test]
fn configurations_of_one_logstore_share_its_limit_and_not_their_rates() {
    let now = Instant::now();
    let mut lanes = Lanes::new(2);
    lanes.run([(way(1, 0), rate(1)), (way(2, 0), None)], now);
    let (paced, free) = (lanes.place(way(1, 0)), lanes.place(way(2, 0)));
    push(&mut lanes, &[(paced, 1, 0), (paced, 2, 0)]);
    push(&mut lanes, &[(free, 3, 0), (free, 4, 0), (free, 5, 0)]);
    assert_eq!(all(&mut lanes, now), [(paced, 1, 0), (free, 3, 0)], "two under way at most");
    lanes.pace(paced, 100, 0, now);
    done(&mut lanes, (paced, 1, 0));
    assert_eq!(all(&mut lanes, now), [(free, 4, 0)], "who has a rate waits alone");
    // What the logstore refuses one of them rests both.
    for _ in 0..100 {
        lanes.failed(paced, Blame::Logstore, failure(), now);
    }
    done(&mut lanes, (free, 3, 0));
    done(&mut lanes, (free, 4, 0));
    assert_eq!(all(&mut lanes, now), []);
}

#[test]
fn a_place_that_nobody_goes_to_ends_with_what_waits_there() {
    let now = Instant::now();
    let mut lanes = lanes(1, 2);
    push(&mut lanes, &[(0, 1, 0), (0, 1, 1)]);
    assert_eq!(all(&mut lanes, now), [(0, 1, 0)]);
    lanes.run([(way(1, 7), None)], now);
    assert!(lanes.has_place(0), "something is under way");
    assert!(!lanes.has_place(1), "nothing is");
    done(&mut lanes, (0, 1, 0));
    assert_eq!(all(&mut lanes, now), [(0, 1, 1)]);
    done(&mut lanes, (0, 1, 1));
    assert!(!lanes.has_place(0));
    assert_eq!(lanes.places.len(), 1);
    assert_eq!(lanes.shared.len(), 3, "its logstore, the project and the endpoint");
    assert_eq!(lanes.by_name.len(), 3);
    lanes.run([], now);
    assert!(lanes.places.is_empty() && lanes.by_way.is_empty() && lanes.shared.is_empty());
    // It may come back, as another one.
    assert_eq!(lanes.place(way(1, 0)), 3);
}

#[test]
fn who_is_woken_goes_at_once_and_keeps_its_rate() {
    let now = Instant::now();
    let mut lanes = lanes(1, 2);
    for _ in 0..100 {
        lanes.failed(0, Blame::Endpoint, failure(), now);
        lanes.failed(1, Blame::Logstore, failure(), now);
    }
    push(&mut lanes, &[(0, 1, 0), (1, 1, 0), (1, 2, 0)]);
    assert_eq!(all(&mut lanes, now), []);
    lanes.wake();
    assert_eq!(all(&mut lanes, now), [(0, 1, 0), (1, 1, 0)]);
    lanes.run([(way(1, 0), None), (way(1, 1), rate(1000))], now);
    lanes.pace(1, 1000, 0, now);
    done(&mut lanes, (1, 1, 0));
    lanes.wake();
    assert_eq!(lanes.next(now), Next::Wait(Some(now + Duration::from_secs(1))));
}

#[test]
fn a_lane_knows_since_when_it_is_refused() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut lanes = lanes(9, 1);
    push(&mut lanes, &[(0, 1, 0), (0, 1, 1), (0, 1, 2), (0, 2, 0)]);
    assert_eq!(lanes.refused(0, 1, at(1)), at(1));
    assert_eq!(lanes.refused(0, 1, at(5)), at(1));
    assert_eq!(lanes.refused(0, 2, at(5)), at(5), "another lane on its own");
    // One that is given up does not make the next one young.
    all(&mut lanes, start);
    done(&mut lanes, (0, 1, 0));
    assert_eq!(lanes.refused(0, 1, at(9)), at(1));
    lanes.taken(0, 1);
    assert_eq!(lanes.refused(0, 1, at(10)), at(10));
}

#[derive(Clone, Debug)]
enum Step {
    Push(PlaceId, LaneId),
    Start,
    Done(prop::sample::Index),
    DoneFirst,
    Fail(prop::sample::Index),
    /// Another configuration, with these rates.
    Change([Option<u64>; 3]),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..3, 0u64..4).prop_map(|(place, lane)| Step::Push(place, lane)),
        4 => Just(Step::Start),
        2 => any::<prop::sample::Index>().prop_map(Step::Done),
        1 => any::<prop::sample::Index>().prop_map(Step::Fail),
        1 => any::<[Option<u16>; 3]>()
            .prop_map(|rates| Step::Change(rates.map(|rate| rate.map(u64::from)))),
    ]
}

proptest! {
    /// Whatever fails and when, and however rates change, every item goes out in the order of its
    /// lane, and none is lost.
    #[test]
    fn every_lane_keeps_its_order(steps in prop::collection::vec(step(), 0..200)) {
        let mut now = Instant::now();
        let mut lanes = lanes(3, 3);
        let mut next_number = HashMap::new();
        let mut finished: HashMap<(PlaceId, LaneId), u32> = HashMap::new();
        let mut running: Vec<Item> = Vec::new();
        // Afterwards everything is let through.
        let end = (0..1000).flat_map(|_| [Step::Start, Step::DoneFirst]);
        let end = std::iter::once(Step::Change([None; 3])).chain(end);
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
                        lanes.pace(item.0, 1000, 0, now);
                        running.push(item);
                    }
                }
                Step::Change(rates) => {
                    let ways = (0..3).map(|at| (way(1, at), rates[at].and_then(rate)));
                    lanes.run(ways, now);
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
