//! The talking thread: a runtime on one thread for sending, configurations and questions.

use super::collecting::Message;
use super::reporting::Shared;
use super::{StartError, local_zone, wall_seconds};
use crate::dead_letter::{self, Graveyard};
use crate::log::alarm;
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::provider::dir::{Directory, LOOK_EVERY, Place};
use crate::provider::history::{self, History};
use crate::provider::remote::{Beat, Identity, Remote};
use crate::send::{Connector, Rules, Sender, Sink, Task};
use crate::settings::{Membership, Settings, SinkKind, ThisMachine};
use crate::supervisor::Supervisor;
use crate::{admin, info};
use sls::collect::CollectConfig;
use sls_client::{Client, Endpoint};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

/// Everything the thread talks with.
pub(super) struct Talk {
    settings: Settings,
    sink: Sink,
    config_client: Option<Arc<Client>>,
    metrics: Arc<Metrics>,
    collector: Mailbox<Message>,
    /// Providers that have not answered yet.
    waiting_for: RefCell<Vec<&'static str>>,
    ears: Ears,
    /// Groups, accounts and tags as they were read last.
    membership: RefCell<Membership>,
    /// Wakes the heartbeat when they are others.
    joined: Notify,
    /// The configurations that each provider offers.
    known: RefCell<BTreeMap<&'static str, Vec<CollectConfig>>>,
}

/// What the thread hears from the main one.
pub(super) struct Ears {
    /// What to tell about files.
    pub(super) report: Shared,
    /// Everything is to be looked at again.
    pub(super) reload: Arc<Notify>,
    /// The end begins, or is nearer.
    pub(super) ending: Arc<Notify>,
}

/// The key of the ledger among the attributes of a heartbeat.
const LEDGER: &str = "sidetail.ledger";

/// Names of the providers, in the order in which they are asked.
const DIR: &str = "dir";
const REMOTE: &str = "remote";
const HISTORY: &str = history::PROVIDER;

/// Time between two looks at an import that is under way.
const IMPORT_EVERY: Duration = Duration::from_secs(1);

impl Talk {
    pub(super) fn new(
        settings: Settings,
        metrics: Arc<Metrics>,
        collector: Mailbox<Message>,
        ears: Ears,
    ) -> Result<Self, StartError> {
        let connector = Connector::new(&settings);
        let client = |endpoint: &Endpoint| connector.client(endpoint).map(Arc::new);
        let sink = match (settings.sink, &settings.endpoint) {
            (SinkKind::Sls, Some(endpoint)) => Sink::Sls(client(endpoint)?, connector.clone()),
            _ => Sink::Null,
        };
        let config_client = match (&settings.config_server, &sink) {
            (Some(endpoint), Sink::Sls(client, _)) if client.endpoint() == endpoint => {
                Some(Arc::clone(client))
            }
            (server, _) => server.as_ref().map(client).transpose()?,
        };
        let mut waiting_for = vec![DIR];
        waiting_for.extend(config_client.is_some().then_some(REMOTE));
        let waiting_for = RefCell::new(waiting_for);
        let membership = RefCell::new(settings.membership.clone());
        Ok(Self {
            settings,
            sink,
            config_client,
            metrics,
            collector,
            waiting_for,
            ears,
            membership,
            joined: Notify::new(),
            known: RefCell::default(),
        })
    }

