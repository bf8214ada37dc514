//! One agent, a network and a service: what the programs' threads do, in the order of a simulated
//! clock.

use super::Plan;
use super::disk::{Change, NodeId};
use super::random::Random;
use super::world::{MILLI, ROOT, SECOND, World};
use agent::budget::AccountId;
use agent::checkpoint::{decode, encode};
use agent::files::{Files, Found, Kind};
use agent::metrics::Metrics;
use agent::send::lanes::{Lanes, Next, PlaceId};
use agent::tail::{
    Change as Configured, Collector, Delivery, FileKey, LaneId, Moment, Notice, Parcel, Saved,
    Setup, Ship, Turn, Unsaved,
};
use agent::watch::{Event as Seen, What, notices};
use pipeline::batch::BatchLimits;
use pipeline::flow::Outcome;
use pipeline::retry::{Answer, Attempt, Decision, KEEP_REFUSED, blame, decide, reason};
use pipeline::tags::AgentLabels;
use sls::error::{ErrorCode, RetryClass};
use sls::log_group::LogGroup;
use std::cell::RefCell;
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Shared = Rc<RefCell<World>>;

/// The disk as the agent sees it.
pub(crate) struct SimFiles(Shared);

/// An open file of the agent.
pub(crate) struct SimHandle {
    node: NodeId,
    world: Shared,
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.disk.nodes[self.node].held -= 1;
        world.disk.close(self.node);
        world.read.remove(&self.node);
        world.looked.remove(&self.node);
        if world.disk.faults.io_per_mille > 0 && world.disk.nodes[self.node].held == 0 {
            // Opened, not readable, and maybe deleted meanwhile.
            world.moved(self.node);
        }
    }
}

impl Files for SimFiles {
    type Handle = SimHandle;

    fn list(&mut self, dir: &Path, entry: &mut dyn FnMut(&[u8], Kind)) -> io::Result<()> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        for (name, kind) in world.disk.list(dir, &mut world.random)? {
            entry(&name, kind);
        }
        Ok(())
    }

    fn look(&mut self, path: &Path) -> io::Result<Found> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        world.disk.look(path, &mut world.random)
    }

    fn open(&mut self, path: &Path) -> io::Result<SimHandle> {
        let node = {
            let world = &mut *self.0.borrow_mut();
            world.interfere();
            world.disk.open_to_read(path, &mut world.random)?
        };
        Ok(SimHandle { node, world: Rc::clone(&self.0) })
    }

    fn look_at(&mut self, handle: &SimHandle) -> io::Result<Found> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        world.disk.look_at(handle.node, &mut world.random)
    }

    fn read_at(&mut self, handle: &SimHandle, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        let content = world.disk.content(handle.node);
        world.looked.insert(handle.node, content);
        world.disk.read_at(handle.node, buf, offset, &mut world.random)
    }
}

/// The queue between the two threads.
struct ToSender(Rc<RefCell<Vec<Parcel>>>);

impl Ship for ToSender {
    fn ship(&mut self, parcel: Parcel) {
        self.0.borrow_mut().push(parcel);
    }
}

/// A batch that is ready to be sent.
struct Packed {
    key: FileKey,
    place: PlaceId,
    lane: LaneId,
    account: AccountId,
    file: u128,
    start: u64,
    end: u64,
    logs: Rc<Vec<Vec<u8>>>,
    held: usize,
    tries: u32,
    first_try: Option<u64>,
}

/// How the service and the way to it behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fine,
    Slow,
    LosesAnswers,
    Resets,
    Stalls,
    Refuses(ErrorCode),
    Mixed,
}

