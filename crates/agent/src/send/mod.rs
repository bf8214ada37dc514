//! Compresses batches, keeps requests in flight, and acts on the answers.
//!
//! A batch is compressed as soon as it arrives: then it waits small, and its writer is free for
//! the collecting thread. A parcel with several destinations goes to each of them on its own, and
//! is delivered when all of them have it. Batches of one lane go one after the other, so that the
//! order inside a file is kept at each destination; how many go beside each other is decided by
//! the answers ([`pipeline::flow`]).

mod connect;
pub mod lanes;
mod packed;

pub use connect::{ConnectError, Connector};

use crate::alarms::raise;
use crate::budget::AccountId;
use crate::dead_letter::{Address, BuryError, Cause, Graveyard, Letter};
use crate::log::{Level, alarm};
use crate::metrics::Metrics;
use crate::tail::{Delivery, Destination, Fate, Parcel, Route};
use crate::tally::{self, Sent};
use lanes::{Lanes, Next, PlaceId, Way};
use packed::{Load, Packed, Packer};
use pipeline::flow::Outcome;
use pipeline::retry::{Answer, Attempt, Decision, Reason, TRIES_OF_INVALID, blame, decide};
use sls::compress::Compression;
use sls::error::RetryClass;
use sls_client::{Client, ClientError, Endpoint, EndpointError};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// Parts in a row that a logstore finds invalid, without taking anything in between, after which
/// batches are given up whole: then it is not about single records.
const PARTS_IN_VAIN: u32 = 3;

/// The longest pause between two tries once the end has begun, whoever asks for a longer one: what
/// is not delivered by then may be gone with the pod.
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Where batches go.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Nowhere: each batch counts as stored. For measuring and trying.
    Null,
    /// The log service, or where a destination names another one, that.
    Sls(Arc<Client>, Connector),
}

/// How a [`Sender`] behaves.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How bodies are compressed where the destination does not say.
    pub compression: Compression,
    /// Requests under way to one logstore at most.
    pub most_in_flight: u32,
    /// The age at which a batch is given up that is refused for a reason outside the data.
    pub keep_refused: Duration,
    /// The longest pause between two tries, unless the service asks for a longer one.
    pub longest_pause: Duration,
}

/// What a sender is given to do, in this order.
#[derive(Debug)]
pub enum Task {
    /// A parcel to be sent.
    Send(Parcel),
    /// The routes of all configurations that run from now on.
    Route(Vec<Route>),
}

/// What a task of the sender came back with.
enum Came {
    Answer(Box<Packed>, Result<(), ClientError>),
    Rested(Box<Packed>),
    Buried(Box<Packed>, Result<(), BuryError>),
}

/// The sending half of the talking thread.
pub struct Sender<D: Fn(Delivery)> {
    sink: Sink,
    rules: Rules,
    packer: Packer,
    lanes: Lanes<Box<Packed>>,
    tasks: JoinSet<Came>,
    graveyard: Arc<Graveyard>,
    deliver: D,
    metrics: Arc<Metrics>,
    /// Clients of services that destinations name.
    others: HashMap<String, Arc<Client>>,
    /// Invalid parts since something was last taken.
    in_vain: HashMap<PlaceId, u32>,
    /// Tells that the end begins, or is nearer.
    ending: Arc<Notify>,
    is_ending: bool,
    /// Ends the pauses between tries.
    wake: Arc<Notify>,
}

impl<D: Fn(Delivery)> Sender<D> {
    /// A sender that tells `deliver` what became of each parcel, and buries what it gives up. Told
    /// by `ending` that the end begins, it tries at once what waits.
    pub fn new(
        sink: Sink,
        rules: Rules,
        graveyard: Arc<Graveyard>,
        metrics: Arc<Metrics>,
        ending: Arc<Notify>,
        deliver: D,
    ) -> Self {
        let lanes = Lanes::new(rules.most_in_flight);
        Self {
            sink,
            rules,
            packer: Packer::default(),
            lanes,
            tasks: JoinSet::new(),
            graveyard,
            deliver,
            metrics,
            others: HashMap::new(),
            in_vain: HashMap::new(),
            ending,
            is_ending: false,
            wake: Arc::default(),
        }
    }

