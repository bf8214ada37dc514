//! A scripted log service on a real socket, and a real agent in front of it.
#![allow(dead_code, reason = "each test file uses its part")]

mod pod;
mod wire;

#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use pod::{Pod, append, lines};

use sls::api::put_logs::FileSpan;
use sls::compress::Compression;
use std::collections::{BTreeMap, HashSet};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use wire::converse;

/// What the service does with one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// Stores the batch and says so.
    Store,
    /// Stores nothing and refuses with this status and code.
    Refuse(u16, &'static str),
    /// Stores nothing, refuses with this status and code, and asks for a pause of so many seconds.
    RefuseFor(u16, &'static str, u64),
    /// Stores nothing, refuses because of the clock, and says that it is this late.
    RefuseClock(SystemTime),
    /// Stores nothing and resets the connection.
    Reset,
    /// Stores the batch, but the connection breaks before the answer.
    StoreAndReset,
    /// Stores the batch and breaks off in the middle of the answer.
    StoreAndBreakOff,
    /// Stores the batch after a while.
    StoreLate(Duration),
    /// Stores nothing and says nothing for a while.
    Stall(Duration),
}

/// What a script is asked with.
pub(crate) struct Ask<'a> {
    /// Number of the request.
    pub(crate) number: usize,
    pub(crate) logstore: &'a str,
    /// Fields of each log.
    pub(crate) logs: &'a [Vec<(String, String)>],
    /// Bytes of the log group.
    pub(crate) raw_size: usize,
    /// The time that was signed.
    pub(crate) date: SystemTime,
}

/// A batch that was stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) logstore: String,
    pub(crate) span: FileSpan,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) topic: String,
    pub(crate) compression: Compression,
    pub(crate) raw_size: usize,
    /// Key that selects the shard, if the request has one.
    pub(crate) hash_key: Option<String>,
    /// Fields of each log.
    pub(crate) logs: Vec<Vec<(String, String)>>,
}

type Script = dyn Fn(&Ask<'_>) -> Reply + Send + Sync;

#[derive(Default)]
struct State {
    requests: usize,
    stored: Vec<Stored>,
    problems: Vec<String>,
}

/// The service. It answers as its script says.
pub(crate) struct Service {
    port: u16,
    /// Nobody listens.
    is_closed: Arc<AtomicBool>,
    state: Arc<Mutex<State>>,
    script: Arc<Mutex<Box<Script>>>,
}

/// The key that requests must be signed with.
pub(crate) const KEY: (&str, &str) = ("test-id", "test-secret");

impl Service {
    /// Starts a service that answers as its script says.
    pub(crate) fn start(script: impl Fn(&Ask<'_>) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let service = Self {
            port: listener.local_addr().expect("it is bound").port(),
            is_closed: Arc::default(),
            state: Arc::default(),
            script: Arc::new(Mutex::new(Box::new(script))),
        };
        service.listen(listener);
        service
    }

    fn listen(&self, listener: TcpListener) {
        let shared = (Arc::clone(&self.state), Arc::clone(&self.script));
        let is_closed = Arc::clone(&self.is_closed);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_closed.load(Ordering::Relaxed) {
                    return;
                }
                let ((state, script), is_closed) = (shared.clone(), Arc::clone(&is_closed));
                std::thread::spawn(move || converse(stream, &state, &script, &is_closed));
            }
        });
    }

    /// Goes away: connections are refused, and those that are there end with their next request.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let address = ("127.0.0.1", self.port);
        testkit::eventually("that nobody listens", || match TcpStream::connect(address) {
            Err(_) => Ok(()),
            Ok(_) => Err("somebody does".into()),
        });
    }

    /// Comes back to the same place.
    pub(crate) fn open(&self) {
        let listener = testkit::eventually("the port", || {
            TcpListener::bind(("127.0.0.1", self.port)).map_err(|error| error.to_string())
        });
        self.is_closed.store(false, Ordering::Relaxed);
        self.listen(listener);
    }

    /// A service that stores everything.
    pub(crate) fn storing() -> Self {
        Self::start(|_| Reply::Store)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Goes on with another script.
    pub(crate) fn follow(&self, script: impl Fn(&Ask<'_>) -> Reply + Send + Sync + 'static) {
        *lock(&self.script) = Box::new(script);
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        lock(&self.state).requests
    }

    /// Everything stored, in order, batches that came twice left out the second time.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        let state = lock(&self.state);
        assert_eq!(state.problems, Vec::<String>::new(), "what the service has to say");
        let mut seen = HashSet::new();
        let mut stored = state.stored.clone();
        stored.retain(|batch| seen.insert((batch.logstore.clone(), batch.span)));
        stored
    }

    /// Values of the field `content`, in order, each byte of a file once: what came a second
    /// time after a crash, maybe in other batches, is left out.
    pub(crate) fn contents(&self) -> Vec<String> {
        contents(self.stored())
    }

    /// The same of one logstore.
    pub(crate) fn contents_of(&self, logstore: &str) -> Vec<String> {
        let mut stored = self.stored();
        stored.retain(|batch| batch.logstore == logstore);
        contents(stored)
    }

    /// Waits until these are the values of `content`.
    #[track_caller]
    pub(crate) fn wait_for(&self, expected: &[String]) {
        wait_for(|| self.contents(), expected);
    }

    /// Waits until these are the values of `content` in one logstore.
    #[track_caller]
    pub(crate) fn wait_for_in(&self, logstore: &str, expected: &[String]) {
        wait_for(|| self.contents_of(logstore), expected);
    }
}

fn contents(stored: Vec<Stored>) -> Vec<String> {
    let mut held: BTreeMap<(String, u128), u64> = BTreeMap::new();
    let mut contents = Vec::new();
    for batch in stored {
        let held = held.entry((batch.logstore, batch.span.file)).or_default();
        let mut at = batch.span.start;
        for log in batch.logs {
            let content = log[0].1.clone();
            let end = at + content.len() as u64 + 1;
            if at >= *held {
                contents.push(content);
            }
            at = end;
        }
        *held = batch.span.end.max(*held);
    }
    contents
}

#[track_caller]
fn wait_for(mut found: impl FnMut() -> Vec<String>, expected: &[String]) {
    testkit::eventually("all lines in their order", || {
        let found = found();
        if found == expected {
            return Ok(());
        }
        let differs = found.iter().zip(expected).position(|(one, other)| one != other);
        Err(format!(
            "{} of {} lines, the first that differs is {differs:?}",
            found.len(),
            expected.len()
        ))
    });
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