enum Event {
    Wake {
        life: u64,
    },
    Act,
    /// A request reaches the service, whoever sent it.
    Arrive {
        life: u64,
        file: u128,
        start: u64,
        end: u64,
        logs: Rc<Vec<Vec<u8>>>,
    },
    Answer {
        life: u64,
        packed: Box<Packed>,
        answer: Answer,
    },
    Rested {
        life: u64,
        packed: Box<Packed>,
    },
    /// A limit lets something start again.
    Rise {
        life: u64,
    },
    Saved {
        life: u64,
        bytes: Option<Vec<u8>>,
    },
    Start,
    Settle,
    End,
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

/// A message to the collecting thread.
enum Message {
    Delivery(Delivery),
    Change(Configured),
    Saved(Saved),
}

/// An agent that runs.
struct Agent {
    collector: Collector<SimFiles, ToSender>,
    parcels: Rc<RefCell<Vec<Parcel>>>,
    lanes: Lanes<Packed>,
    messages: Vec<Message>,
    looked: u64,
    saved: u64,
    is_saving: bool,
    scans: u64,
    /// Directories that are watched, by node.
    watched: BTreeMap<NodeId, PathBuf>,
    drain_until: Option<u64>,
    paused_until: u64,
    /// When it wakes up next.
    wakes_at: u64,
}

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
    queue: BinaryHeap<Scheduled>,
    number: u64,
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
            queue: BinaryHeap::new(),
            number: 0,
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
        self.number += 1;
        self.queue.push(Scheduled { at, number: self.number, event });
    }

    /// Runs to the end; gives the world with its book.
    pub(crate) fn run(mut self, plan: impl Fn(&str, &str) -> Plan) -> (Shared, bool) {
        while let Some(Scheduled { at, event, .. }) = self.queue.pop() {
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
                    // What an agent sent before it was killed may arrive whenever the network likes.
                    world.book.is_overtaken = life != self.life;
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
                Event::End => {
                    let now = self.now();
                    if let Some(agent) = &mut self.agent {
                        agent.drain_until = Some(now + 120 * SECOND);
                        let moment = self.moment();
                        let deadline = moment.clock + Duration::from_secs(120);
                        if let Some(agent) = &mut self.agent {
                            agent.collector.drain(deadline, moment);
                        }
                        self.wake_in(0);
                    }
                }
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

    // Writers and accidents.

    fn act(&mut self, plan: &impl Fn(&str, &str) -> Plan) {
        let dice = self.script.range(0, 1000);
        match dice {
            0..820 => self.world.borrow_mut().act(),
            820..870 => self.crash(),
            870..890 => self.terminate(),
            890..930 => {
                let weathers = [
                    Weather::Fine,
                    Weather::Fine,
                    Weather::Slow,
                    Weather::LosesAnswers,
                    Weather::Resets,
                    Weather::Stalls,
                    Weather::Mixed,
                    Weather::Refuses(ErrorCode::InternalServerError),
                    Weather::Refuses(ErrorCode::WriteQuotaExceed),
                    Weather::Refuses(ErrorCode::LogStoreNotExist),
                    Weather::Refuses(ErrorCode::SignatureNotMatch),
                ];
                self.weather = *self.script.pick(&weathers);
                self.say(|| format!("the service: {:?}", self.weather));
            }
            930..955 => {
                let mut faults = super::disk::Faults::default();
                if self.script.chance(500) {
                    faults.io_per_mille = *self.script.pick(&[0, 0, 50, 400]);
                    faults.short_per_mille = *self.script.pick(&[0, 300]);
                    faults.no_descriptors = self.script.chance(200);
                }
                self.saves_fail = self.script.chance(150);
                self.say(|| format!("faults: {faults:?}, saves fail: {}", self.saves_fail));
                self.world.borrow_mut().disk.faults = faults;
            }
            955..980 => self.configure_otherwise(plan),
            980..985 => {
                self.say(|| "the watcher loses everything".to_owned());
                self.world.borrow_mut().disk.changes.clear();
                let now = self.moment();
                if let Some(agent) = &mut self.agent {
                    agent.collector.notice(Notice::Unclear, now);
                }
            }
            985..990 => self.world.borrow_mut().step_clock(),
            990..994 => self.lose_memory(),
            _ => {
                let until = self.now() + self.script.range(0, 4 * SECOND);
                self.say(|| format!("the agent sleeps until {} ms", until / MILLI));
                self.world.borrow_mut().well_since = None;
                if let Some(agent) = &mut self.agent {
                    agent.paused_until = until;
                }
            }
        }
        if self.is_settling {
            return;
        }
        self.acts_left -= 1;
        if self.acts_left == 0 {
            self.later(0, Event::Settle);
            return;
        }
        let pause = match self.script.range(0, 100) {
            0..50 => self.script.range(0, 10 * MILLI),
            50..85 => self.script.range(0, 300 * MILLI),
            85..97 => self.script.range(0, 3 * SECOND),
            97..99 => self.script.range(0, 20 * SECOND),
            _ => self.script.range(0, 90 * SECOND),
        };
        self.later(pause, Event::Act);
    }

    /// The checkpoint is damaged, and the agent dies: as after the loss of its volume.
    fn lose_memory(&mut self) {
        self.say(|| "the checkpoint is damaged".to_owned());
        self.crash();
        if let Some(bytes) = &mut self.durable {
            bytes.truncate(bytes.len() / 2);
            let world = &mut *self.world.borrow_mut();
            world.book.memory_lost();
            world.recorded.clear();
            world.recorded_contents.clear();
            world.named_contents.clear();
            world.crashed();
        }
    }

    fn configure_otherwise(&mut self, plan: &impl Fn(&str, &str) -> Plan) {
        let pattern = self.world.borrow().pattern().text();
        match self.script.range(0, 4) {
            0 => {
                self.plans.clear();
                self.world.borrow_mut().removed_configuration();
                self.say(|| "the configuration is removed".to_owned());
            }
            1 => {
                self.version += 1;
                // A file on no record cannot be known again under another name.
                self.world.borrow_mut().renamed_configuration();
                self.plans = vec![plan(&format!("c{}", self.version), pattern)];
                self.say(|| format!("the configuration is named c{}", self.version));
            }
            _ => {
                self.plans = vec![plan(&format!("c{}", self.version), pattern)];
                self.say(|| "the configuration is replaced".to_owned());
            }
        }
        self.world.borrow_mut().well_since = None;
        let change = self.change();
        self.tell(Message::Change(change));
    }

    fn change(&self) -> Configured {
        Configured {
            running: self.plans.iter().map(|plan| plan.name.clone()).collect::<HashSet<_>>(),
            plans: self.plans.clone(),
        }
    }

    fn crash(&mut self) {
        if self.agent.is_none() {
            return;
        }
        self.say(|| "the agent is killed".to_owned());
        self.end_life();
        self.world.borrow_mut().crashed();
        let rest = self.script.range(0, 4 * SECOND);
        self.later(rest, Event::Start);
    }

    fn end_life(&mut self) {
        self.agent = None;
        self.life += 1;
        self.world.borrow_mut().well_since = None;
    }

    fn terminate(&mut self) {
        let (now, moment) = (self.now(), self.moment());
        if let Some(agent) = &mut self.agent
            && agent.drain_until.is_none()
        {
            let grace = *self.script.pick(&[SECOND, 25 * SECOND]);
            agent.drain_until = Some(now + grace);
            agent.collector.drain(moment.clock + Duration::from_nanos(grace), moment);
            self.say(|| "the agent is asked to end".to_owned());
            self.wake_in(0);
        }
    }

    fn settle(&mut self, plan: &impl Fn(&str, &str) -> Plan) {
        self.say(|| "everything is fine from now on".to_owned());
        self.is_settling = true;
        self.weather = Weather::Fine;
        self.saves_fail = false;
        if self.plans.is_empty() {
            let pattern = self.world.borrow().pattern().text();
            self.plans = vec![plan(&format!("c{}", self.version), pattern)];
            let change = self.change();
            self.tell(Message::Change(change));
        }
        {
            let mut world = self.world.borrow_mut();
            world.disk.faults = super::disk::Faults::default();
            world.no_more_interference();
            world.now += SECOND;
            world.bury();
        }
        self.ends_by = self.now() + 400 * SECOND;
        self.later(100 * SECOND, Event::End);
    }

    // The agent.

    fn start(&mut self) {
        if self.agent.is_some() {
            return;
        }
        let restored = self.durable.as_deref().map(decode).and_then(Result::ok).unwrap_or_default();
        self.say(|| format!("an agent starts with {} positions", restored.len()));
        let parcels = Rc::new(RefCell::new(Vec::new()));
        let setup = Setup {
            limits: self.habits.limits,
            budget_bytes: self.habits.budget_bytes,
            read_bytes: self.habits.read_bytes,
            max_open_files: self.habits.max_open_files,
            max_bytes_per_second: None,
            scan_every: Duration::from_nanos(self.habits.scan_every),
            path_prefix: PathBuf::new(),
            labels: AgentLabels { hostname: "h".into(), ..AgentLabels::default() },
            read_whole_after_nanos: 0,
            restored,
            metrics: Arc::new(Metrics::default()),
        };
        let (way_out, now) = (ToSender(Rc::clone(&parcels)), self.moment());
        let mut collector = Collector::new(SimFiles(Rc::clone(&self.world)), way_out, setup, now);
        collector.configured();
        let at = self.now();
        self.agent = Some(Agent {
            collector,
            parcels,
            lanes: Lanes::new(self.habits.in_flight as u32),
            messages: vec![Message::Change(self.change())],
            looked: at,
            saved: at,
            is_saving: false,
            scans: 0,
            watched: BTreeMap::new(),
            drain_until: None,
            paused_until: 0,
            wakes_at: u64::MAX,
        });
        self.wake_in(0);
    }

    fn wake_in(&mut self, after: u64) {
        let (life, at) = (self.life, self.now() + after);
        let Some(agent) = &mut self.agent else { return };
        if at < agent.wakes_at {
            agent.wakes_at = at;
            self.later(after, Event::Wake { life });
        }
    }

    fn tell(&mut self, message: Message) {
        if let Some(agent) = &mut self.agent {
            agent.messages.push(message);
            self.wake_in(0);
        }
    }

    /// The kernel tells the watcher, which wakes the agent.
    fn tell_writers_news(&mut self) {
        let Some(agent) = &self.agent else {
            self.world.borrow_mut().disk.changes.clear();
            return;
        };
        if !self.habits.watches {
            self.world.borrow_mut().disk.changes.clear();
            return;
        }
        let is_news = {
            let mut world = self.world.borrow_mut();
            let watched = &agent.watched;
            world.disk.changes.retain(|(dir, ..)| watched.contains_key(dir));
            !world.disk.changes.is_empty()
        };
        if is_news {
            let at = (agent.looked + 20 * MILLI).max(self.now());
            self.wake_in(at - self.now());
        }
    }

    /// One round of the collecting thread.
    fn wake(&mut self, at: u64) {
        let (now, moment) = (self.now(), self.moment());
        let Some(agent) = &mut self.agent else { return };
        if at != agent.wakes_at {
            // It was woken earlier.
            return;
        }
        agent.wakes_at = u64::MAX;
        if agent.paused_until > now {
            let rest = agent.paused_until - now;
            agent.paused_until = 0;
            self.wake_in(rest);
            return;
        }
        for message in std::mem::take(&mut agent.messages) {
            match message {
                Message::Delivery(delivery) => agent.collector.delivered(delivery),
                Message::Change(change) => agent.collector.change(change, moment),
                Message::Saved(outcome) => {
                    agent.is_saving = false;
                    agent.collector.saved(outcome);
                }
            }
        }
        let looks = now >= agent.looked + 20 * MILLI || agent.collector.is_scan_due(moment);
        if self.habits.watches && looks {
            agent.looked = now;
            for notice in take_notices(&self.world, &mut agent.watched) {
                agent.collector.notice(notice, moment);
            }
        }
        let turn = agent.collector.turn(moment);
        if agent.collector.scans() != agent.scans {
            agent.scans = agent.collector.scans();
            let world = &mut *self.world.borrow_mut();
            let before = std::mem::take(&mut agent.watched);
            // The kernel tells nothing of what happened before it was asked to.
            world.disk.changes.retain(|(dir, ..)| before.contains_key(dir));
            for dir in agent.collector.directories() {
                if let Some(node) = world.disk.resolve(dir, true) {
                    agent.watched.entry(node).or_insert_with(|| dir.clone());
                }
            }
        }
        self.note_progress(turn);
        self.pack();
        let Some(agent) = &mut self.agent else { return };
        if let Some(report) = agent.collector.drained(moment) {
            let bytes = encode(&agent.collector.positions(moment));
            self.say(|| format!("the agent ends: {report:?}"));
            match self.saves_fail {
                true => self.world.borrow_mut().not_saved(),
                false => self.keep(bytes),
            }
            if report.left_bytes == 0 && self.is_settling {
                self.is_drained = true;
                return;
            }
            self.end_life();
            // What is dead on disk is gone with the agent; nothing of it may have been left.
            self.world.borrow_mut().crashed();
            let rest = self.script.range(0, 2 * SECOND);
            self.later(rest, Event::Start);
            return;
        }
        let save_at = match agent.collector.unsaved() {
            _ if agent.is_saving => None,
            Unsaved::Nothing => None,
            Unsaved::Positions => Some(agent.saved + SECOND),
            Unsaved::Files => Some(agent.saved + 20 * MILLI),
        };
        if save_at.is_some_and(|at| at <= now) {
            agent.saved = now;
            agent.is_saving = true;
            let bytes = encode(&agent.collector.positions(moment));
            let bytes = (!self.saves_fail).then_some(bytes);
            let takes = self.script.range(1, self.habits.save_takes + 1);
            let life = self.life;
            self.later(takes, Event::Saved { life, bytes });
        }
        let until = match turn {
            Turn::More => now + self.network.range(20_000, MILLI),
            Turn::NoRoom { until } | Turn::Idle { until } => {
                let until = until.duration_since(self.base).as_nanos() as u64;
                save_at.map_or(until, |at| until.min(at))
            }
        };
        self.wake_in(until.saturating_sub(now).max(10_000));
    }

    /// Notes how far the agent has read, and whether something keeps it from reading.
    fn note_progress(&mut self, turn: Turn) {
        let Some(agent) = &self.agent else { return };
        let world = &mut *self.world.borrow_mut();
        for account in agent.collector.ledger() {
            let is_read = matches!(
                account.phase,
                agent::tail::LedgerPhase::Following | agent::tail::LedgerPhase::Gone
            );
            let held = world.looked.keys().rev().find(|node| {
                let facts = &world.disk.nodes[**node];
                facts.inode == account.inode && facts.held > 0
            });
            if let (true, Some(node)) = (is_read, held.copied()) {
                let file = u128::from_be_bytes(account.file.0);
                if file != 0 {
                    world.book.name(file, world.looked[&node]);
                }
                if let Some(content) = world.book.content_of(file) {
                    world.read.insert(node, (content, account.read_bytes));
                }
            }
        }
        let faults = world.disk.faults;
        world.suffer();
        let is_well = !matches!(turn, Turn::NoRoom { .. })
            && !self.plans.is_empty()
            && faults.io_per_mille == 0
            && !faults.no_descriptors;
        match is_well {
            true => world.well_since = world.well_since.or(Some(world.now)),
            false => world.well_since = None,
        }
    }

    fn saved(&mut self, bytes: Option<Vec<u8>>) {
        let outcome = match bytes {
            Some(bytes) => {
                self.keep(bytes);
                Saved::Yes
            }
            None => {
                self.world.borrow_mut().not_saved();
                Saved::No
            }
        };
        self.tell(Message::Saved(outcome));
    }

    /// A checkpoint is on disk.
    fn keep(&mut self, bytes: Vec<u8>) {
        let entries = decode(&bytes).unwrap_or_default();
        let world = &mut *self.world.borrow_mut();
        world.saves_failed = false;
        world.recorded =
            entries.iter().map(|entry| (entry.inode, entry.born.unwrap_or_default())).collect();
        world.named_contents = entries
            .iter()
            .filter_map(|entry| world.book.content_of(u128::from_be_bytes(entry.file.0)))
            .collect();
        world.once_named.extend(&world.named_contents);
        world.recorded_contents = entries
            .iter()
            .filter(|entry| entry.offset > 0)
            .filter_map(|entry| world.book.content_of(u128::from_be_bytes(entry.file.0)))
            .collect();
        self.durable = Some(bytes);
    }

    // The sender.

    fn pack(&mut self) {
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
            let place = agent.lanes.place(&destinations[0]);
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
    fn send(&mut self) {
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

    fn answered(&mut self, packed: Packed, answer: Answer) {
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

/// What the watcher makes of the changes on the disk.
fn take_notices(world: &Shared, watched: &mut BTreeMap<NodeId, PathBuf>) -> Vec<Notice> {
    let changes = std::mem::take(&mut world.borrow_mut().disk.changes);
    let mut events: Vec<Seen> = Vec::new();
    let mut is_unclear = false;
    for (dir, name, change) in changes {
        let Some(path) = watched.get(&dir) else { continue };
        let what = match change {
            Change::Modified => What::Modified,
            Change::Created => What::Created,
            Change::MovedFrom(cookie) => What::MovedFrom { cookie },
            Change::MovedTo(cookie) => What::MovedTo { cookie },
            Change::Gone => {
                watched.remove(&dir);
                is_unclear = true;
                continue;
            }
        };
        let event = Seen { dir: path.clone(), name: OsStr::from_bytes(&name).to_owned(), what };
        if events.last() != Some(&event) {
            events.push(event);
        }
    }
    let mut found = notices(&events);
    if is_unclear {
        found.push(Notice::Unclear);
    }
    found
}

/// The directory that every plan looks into.
pub(crate) fn root() -> &'static str {
    ROOT
}
