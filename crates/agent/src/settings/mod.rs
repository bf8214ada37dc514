//! The settings of the process, in two stages: everything as given (environment, instance file),
//! then [`Settings`], checked, with every value that differs from its default and where it came
//! from.
//!
//! The names of Logtail are kept with their precedence (`agent` 1.1 to 1.3): for most of its keys
//! the instance file beats the environment; the checkpoint path is the other way round. Ours all
//! begin with `SIDETAIL_AGENT_` and always win.

mod instance;
mod limits;
mod machine;
mod membership;
pub mod options;
mod reader;
mod sending;
mod values;

pub use machine::{Machine, ThisMachine, memory_limit};
pub use membership::{Membership, MembershipSources};
pub use sending::Credentials;

use crate::log::{Level, level_named};
use crate::supervisor::Limits;
use pipeline::batch::BatchLimits;
use pipeline::flow::LONGEST_REST;
use pipeline::tags::AgentLabels;
use reader::Reader;
use sls::compress::Compression;
use sls_client::{Endpoint, Signature};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use values::{bytes, endpoint, number, seconds};

/// Where the hand-shake with an application takes place, if the directory exists (`agent` 1.5).
const TASK_SITE: &str = "/tasksite";

/// Files changed this long before the start are still read whole: a pod's first lines may well
/// be older than its sidecar.
pub const READ_WHOLE_MARGIN: Duration = Duration::from_secs(12 * 60 * 60);

/// Where batches go, as set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// To the log service.
    Sls,
    /// Nowhere.
    Null,
}

/// The settings of one agent.
#[derive(Debug)]
pub struct Settings {
    /// What is the same for every batch until the membership changes.
    pub labels: AgentLabels,
    /// Those of the labels that never change.
    pub fixed_labels: AgentLabels,
    /// Groups, accounts and tags as they were read.
    pub membership: Membership,
    /// Where they are read again.
    pub membership_sources: MembershipSources,
    /// Where batches go.
    pub sink: SinkKind,
    /// The service that takes the logs.
    pub endpoint: Option<Endpoint>,
    /// The service that hands out configurations.
    pub config_server: Option<Endpoint>,
    /// What to sign with.
    pub credentials: Credentials,
    /// PEM certificates to trust instead of the public roots.
    pub ca_file: Option<PathBuf>,
    /// A directory of configurations.
    pub config_dir: Option<PathBuf>,
    /// Files and directories of configurations at the places where agents have always had them.
    pub local_configs: Vec<PathBuf>,
    /// Where the agent keeps what must survive its restart.
    pub state_dir: PathBuf,
    /// The checkpoint file.
    pub checkpoint: PathBuf,
    /// What holds for every configuration.
    pub limits: Limits,
    /// Bytes in memory between read and acknowledgement.
    pub memory_bytes: usize,
    /// How long the end may take.
    pub drain: Duration,
    /// How long collecting goes on after the signal that asks for the end.
    pub linger: Duration,
    /// Touched once every configured path is watched.
    pub cornerstone: Option<PathBuf>,
    /// Begins the end when it appears.
    pub tombstone: Option<PathBuf>,
    /// How long the end may take after the tombstone.
    pub tombstone_drain: Duration,
    /// Time between two looks at what may change while the agent runs.
    pub reload: Duration,
    /// Time between two snapshots.
    pub snapshot: Duration,
    /// Put in front of every path of a configuration.
    pub path_prefix: PathBuf,
    /// Where to answer questions, if at all.
    pub admin_listen: Option<SocketAddr>,
    /// Time between two heartbeats.
    pub heartbeat: Duration,
    /// Time between two scans of the directories.
    pub scan: Duration,
    /// The longest a line waits for others before it is sent.
    pub batch_age: Duration,
    /// Bytes at which a batch is sent.
    pub batch_bytes: usize,
    /// Logs at which a batch is sent.
    pub batch_logs: usize,
    /// Requests under way to one logstore at most.
    pub requests_in_flight: usize,
    /// How many bytes of log are read in a second at most.
    pub max_bytes_per_second: Option<u64>,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// The longest pause between two tries to send a batch.
    pub longest_pause: Duration,
    /// How long a batch is kept that is refused for a reason outside the data.
    pub keep_refused: Duration,
    /// Bytes of dead letters on disk at most.
    pub dead_letter_bytes: usize,
    /// How bodies are compressed.
    pub compression: Compression,
    /// How requests are signed.
    pub signature: Signature,
    /// What the agent says about itself.
    pub log_level: Level,
    /// Where it says so, if not on standard error.
    pub log_file: Option<PathBuf>,
    /// Every value that is not the default.
    pub origins: Vec<Origin>,
    /// What was given and does nothing, or not what it says.
    pub warnings: Vec<String>,
}