    /// Sends until the other end of `tasks` is closed and everything is delivered.
    pub async fn run(mut self, mut tasks: UnboundedReceiver<Task>) {
        let mut is_open = true;
        let ending = Arc::clone(&self.ending);
        loop {
            let wake = self.start();
            if !is_open && self.tasks.is_empty() && wake.is_none() {
                return;
            }
            tokio::select! {
                // Answers first: they free what reading waits for.
                biased;
                Some(came) = self.tasks.join_next() => {
                    // Tasks await or write one file; they are never cancelled.
                    if let Ok(came) = came {
                        self.came(came);
                    }
                }
                () = ending.notified() => self.hurry(),
                task = tasks.recv(), if is_open => match task {
                    Some(Task::Send(parcel)) => self.take(parcel),
                    Some(Task::Route(routes)) => self.route(&routes),
                    None => is_open = false,
                },
                () = until(wake) => {}
            }
        }
    }

    /// The end has begun: nothing rests any more.
    fn hurry(&mut self) {
        self.is_ending = true;
        self.lanes.wake();
        self.wake.notify_waiters();
    }

    /// The longest pause between two tries now.
    fn longest_pause(&self) -> Duration {
        if self.is_ending { LAST_PAUSE } else { Duration::MAX }
    }

    fn take(&mut self, parcel: Parcel) {
        if let Sink::Null = self.sink {
            self.metrics.batches_sent.add(1);
            self.metrics.logs_sent.add(parcel.batch.group.logs() as u64);
            self.metrics.raw_bytes_sent.add(parcel.batch.group.len_bytes() as u64);
            let Parcel { key, batch, charged, account, .. } = parcel;
            let (start, writer) = (batch.start, batch.group);
            (self.deliver)(Delivery::Packed { released: charged, account, writer });
            let given_up = Vec::new();
            (self.deliver)(Delivery::Finished { key, start, released: 0, account, given_up });
            return;
        }
        let (lanes, sink, account) = (&mut self.lanes, &self.sink, parcel.account);
        let load = self.packer.pack(parcel, self.rules.compression, |destination| {
            lanes.place(way(sink, account, destination))
        });
        let Load { packed, released, account, writer } = load;
        (self.deliver)(Delivery::Packed { released, account, writer });
        for packed in packed {
            let place = place(&packed.destination);
            self.metrics.tally(|tallies| tallies.queued(place, unix_seconds()));
            self.lanes.push(packed.place, packed.lane, Box::new(packed));
        }
    }

    /// Goes other ways from now on, or the same ones at other rates.
    fn route(&mut self, routes: &[Route]) {
        let sink = &self.sink;
        let ways = routes.iter().flat_map(|route| {
            let destinations = route.destinations.iter();
            destinations.map(|it| (way(sink, route.account, it), it.max_rate))
        });
        self.lanes.run(ways, Instant::now());
        self.forget_what_is_over();
    }

    /// Lets go of what belongs to places and services that nothing goes to any more.
    fn forget_what_is_over(&mut self) {
        self.in_vain.retain(|place, _| self.lanes.has_place(*place));
        self.others.retain(|endpoint, _| self.lanes.has_endpoint(endpoint));
    }

    /// Starts as many requests as may be; gives when more may be.
    fn start(&mut self) -> Option<Instant> {
        loop {
            let now = Instant::now();
            let packed = match self.lanes.next(now) {
                Next::Item(packed) => packed,
                Next::Wait(until) => return until,
            };
            let bytes = packed.call.raw_size as u64;
            self.lanes.pace(packed.place, bytes, unix_seconds() as i64, now);
            let client = self.client(packed.destination.endpoint.as_deref());
            self.tasks.spawn(attempt(client, packed));
        }
    }

    /// The address of the service that a destination is at.
    fn endpoint(&self, destination: &Destination) -> String {
        match (&destination.endpoint, &self.sink) {
            (Some(named), _) => named.clone(),
            (None, Sink::Sls(own, _)) => own.endpoint().to_string(),
            (None, Sink::Null) => String::new(),
        }
    }

    /// The client for a destination.
    fn client(&mut self, endpoint: Option<&str>) -> Result<Arc<Client>, ClientError> {
        let refuse = |reason: String| ClientError::Tls { reason };
        let Sink::Sls(own, connector) = &self.sink else {
            return Err(refuse("there is no service".into()));
        };
        let Some(text) = endpoint else { return Ok(Arc::clone(own)) };
        let endpoint: Endpoint =
            text.parse().map_err(|error: EndpointError| refuse(error.to_string()))?;
        if endpoint == *own.endpoint() {
            return Ok(Arc::clone(own));
        }
        let name = endpoint.to_string();
        if let Some(known) = self.others.get(&name) {
            return Ok(Arc::clone(known));
        }
        let client = connector.client(&endpoint).map_err(|error| refuse(error.to_string()))?;
        let client = Arc::new(client);
        self.others.insert(name, Arc::clone(&client));
        Ok(client)
    }

