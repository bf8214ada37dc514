//! A scripted log service on a real socket, and a real agent in front of it.
#![allow(dead_code, reason = "each test file uses its part")]

use sls::api::put_logs::FileSpan;
use sls::compress::{Compression, decompress};
use sls::log_group::LogGroup;
use sls::sign::{Authorization, Signable};
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use testkit::process::{Program, Running};

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

/// One request as it came.
struct Request {
    logstore: String,
    hash_key: Option<String>,
    headers: http::HeaderMap,
    body: Vec<u8>,
    path: String,
}

fn converse(
    stream: TcpStream,
    state: &Mutex<State>,
    script: &Mutex<Box<Script>>,
    is_closed: &AtomicBool,
) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        if is_closed.load(Ordering::Relaxed) {
            return;
        }
        let batch = match read_batch(&request) {
            Ok(batch) => batch,
            Err(problem) => {
                lock(state).problems.push(problem);
                return;
            }
        };
        let number = {
            let mut state = lock(state);
            state.requests += 1;
            state.requests - 1
        };
        let header = |name: &str| request.headers.get(name).and_then(|it| it.to_str().ok());
        let date = header("date").and_then(|text| httpdate::parse_http_date(text).ok());
        let reply = (lock(script))(&Ask {
            number,
            logstore: &batch.logstore,
            logs: &batch.logs,
            raw_size: header("x-log-bodyrawsize").map_or(0, |size| size.parse().unwrap_or(0)),
            date: date.unwrap_or(SystemTime::UNIX_EPOCH),
        });
        let mut stream = reader.get_ref();
        let ok = "HTTP/1.1 200 OK\r\nx-log-requestid: 1\r\ncontent-length: 0\r\n\r\n";
        let answer = match reply {
            Reply::Store | Reply::StoreAndReset | Reply::StoreAndBreakOff => {
                lock(state).stored.push(batch);
                ok.to_owned()
            }
            Reply::StoreLate(pause) => {
                std::thread::sleep(pause);
                lock(state).stored.push(batch);
                ok.to_owned()
            }
            Reply::Refuse(status, code) => refusal(status, code, ""),
            Reply::RefuseFor(status, code, seconds) => {
                refusal(status, code, &format!("retry-after: {seconds}\r\n"))
            }
            Reply::RefuseClock(time) => {
                let date = format!("date: {}\r\n", httpdate::fmt_http_date(time));
                refusal(400, "RequestTimeExpired", &date)
            }
            Reply::Stall(pause) => {
                std::thread::sleep(pause);
                String::new()
            }
            Reply::Reset => String::new(),
        };
        let answer = match reply {
            Reply::Reset | Reply::StoreAndReset | Reply::Stall(_) => {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Reply::StoreAndBreakOff => &answer[..answer.len() / 2],
            _ => &answer,
        };
        if stream.write_all(answer.as_bytes()).is_err() || matches!(reply, Reply::StoreAndBreakOff)
        {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn refusal(status: u16, code: &str, headers: &str) -> String {
    let body = format!(r#"{{"errorCode":"{code}","errorMessage":"scripted"}}"#);
    format!(
        "HTTP/1.1 {status} No\r\nx-log-requestid: 1\r\ncontent-type: application/json\r\n\
         {headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let (logstore, rest) = path.strip_prefix("/logstores/")?.split_once("/shards/")?;
    let logstore = logstore.to_owned();
    let hash_key = rest.strip_prefix("route?key=").map(str::to_owned);
    if rest != "lb" && hash_key.is_none() {
        return None;
    }
    let mut headers = http::HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(
            http::HeaderName::try_from(name).ok()?,
            http::HeaderValue::from_str(value).ok()?,
        );
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { logstore, hash_key, headers, body, path })
}

fn read_batch(request: &Request) -> Result<Stored, String> {
    let header = |name: &str| {
        let value = request.headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| format!("the header {name} is missing"))
    };
    let path = request.path.split('?').next().unwrap_or_default();
    let query: Vec<(String, String)> =
        request.hash_key.iter().map(|key| ("key".to_owned(), key.clone())).collect();
    let signable = Signable { method: "POST", path, query: &query, headers: &request.headers };
    let authorization = Authorization::parse(header("authorization")?).ok_or("unsigned")?;
    if authorization.key_id() != KEY.0 || !authorization.verify(KEY.1, &signable) {
        return Err("the signature is wrong".into());
    }
    if header("content-md5")? != sls::sign::content_md5(&request.body) {
        return Err("the MD5 is not that of the body".into());
    }
    let kind = header("x-log-compresstype").unwrap_or_default();
    let kind = Compression::from_header(kind).ok_or("compression")?;
    let raw_size = header("x-log-bodyrawsize")?.parse().map_err(|_| "raw size".to_owned())?;
    let raw = decompress(kind, &request.body, raw_size, 16 << 20).map_err(|e| e.to_string())?;
    let group = LogGroup::parse(&raw).map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |(key, value): (&[u8], &[u8])| (text(key), text(value));
    Ok(Stored {
        logstore: request.logstore.clone(),
        span: header("x-log-sidetail-span")?.parse::<FileSpan>().map_err(|e| e.to_string())?,
        tags: group.tags().map(pair).collect(),
        topic: text(group.topic()),
        compression: kind,
        raw_size,
        hash_key: request.hash_key.clone(),
        logs: group.logs().map(|log| log.contents().map(pair).collect()).collect(),
    })
}

/// A folder with logs, configurations and state, and the settings of an agent for it.
pub(crate) struct Pod {
    dir: tempfile::TempDir,
    settings: BTreeMap<String, String>,
}

impl Pod {
    /// A pod that sends to `service` and collects `*.log` in its folder `logs` in simple mode.
    pub(crate) fn new(service: &Service) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["logs", "configs", "state"] {
            std::fs::create_dir(dir.path().join(name)).expect("an empty directory");
        }
        let pod = Self { dir, settings: BTreeMap::new() };
        let pod = pod
            .set("SIDETAIL_AGENT_ENDPOINT", &service.endpoint())
            .set("SIDETAIL_AGENT_CONFIG_SERVER", "none")
            .set("SIDETAIL_AGENT_ACCESS_KEY_ID", KEY.0)
            .set("SIDETAIL_AGENT_ACCESS_KEY_SECRET", KEY.1)
            .set("SIDETAIL_AGENT_LOG", "debug")
            // A test does not wait for a service to recover.
            .set("SIDETAIL_AGENT_LONGEST_PAUSE_SECONDS", "0.1")
            .set("SIDETAIL_AGENT_BATCH_SECONDS", "0.05")
            .set("ALIYUN_LOGTAIL_USER_DEFINED_ID", "group-1")
            .set("ALIYUN_LOG_ENV_TAGS", "_pod_name_")
            .set("_pod_name_", "pod-1");
        let pod = pod.with_dirs();
        pod.configure("all", "\"filePattern\": \"*.log\"");
        pod
    }

    fn with_dirs(self) -> Self {
        let (configs, state) = (self.path("configs"), self.path("state"));
        self.set("SIDETAIL_AGENT_CONFIG_DIR", &configs.to_string_lossy())
            .set("SIDETAIL_AGENT_STATE_DIR", &state.to_string_lossy())
    }

    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes a configuration.
    pub(crate) fn unconfigure(&self, name: &str) {
        std::fs::remove_file(self.path("configs").join(format!("{name}.json")))
            .expect("it is there");
    }

    /// Runs the program with arguments instead of collecting; gives its exit code and what it
    /// printed to standard output.
    pub(crate) fn command(&self, args: &[&str]) -> (Option<i32>, String) {
        let ended = self.start_as("sidetail-agent", args).wait(Duration::from_secs(60));
        let ended = ended.expect("it ends");
        (ended.status.code(), ended.stdout.join("\n"))
    }

    /// Writes a configuration; `detail` is put into its `inputDetail`. It goes to the logstore of
    /// its name.
    pub(crate) fn configure(&self, name: &str, detail: &str) {
        let text = format!(
            r#"{{"configName": "{name}", "inputType": "file",
                "inputDetail": {{"logType": "common_reg_log", "logPath": "{}", {detail}}},
                "outputDetail": {{"projectName": "p1", "logstoreName": "{name}"}}}}"#,
            self.path("logs").display()
        );
        std::fs::write(self.path("configs").join(format!("{name}.json")), text).expect("a file");
    }

    /// Writes a configuration as a whole document.
    pub(crate) fn write_config(&self, name: &str, document: &str) {
        std::fs::write(self.path("configs").join(name), document).expect("a file");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path("logs").join(name)
    }

    pub(crate) fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    pub(crate) fn start(&self) -> Running {
        self.start_as("sidetail-agent", &[])
    }

    /// Starts the agent under another name, with arguments.
    pub(crate) fn start_as(&self, name: &str, args: &[&str]) -> Running {
        let path = self.path(name);
        if !path.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sidetail-agent"), &path)
                .expect("a link");
        }
        let program = Program::at(path, name).args(args);
        let program =
            self.settings.iter().fold(program, |program, (name, value)| program.env(name, value));
        program.start().expect("the agent was built with this test")
    }
}

/// Lines with a number each, and enough text that some are long.
pub(crate) fn lines(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("line {number} {}", "x".repeat(number % 200))).collect()
}

/// Appends lines to a file in one write.
pub(crate) fn append(path: &Path, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file to write");
    file.write_all(text.as_bytes()).expect("room on the disk");
}