/// A value that is not the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What it is the value of.
    pub setting: String,
    /// The value; secrets are not shown.
    pub value: String,
    /// The variable, or the key of the instance file.
    pub from: String,
    /// Sources that say something else and lost.
    pub over: Vec<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setting {} = {} from {}", self.setting, self.value, self.from)?;
        if !self.over.is_empty() {
            write!(f, ", which wins over {}", self.over.join(" and "))?;
        }
        Ok(())
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct SettingsError {
    /// The variable.
    pub name: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// What settings are made of.
pub struct Given<'a> {
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Name of the machine, for when nothing else is said.
    pub hostname: String,
    /// Address of the machine, for when nothing else is said.
    pub address: String,
    /// Memory the container may use, in bytes.
    pub memory_limit: Option<u64>,
    /// Where files are.
    pub machine: &'a dyn Machine,
}

fn refuse(name: &str, reason: impl Into<String>) -> SettingsError {
    SettingsError { name: name.to_owned(), reason: reason.into() }
}

impl Settings {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// The first setting that cannot be used, by name.
    pub fn read(given: &Given<'_>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(given);
        let place = instance::read(&mut reader)?;
        let membership_sources = MembershipSources::new(&mut reader);
        let (membership, problems) = membership_sources.read(given.machine, &Membership::default());
        reader.warnings.extend(problems);
        let found = membership_sources.ids_of_files(&membership);
        if !found.is_empty() {
            let from = membership_sources.ids_file().display().to_string();
            reader.note("user_defined_id", &found, &from);
        }
        let fixed_labels = fixed_labels(&mut reader);
        let sink = reader.parsed("SIDETAIL_AGENT_SINK", SinkKind::Sls, |text| match text {
            "sls" => Ok(SinkKind::Sls),
            "null" => Ok(SinkKind::Null),
            _ => Err(format!("`{text}` is not a sink; write `sls` or `null`")),
        })?;
        let own_endpoint =
            reader.parsed("SIDETAIL_AGENT_ENDPOINT", None, |text| endpoint(text).map(Some))?;
        let service = own_endpoint.or(place.endpoint);
        let config_server = match reader.text("SIDETAIL_AGENT_CONFIG_SERVER") {
            Some(text) if text == "none" => None,
            Some(text) => {
                Some(endpoint(&text).map_err(|why| refuse("SIDETAIL_AGENT_CONFIG_SERVER", why))?)
            }
            // Whoever takes the logs is asked, however it was found: a manifest of Logtail names
            // no more than its region.
            None => place.config_server.or_else(|| service.clone()),
        };
        if service.is_none() && sink == SinkKind::Sls {
            return Err(refuse(
                "SIDETAIL_AGENT_ENDPOINT",
                "is not set and ALIYUN_LOGTAIL_CONFIG names no region; write the address of the \
                 log service, for example http://sidetail-server:8080",
            ));
        }
        let credentials = sending::credentials(&mut reader)?;
        let config_dir = reader.text("SIDETAIL_AGENT_CONFIG_DIR").map(PathBuf::from);
        let system_dir = instance::system_dir(&mut reader);
        let mut local_configs = LOCAL_CONFIGS.map(|name| system_dir.join(name)).to_vec();
        local_configs.push(PathBuf::from(LOONG_CONFIGS));
        let machine = reader.given.machine;
        let exists = |path: &PathBuf| machine.read(path).is_ok() || machine.list(path).is_ok();
        if config_dir.is_none() && config_server.is_none() && !local_configs.iter().any(exists) {
            return Err(refuse(
                "SIDETAIL_AGENT_CONFIG_DIR",
                format!(
                    "is not set, there is no config server, and nothing is at {}; name a directory \
                     with configurations, set SIDETAIL_AGENT_CONFIG_SERVER, or create one of these",
                    local_configs
                        .iter()
                        .map(|it| it.display().to_string())
                        .collect::<Vec<_>>()
                        .join(", "),
                ),
            ));
        }
        let state_dir = reader
            .text("SIDETAIL_AGENT_STATE_DIR")
            .map_or_else(|| PathBuf::from(DEFAULT_STATE_DIR), PathBuf::from);
        let checkpoint = reader
            .text("check_point_filename")
            .map_or_else(|| state_dir.join("checkpoint"), PathBuf::from);
        let memory = limits::memory(&mut reader)?;
        let (requests_in_flight, batch_age) = sending::sending(&mut reader)?;
        let (request_timeout, keep_refused) = sending::patience(&mut reader)?;
        let batch_bytes = reader
            .lenient("batch_send_metric_size", |_| true, |text| number(text, 4 << 10, 4 << 20))
            .unwrap_or(BatchLimits::default().max_bytes);
        let batch_logs = reader
            .lenient("merge_log_count_limit", |_| true, |text| number(text, 1, 40_000))
            .unwrap_or(BatchLimits::default().max_logs);
        let (limits, memory_bytes) = limits::limits(&mut reader, memory);
        let log_level = log_level(&mut reader)?;
        // Read by the time zone library.
        reader.text("TZ");
        let settings = Self {
            labels: membership.label(&fixed_labels),
            fixed_labels,
            membership,
            membership_sources,
            sink,
            endpoint: service,
            config_server,
            credentials,
            ca_file: reader.text("SIDETAIL_AGENT_CA_FILE").map(PathBuf::from),
            config_dir,
            local_configs,
            state_dir,
            checkpoint,
            limits,
            memory_bytes,
            drain: reader.parsed(
                "SIDETAIL_AGENT_DRAIN_SECONDS",
                Duration::from_secs(25),
                seconds,
            )?,
            linger: reader.parsed("SIDETAIL_AGENT_LINGER_SECONDS", Duration::ZERO, seconds)?,
            cornerstone: task_site(&mut reader, "SIDETAIL_AGENT_CORNERSTONE", "cornerstone"),
            tombstone: task_site(&mut reader, "SIDETAIL_AGENT_TOMBSTONE", "tombstone"),
            tombstone_drain: reader.parsed(
                "SIDETAIL_AGENT_TOMBSTONE_SECONDS",
                Duration::from_secs(600),
                seconds,
            )?,
            reload: reader.parsed(
                "SIDETAIL_AGENT_RELOAD_SECONDS",
                Duration::from_secs(60),
                |text| seconds(text).map(|time| time.max(Duration::from_millis(50))),
            )?,
            snapshot: reader.parsed(
                "SIDETAIL_AGENT_SNAPSHOT_SECONDS",
                Duration::from_secs(10),
                |text| seconds(text).map(|time| time.max(Duration::from_millis(50))),
            )?,
            path_prefix: reader.text("SIDETAIL_AGENT_PATH_PREFIX").unwrap_or_default().into(),
            admin_listen: reader.parsed("SIDETAIL_AGENT_ADMIN_LISTEN", None, |text| {
                text.parse().map(Some).map_err(|_| format!("`{text}` is not ADDRESS:PORT"))
            })?,
            heartbeat: reader.parsed(
                "SIDETAIL_AGENT_HEARTBEAT_SECONDS",
                Duration::from_secs(10),
                seconds,
            )?,
            scan: reader.parsed("SIDETAIL_AGENT_SCAN_SECONDS", Duration::from_secs(1), seconds)?,
            batch_age,
            batch_bytes,
            batch_logs,
            requests_in_flight,
            max_bytes_per_second: limits::pace(&mut reader),
            request_timeout,
            longest_pause: reader.parsed(
                "SIDETAIL_AGENT_LONGEST_PAUSE_SECONDS",
                LONGEST_REST,
                seconds,
            )?,
            keep_refused,
            dead_letter_bytes: reader.parsed(
                "SIDETAIL_AGENT_DEAD_LETTER_BYTES",
                64 << 20,
                bytes,
            )?,
            compression: reader.parsed("SIDETAIL_AGENT_COMPRESSION", Compression::Lz4, |text| {
                match text {
                    "lz4" => Ok(Compression::Lz4),
                    "zstd" => Ok(Compression::Zstd),
                    "none" => Ok(Compression::None),
                    _ => Err(format!("`{text}` is not one of lz4, zstd and none")),
                }
            })?,
            signature: sending::signature(&mut reader)?,
            log_level,
            log_file: reader.text("SIDETAIL_AGENT_LOG_FILE").map(PathBuf::from),
            origins: Vec::new(),
            warnings: Vec::new(),
        };
        reader.warn_of_the_idle();
        Ok(Self { origins: reader.origins, warnings: reader.warnings, ..settings })
    }
}