    fn came(&mut self, came: Came) {
        match came {
            Came::Answer(packed, result) => self.answered(packed, result),
            Came::Rested(packed) => self.lanes.put_back(packed.place, packed.lane, [packed]),
            Came::Buried(packed, result) => self.buried(packed, result),
        }
    }

    fn answered(&mut self, packed: Box<Packed>, result: Result<(), ClientError>) {
        self.lanes.release(packed.place);
        let mut answer = match &result {
            Ok(()) => Answer::Accepted,
            Err(error) => answer_of(error),
        };
        if let Answer::Refused { retry_after: Some(asked), .. } = &mut answer {
            *asked = self.longest_pause().min(*asked);
        }
        let jitter = std::hash::RandomState::new().build_hasher().finish() as u32;
        self.learn(&packed, answer, jitter);
        let is_in_vain = self.in_vain(&packed) >= PARTS_IN_VAIN;
        let too_large = matches!(answer, Answer::Refused { class: RetryClass::TooLarge, .. });
        let attempt = Attempt {
            tries: packed.tries,
            age: self.refused_for(&packed, answer),
            keep_refused: self.rules.keep_refused,
            longest_pause: self.rules.longest_pause.min(self.longest_pause()),
            can_split: packed.piece.can_split() && (too_large || !is_in_vain),
            jitter,
        };
        match decide(answer, attempt) {
            Decision::Done => {
                self.in_vain.remove(&packed.place);
                self.lanes.taken(packed.place, packed.lane);
                self.tell(&packed, Sent::Stored);
                self.metrics.batches_sent.add(1);
                self.metrics.logs_sent.add(packed.piece.logs as u64);
                self.metrics.raw_bytes_sent.add(packed.call.raw_size as u64);
                self.metrics.wire_bytes_sent.add(packed.call.body.len() as u64);
                self.finished(packed, None);
            }
            Decision::Again { after, reason } => {
                self.metrics.retries.add(1);
                let what = match (reason, answer) {
                    (Reason::Quota, _) => Sent::OverQuota,
                    (_, Answer::Unreachable | Answer::NoAnswer) => Sent::NoAnswer,
                    _ => Sent::Refused,
                };
                self.tell(&packed, what);
                if let Err(error) = &result {
                    waits(&packed, reason, error);
                }
                if after.is_zero() {
                    self.lanes.put_back(packed.place, packed.lane, [packed]);
                    return;
                }
                let woken = Arc::clone(&self.wake).notified_owned();
                self.tasks.spawn(async move {
                    tokio::select! {
                        () = tokio::time::sleep(after) => {}
                        () = woken => {}
                    }
                    Came::Rested(packed)
                });
            }
            Decision::Split { reason } => {
                let tries = if reason == Reason::Invalid { TRIES_OF_INVALID - 1 } else { 0 };
                match self.packer.split(&packed, tries) {
                    Some(halves) => {
                        self.metrics.splits.add(1);
                        let place = place(&packed.destination);
                        self.metrics.tally(|tallies| tallies.queued(place, unix_seconds()));
                        let halves = halves.map(Box::new);
                        self.lanes.put_back(packed.place, packed.lane, halves);
                    }
                    None => self.give_up(packed, reason, result.err()),
                }
            }
            Decision::Drop { reason } => self.give_up(packed, reason, result.err()),
        }
    }

    /// Lets the limits know of an answer.
    fn learn(&mut self, packed: &Packed, answer: Answer, jitter: u32) {
        let now = Instant::now();
        if answer == Answer::Accepted {
            self.lanes.succeeded(packed.place, now);
        }
        let (Some(blame), Some(reason)) = (blame(answer), pipeline::retry::reason(answer)) else {
            return;
        };
        let asked = match answer {
            Answer::Refused { retry_after, .. } => retry_after,
            _ => None,
        };
        let longest_rest =
            reason.longest_pause().min(self.rules.longest_pause).min(self.longest_pause());
        let failure = Outcome::Failure { longest_rest, asked, jitter };
        self.lanes.failed(packed.place, blame, failure, now);
    }

    /// For how long what goes the way of this batch has been refused for a reason that a person
    /// would have to repair, since the batch is there.
    fn refused_for(&mut self, packed: &Packed, answer: Answer) -> Duration {
        let now = Instant::now();
        if !pipeline::retry::reason(answer).is_some_and(Reason::expires) {
            return Duration::ZERO;
        }
        let since = self.lanes.refused(packed.place, packed.lane, now);
        now.saturating_duration_since(since.max(packed.since))
    }

    /// Counts an answer for its logstore.
    fn tell(&self, packed: &Packed, what: Sent) {
        let place = place(&packed.destination);
        self.metrics.tally(|tallies| tallies.sent(place, what, unix_seconds()));
    }