    /// Talks until the process ends.
    pub(super) fn run(self, tasks: UnboundedReceiver<Task>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .expect("a runtime needs a few descriptors, and the mailboxes have got theirs");
        runtime.block_on(async {
            let supervisor = RefCell::new(Supervisor::new(local_zone(), self.settings.limits));
            let collector = self.collector.clone();
            let sender = Sender::new(
                self.sink.clone(),
                Rules {
                    compression: self.settings.compression,
                    most_in_flight: self.settings.requests_in_flight as u32,
                    keep_refused: self.settings.keep_refused,
                    longest_pause: self.settings.longest_pause,
                },
                Arc::new(Graveyard::new(
                    self.settings.state_dir.join(dead_letter::DIR),
                    self.settings.dead_letter_bytes as u64,
                    Arc::clone(&self.metrics),
                )),
                Arc::clone(&self.metrics),
                Arc::clone(&self.ears.ending),
                move |delivery| collector.send(Message::Delivery(delivery)),
            );
            let admin = async {
                match self.settings.admin_listen {
                    Some(listen) => admin::serve(listen, Arc::clone(&self.metrics)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::join!(
                sender.run(tasks),
                self.watch_dir(&supervisor),
                self.ask_remote(&supervisor),
                self.reread(),
                self.import(&supervisor),
                admin
            );
        });
    }

    async fn watch_dir(&self, supervisor: &RefCell<Supervisor>) {
        let place = |path: &PathBuf, may_be_missing| Place { path: path.clone(), may_be_missing };
        let own = self.settings.config_dir.iter().map(|path| place(path, false));
        let local = self.settings.local_configs.iter().map(|path| place(path, true));
        let mut directory = Directory::new(own.chain(local).collect(), local_zone());
        loop {
            if let Some(offers) = directory.look() {
                self.offered(supervisor, DIR, offers);
            }
            self.answered(DIR);
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.ears.reload.notified() => {}
            }
        }
    }

    /// Reads again what may change while the agent runs, from time to time and on request.
    async fn reread(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.settings.reload) => {}
                () = self.ears.reload.notified() => {}
            }
            let sources = &self.settings.membership_sources;
            let (now, problems) = sources.read(&ThisMachine, &self.membership.borrow());
            for problem in problems {
                alarm("USER_CONFIG_ALARM", "file tags", format_args!("{problem}"));
            }
            if now == *self.membership.borrow() {
                continue;
            }
            let ids: Vec<&str> = now.ids.iter().map(String::as_str).collect();
            info!("member of [{}] from now on, with {} file tags", ids.join(", "), now.tags.len());
            self.collector.send(Message::Labels(now.label(&self.settings.fixed_labels)));
            self.membership.replace(now);
            self.joined.notify_waiters();
        }
    }

    /// Imports what `local_event.json` names.
    async fn import(&self, supervisor: &RefCell<Supervisor>) {
        let mut history = History::new(&self.settings.state_dir);
        let mut has_looked = false;
        loop {
            let is_quiet = has_looked && !history.is_busy();
            let pause = if is_quiet { self.settings.reload } else { IMPORT_EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.ears.reload.notified() => {}
            }
            // Events are about configurations, and not all of them are known yet.
            if !self.waiting_for.borrow().is_empty() {
                continue;
            }
            has_looked = true;
            let progress = {
                let told = self.ears.report.lock().unwrap_or_else(PoisonError::into_inner);
                told.progress.clone()
            };
            let is_settled = history.settle(&progress);
            if history.look() || is_settled || history.is_busy() {
                let known: Vec<CollectConfig> =
                    self.known.borrow().values().flatten().cloned().collect();
                let offers = history.offers(&known, &progress);
                self.offered(supervisor, HISTORY, offers);
            }
        }
    }

    /// What a heartbeat says besides: the accounts, and the ledger.
    fn extras(&self) -> BTreeMap<String, Vec<u8>> {
        let mut extras = BTreeMap::new();
        let accounts: Vec<String> = self.membership.borrow().accounts.iter().cloned().collect();
        if !accounts.is_empty() {
            extras.insert("aliuids".to_owned(), accounts.join(",").into_bytes());
        }
        let report = self.ears.report.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(report) = &report.report {
            extras.insert(LEDGER.to_owned(), report.clone());
        }
        extras
    }

    async fn ask_remote(&self, supervisor: &RefCell<Supervisor>) {
        let Some(client) = &self.config_client else { return };
        info!("configurations come from {}", client.endpoint());
        let labels = &self.settings.labels;
        let identity = Identity {
            instance_id: format!("{}-{:016x}", labels.hostname, random()),
            hostname: labels.hostname.clone(),
            ip: labels.source.clone(),
            user_defined_ids: labels.user_defined_ids.clone(),
            started_seconds: wall_seconds(),
        };
        let kept_in = self.settings.state_dir.join("received.json");
        let mut remote = Remote::new(
            Arc::clone(client),
            identity,
            self.settings.heartbeat,
            kept_in,
            Arc::clone(&self.metrics),
            local_zone(),
        );
        let kept = remote.offers();
        if !kept.is_empty() {
            self.offered(supervisor, REMOTE, kept);
        }
        loop {
            remote.introduce(self.membership.borrow().ids.iter().cloned().collect(), self.extras());
            let beat = remote.beat(|name| supervisor.borrow().fate(REMOTE, name).cloned()).await;
            if beat == Beat::Changed {
                self.offered(supervisor, REMOTE, remote.offers());
            }
            if beat != Beat::Failed {
                self.answered(REMOTE);
            }
            tokio::select! {
                () = tokio::time::sleep(remote.pause(random() as u32)) => {}
                () = self.joined.notified() => {}
                () = self.ears.reload.notified() => {}
            }
        }
    }

    /// Notes the first answer of a provider. After the last of them the collector knows all.
    fn answered(&self, provider: &'static str) {
        let mut waiting = self.waiting_for.borrow_mut();
        let before = waiting.len();
        waiting.retain(|other| *other != provider);
        if before > 0 && waiting.is_empty() {
            self.collector.send(Message::Configured);
        }
    }

    fn offered(
        &self,
        supervisor: &RefCell<Supervisor>,
        provider: &'static str,
        offers: Vec<crate::provider::Offer>,
    ) {
        if provider != HISTORY {
            let configs = offers.iter().filter_map(|offer| offer.config.as_ref().ok()?.clone());
            self.known.borrow_mut().insert(provider, configs.collect());
        }
        let change = supervisor.borrow_mut().offered(provider, offers);
        self.metrics.configs_refused.set(supervisor.borrow().refused() as u64);
        if let Some(change) = change {
            self.collector.send(Message::Change(change));
        }
    }
}

/// A number that nobody can guess, from the seed of the standard library's hash maps.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
