//! One agent, a network and a service: what the programs' threads do, in the order of a simulated
//! clock.
//!
//! The machine takes one event after the other and lets it happen. What is right or wrong about what
//! then arrives is not its matter: that is in the book of the world.

mod accidents;
mod life;
mod network;
mod schedule;
mod sight;

use super::Plan;
use super::random::Random;
use super::world::{MILLI, SECOND, World};
use agent::tail::Moment;
use life::Agent;
use network::Weather;
use pipeline::batch::BatchLimits;
use schedule::{Event, Schedule};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

type Shared = Rc<RefCell<World>>;

/// What stays the same for every agent of a run.
struct Habits {
    limits: BatchLimits,
    budget_bytes: usize,
    read_bytes: usize,
    max_open_files: usize,
    scan_every: u64,
    in_flight: usize,
    watches: bool,
    save_takes: u64,
}

pub(crate) struct Machine {
    world: Shared,
    script: Random,
    network: Random,
    base: Instant,
    schedule: Schedule,
    life: u64,
    agent: Option<Agent>,
    habits: Habits,
    weather: Weather,
    /// The checkpoint that a crash leaves.
    durable: Option<Vec<u8>>,
    saves_fail: bool,
    plans: Vec<Plan>,
    version: u64,
    acts_left: u64,
    is_settling: bool,
    ends_by: u64,
    is_drained: bool,
}

impl Machine {
    pub(crate) fn new(seed: u64, plan: impl Fn(&str, &str) -> Plan, trace: bool) -> Self {
        let mut script = Random::new(seed.rotate_left(17) ^ 0x1234_5678);
        let scan_every = *script.pick(&[200 * MILLI, SECOND, SECOND, 5 * SECOND]);
        let habits = Habits {
            limits: BatchLimits {
                max_bytes: script.range(100, 4000) as usize,
                max_logs: script.range(1, 40) as usize,
                max_age: Duration::from_millis(script.range(10, 500)),
            },
            budget_bytes: *script.pick(&[2_000, 20_000, 1 << 20]),
            read_bytes: *script.pick(&[200, 2_000, 64 * 1024]),
            max_open_files: *script.pick(&[2, 1000, 1000]),
            scan_every,
            in_flight: script.range(1, 5) as usize,
            watches: script.chance(700),
            save_takes: *script.pick(&[MILLI, 5 * MILLI, 100 * MILLI, 2 * SECOND]),
        };
        let world = World::new(seed, scan_every, trace);
        let pattern = world.pattern().text();
        let mut machine = Self {
            world: Rc::new(RefCell::new(world)),
            network: Random::new(seed.rotate_left(41) ^ 0x8765_4321),
            base: Instant::now(),
            schedule: Schedule::default(),
            life: 0,
            agent: None,
            habits,
            weather: Weather::Fine,
            durable: None,
            saves_fail: false,
            plans: vec![plan("c0", pattern)],
            version: 0,
            acts_left: script.range(20, 160),
            is_settling: false,
            ends_by: u64::MAX,
            is_drained: false,
            script,
        };
        let first = machine.script.range(0, 2 * SECOND);
        machine.later(first, Event::Start);
        machine.later(machine.habits.scan_every / 7, Event::Act);
        machine
    }

    fn now(&self) -> u64 {
        self.world.borrow().now
    }

    fn moment(&self) -> Moment {
        let world = self.world.borrow();
        Moment { wall_nanos: world.wall(), clock: self.base + Duration::from_nanos(world.now) }
    }

    fn say(&self, text: impl FnOnce() -> String) {
        self.world.borrow().say(text);
    }

    fn later(&mut self, after: u64, event: Event) {
        let at = self.now() + after;
        self.schedule.put(at, event);
    }

    /// Runs to the end; gives the world with its book.
    pub(crate) fn run(mut self, plan: impl Fn(&str, &str) -> Plan) -> (Shared, bool) {
        while let Some((at, event)) = self.schedule.next() {
            {
                let mut world = self.world.borrow_mut();
                world.now = world.now.max(at);
            }
            match event {
                Event::Wake { life } if life == self.life => self.wake(at),
                Event::Wake { .. } => {}
                Event::Act => self.act(&plan),
                Event::Arrive { life, file, start, end, logs } => {
                    self.say(|| format!("stored {file:08x} bytes {start}-{end}"));
                    let world = &mut *self.world.borrow_mut();
                    world.excuse_order_of_overtaken(life != self.life);
                    world.book.arrive(file, start, end, &logs, world.now);
                }
                Event::Answer { life, packed, answer } if life == self.life => {
                    self.answered(*packed, answer);
                }
                Event::Rested { life, packed } if life == self.life => {
                    if let Some(agent) = &mut self.agent {
                        agent.lanes.put_back(packed.place, packed.lane, [*packed]);
                    }
                    self.send();
                }
                Event::Rise { life } if life == self.life => self.send(),
                Event::Saved { life, bytes } if life == self.life => self.saved(bytes),
                Event::Answer { .. }
                | Event::Rested { .. }
                | Event::Rise { .. }
                | Event::Saved { .. } => {}
                Event::Start => self.start(),
                Event::Settle => self.settle(&plan),
                Event::End => self.end(),
            }
            if self.is_drained || self.now() > self.ends_by {
                break;
            }
            self.tell_writers_news();
        }
        let drained = self.is_drained;
        self.agent = None;
        (self.world, drained)
    }
}
