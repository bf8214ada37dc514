//! What the seed lets happen from outside: writers act, the agent is killed, asked to end or put to
//! sleep, the service and the disk behave otherwise, the configuration and the clock are changed. At
//! last everything is fine.

use super::life::Message;
use super::network::Weather;
use super::schedule::Event;
use super::{Machine, Plan};
use crate::simulation::disk::Faults;
use crate::simulation::world::{MILLI, SECOND};
use agent::tail::Notice;
use sls::error::ErrorCode;
use std::time::Duration;

impl Machine {
    pub(super) fn act(&mut self, plan: &impl Fn(&str, &str) -> Plan) {
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
                let mut faults = Faults::default();
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
                self.world.borrow_mut().note_health(false);
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
            self.world.borrow_mut().excuse_lost_memory();
        }
    }

    fn configure_otherwise(&mut self, plan: &impl Fn(&str, &str) -> Plan) {
        let pattern = self.world.borrow().pattern().text();
        match self.script.range(0, 4) {
            0 => {
                self.plans.clear();
                self.world.borrow_mut().excuse_removed_configuration();
                self.say(|| "the configuration is removed".to_owned());
            }
            1 => {
                self.version += 1;
                self.world.borrow_mut().excuse_renamed_configuration();
                self.plans = vec![plan(&format!("c{}", self.version), pattern)];
                self.say(|| format!("the configuration is named c{}", self.version));
            }
            _ => {
                self.plans = vec![plan(&format!("c{}", self.version), pattern)];
                self.say(|| "the configuration is replaced".to_owned());
            }
        }
        self.world.borrow_mut().note_health(false);
        let change = self.change();
        self.tell(Message::Change(change));
    }

    fn crash(&mut self) {
        if self.agent.is_none() {
            return;
        }
        self.say(|| "the agent is killed".to_owned());
        self.end_life();
        let rest = self.script.range(0, 4 * SECOND);
        self.later(rest, Event::Start);
    }

    fn terminate(&mut self) {
        let (now, moment) = (self.now(), self.moment());
        if let Some(agent) = &mut self.agent
            && agent.drain_until.is_none()
        {
            let grace = *self.script.pick(&[SECOND, 25 * SECOND]);
            agent.drain_until = Some(now + grace);
            self.world.borrow_mut().note_drain(true);
            agent.collector.drain(moment.clock + Duration::from_nanos(grace), moment);
            self.say(|| "the agent is asked to end".to_owned());
            self.wake_in(0);
        }
    }

    pub(super) fn settle(&mut self, plan: &impl Fn(&str, &str) -> Plan) {
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
            world.disk.faults = Faults::default();
            world.no_more_interference();
            world.now += SECOND;
            world.bury();
        }
        self.ends_by = self.now() + 400 * SECOND;
        self.later(100 * SECOND, Event::End);
    }
    /// The agent is asked to end at last, with more time than it needs.
    pub(super) fn end(&mut self) {
        let (now, moment) = (self.now(), self.moment());
        if let Some(agent) = &mut self.agent {
            agent.drain_until = Some(now + 120 * SECOND);
            self.world.borrow_mut().note_drain(true);
            agent.collector.drain(moment.clock + Duration::from_secs(120), moment);
            self.wake_in(0);
        }
    }
}