/// Configurations of this machine, in the directory with `user_defined_id` (`agent` 1.2).
const LOCAL_CONFIGS: [&str; 3] = ["user_local_config.json", "user_config.d", "user_yaml_config.d"];

/// Configurations of this machine in the layout of LoongCollector (`agent` 1.2).
const LOONG_CONFIGS: &str = "/usr/local/loongcollector/conf/continuous_pipeline_config/local";

/// Where state is kept unless a setting says otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/sidetail-agent";

/// Host and tags of the environment (`agent` 1.1, 5.2).
fn fixed_labels(reader: &mut Reader<'_>) -> AgentLabels {
    let hostname = reader.text("working_hostname").unwrap_or_else(|| reader.given.hostname.clone());
    let source = reader.text("working_ip").unwrap_or_else(|| reader.given.address.clone());
    let names = reader.text("ALIYUN_LOG_ENV_TAGS").unwrap_or_default();
    let env = names
        .split('|')
        .filter(|name| !name.is_empty())
        .map(|name| {
            let value = reader.given.env.get(name).cloned().unwrap_or_default();
            (name.to_owned(), value)
        })
        .collect();
    AgentLabels { source, hostname, user_defined_ids: Vec::new(), env }
}

fn log_level(reader: &mut Reader<'_>) -> Result<Level, SettingsError> {
    let level = |text: &str| {
        let unknown = || format!("`{text}` is not a level; write error, warn, info or debug");
        level_named(text).ok_or_else(unknown)
    };
    let other = reader.lenient("LOGTAIL_LOG_LEVEL", |_| true, level).unwrap_or(Level::Info);
    reader.parsed("SIDETAIL_AGENT_LOG", other, level)
}

/// A file of the hand-shake: as set, or in the task site where there is one.
fn task_site(reader: &mut Reader<'_>, name: &str, file: &str) -> Option<PathBuf> {
    match reader.text(name) {
        Some(text) if text == "none" => None,
        Some(text) => Some(PathBuf::from(text)),
        None => {
            reader.given.machine.list(Path::new(TASK_SITE)).ok()?;
            let path = Path::new(TASK_SITE).join(file);
            reader.note(name, &path.to_string_lossy(), "the directory that exists");
            Some(path)
        }
    }
}

#[cfg(test)]
mod tests;