    fn in_vain(&self, packed: &Packed) -> u32 {
        self.in_vain.get(&packed.place).copied().unwrap_or(0)
    }

    /// Makes a dead letter of what cannot be delivered. It keeps its lane until that is written.
    fn give_up(&mut self, packed: Box<Packed>, reason: Reason, error: Option<ClientError>) {
        if reason == Reason::Invalid {
            *self.in_vain.entry(packed.place).or_default() += 1;
        }
        let bytes = packed.bytes();
        self.tell(&packed, Sent::Discarded);
        self.metrics.batches_lost.add(1);
        self.metrics.bytes_lost.add(bytes);
        let refusal = error.as_ref().and_then(|error| error.refusal());
        let said = error.as_ref().map(ToString::to_string).unwrap_or_default();
        let lost = format_args!(
            "{bytes} bytes from byte {} of file {:032x} with {} logs are given up ({}): {said}",
            packed.piece.start,
            packed.call.span.map_or(0, |span| span.file),
            packed.piece.logs,
            reason.as_str(),
        );
        raise(Level::Error, "DISCARD_DATA_ALARM", "", &packed.shown(), lost);
        let cause = Cause { reason: reason.as_str(), refusal, message: &said };
        let endpoint = self.endpoint(&packed.destination);
        let address = Address { endpoint: &endpoint, project: &packed.destination.project };
        let letter = Letter::new(cause, address, packed.call.clone(), packed.piece.logs as u64);
        let graveyard = Arc::clone(&self.graveyard);
        // The disk of a pod may be slow or gone; sending does not wait for it.
        self.tasks.spawn_blocking(move || Came::Buried(packed, graveyard.bury(letter)));
    }

    fn buried(&mut self, packed: Box<Packed>, result: Result<(), BuryError>) {
        for held in self.graveyard.made_room() {
            (self.deliver)(Delivery::MadeRoom(held));
        }
        let fate = if result.is_ok() { Fate::Buried } else { Fate::Destroyed };
        if let Err(error) = result {
            self.metrics.dead_letters_unwritten.add(1);
            crate::error!(
                "DISCARD_DATA_ALARM {}: {} bytes leave no dead letter: {error}",
                packed.shown(),
                packed.bytes(),
            );
        }
        self.finished(packed, Some(fate));
    }

    fn finished(&mut self, packed: Box<Packed>, given_up: Option<Fate>) {
        self.lanes.finish(packed.place, packed.lane);
        if !self.lanes.has_place(packed.place) {
            self.forget_what_is_over();
        }
        if let Some(delivery) = packed.finish(given_up) {
            (self.deliver)(delivery);
        }
    }
}

async fn attempt(client: Result<Arc<Client>, ClientError>, mut packed: Box<Packed>) -> Came {
    packed.tries = packed.tries.saturating_add(1);
    let result = match client {
        Ok(client) => client.call(&packed.destination.project, &packed.call).await,
        Err(error) => Err(error),
    };
    Came::Answer(packed, result)
}

/// The way of a configuration to a destination. One that names the agent's own service goes the
/// same way as one that names none.
fn way(sink: &Sink, account: AccountId, destination: &Destination) -> Way {
    let mut way = Way::of(account, destination);
    if let Some(Ok(named)) = way.endpoint.as_deref().map(str::parse::<Endpoint>) {
        let is_own = matches!(sink, Sink::Sls(own, _) if *own.endpoint() == named);
        way.endpoint = (!is_own).then(|| named.to_string());
    }
    way
}

fn place(destination: &Destination) -> tally::Place<'_> {
    tally::Place { project: &destination.project, logstore: &destination.logstore }
}

fn unix_seconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

/// Never, or at this moment.
async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}

fn answer_of(error: &ClientError) -> Answer {
    match (error.refusal(), error) {
        (Some(refusal), _) => Answer::Refused {
            class: refusal.retry_class(),
            code: refusal.known(),
            retry_after: refusal.retry_after,
        },
        (None, ClientError::Credentials(_)) => {
            Answer::Refused { class: error.retry_class(), code: None, retry_after: None }
        }
        (None, ClientError::Connect { .. } | ClientError::Tls { .. }) => Answer::Unreachable,
        (None, _) => Answer::NoAnswer,
    }
}

fn waits(packed: &Packed, reason: Reason, error: &ClientError) {
    let name = match reason {
        Reason::Quota => "SEND_QUOTA_EXCEED_ALARM",
        _ => "SEND_DATA_FAIL_ALARM",
    };
    alarm(
        name,
        &packed.shown(),
        format_args!("try {} ({}), will be repeated: {error}", packed.tries, reason.as_str()),
    );
}
