//! The life of one agent: it starts with the positions that are safe, is woken, looks, reads, saves
//! and comes to its end, as the collecting thread does.
//!
//! Only its clock, its disk and its threads are simulated. What becomes of a batch is in the network.

use super::Machine;
use super::network::Packed;
use super::schedule::Event;
use super::sight::{SimFiles, take_notices};
use crate::simulation::disk::NodeId;
use crate::simulation::world::{MILLI, SECOND};
use agent::checkpoint::{decode, encode};
use agent::metrics::Metrics;
use agent::send::lanes::Lanes;
use agent::tail::{
    Change as Configured, Collector, Delivery, LedgerPhase, Parcel, Route, Saved, Setup, Ship,
    Turn, Unsaved,
};
use pipeline::tags::AgentLabels;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The queue between the two threads.
pub(super) struct ToSender(Rc<RefCell<Vec<Parcel>>>);

impl Ship for ToSender {
    fn ship(&mut self, parcel: Parcel) {
        self.0.borrow_mut().push(parcel);
    }

    fn route(&mut self, _: Vec<Route>) {}
}

/// A message to the collecting thread.
pub(super) enum Message {
    Delivery(Delivery),
    Change(Configured),
    Saved(Saved),
}

/// An agent that runs.
pub(super) struct Agent {
    pub(super) collector: Collector<SimFiles, ToSender>,
    pub(super) parcels: Rc<RefCell<Vec<Parcel>>>,
    pub(super) lanes: Lanes<Packed>,
    pub(super) messages: Vec<Message>,
    pub(super) looked: u64,
    pub(super) saved: u64,
    pub(super) is_saving: bool,
    pub(super) scans: u64,
    /// Directories that are watched, by node.
    pub(super) watched: BTreeMap<NodeId, PathBuf>,
    pub(super) drain_until: Option<u64>,
    pub(super) paused_until: u64,
    /// When it wakes up next.
    pub(super) wakes_at: u64,
}

impl Machine {
    pub(super) fn start(&mut self) {
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
        self.world.borrow_mut().note_start();
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

    pub(super) fn wake_in(&mut self, after: u64) {
        let (life, at) = (self.life, self.now() + after);
        let Some(agent) = &mut self.agent else { return };
        if at < agent.wakes_at {
            agent.wakes_at = at;
            self.later(after, Event::Wake { life });
        }
    }

    pub(super) fn tell(&mut self, message: Message) {
        if let Some(agent) = &mut self.agent {
            agent.messages.push(message);
            self.wake_in(0);
        }
    }

    /// The kernel tells the watcher, which wakes the agent.
    pub(super) fn tell_writers_news(&mut self) {
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
    pub(super) fn wake(&mut self, at: u64) {
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
        self.world.borrow_mut().note_configured();
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
            // What is dead on disk is gone with the agent; nothing of it may have been left.
            self.end_life();
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
        let mut followed = BTreeSet::new();
        for account in agent.collector.ledger() {
            followed.insert(account.inode);
            let is_read = matches!(account.phase, LedgerPhase::Following | LedgerPhase::Gone);
            let held = world.memory.looked.keys().rev().find(|node| {
                let facts = &world.disk.nodes[**node];
                facts.inode == account.inode && facts.held > 0
            });
            if let (true, Some(node)) = (is_read, held.copied()) {
                let file = u128::from_be_bytes(account.file.0);
                if file != 0 {
                    world.book.name(file, world.memory.looked[&node]);
                }
                if let Some(content) = world.book.content_of(file) {
                    world.memory.read.insert(node, (content, account.read_bytes));
                }
            }
        }
        world.follows(followed);
        let faults = world.disk.faults;
        world.excuse_order_of_unreadable();
        let is_well = !matches!(turn, Turn::NoRoom { .. })
            && !self.plans.is_empty()
            && faults.io_per_mille == 0
            && !faults.no_descriptors;
        world.note_health(is_well);
    }

    pub(super) fn saved(&mut self, bytes: Option<Vec<u8>>) {
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
        self.world.borrow_mut().kept(&entries);
        self.durable = Some(bytes);
    }

    pub(super) fn change(&self) -> Configured {
        Configured {
            running: self.plans.iter().map(|plan| plan.name.clone()).collect::<HashSet<_>>(),
            plans: self.plans.clone(),
        }
    }

    /// It is no more, with all it had in memory.
    pub(super) fn end_life(&mut self) {
        self.agent = None;
        self.life += 1;
        self.world.borrow_mut().note_drain(false);
        self.world.borrow_mut().excuse_forgotten();
    }
}
