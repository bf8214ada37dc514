//! The settings of the process, in two stages: everything as given (environment, instance file),
//! then [`Settings`], checked, with every value that differs from its default and where it came
//! from.
//!
//! The names of Logtail are kept with their precedence (`agent` 1.1 to 1.3): for most of its keys
//! the instance file beats the environment; the checkpoint path is the other way round. Ours all
//! begin with `SIDETAIL_AGENT_` and always win.

mod instance;
mod values;

use crate::log::{Level, level_named};
use instance::Instance;
use pipeline::tags::AgentLabels;
use sls::compress::Compression;
use sls_client::{CredentialSource, Endpoint, KeyPair};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use values::{bytes, endpoint, number, seconds};

/// Memory between read and acknowledgement, unless a setting says otherwise.
const MEMORY_BYTES: usize = 4 * 1024 * 1024;

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

/// What to sign with, as set.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing.
    Anonymous,
    /// A key.
    Key(KeyPair),
    /// The files of a key: its id, its secret.
    Files(PathBuf, PathBuf),
}

impl Credentials {
    /// The source for one client.
    pub fn source(&self) -> CredentialSource {
        match self {
            Self::Anonymous => CredentialSource::Anonymous,
            Self::Key(key) => CredentialSource::Static(key.clone()),
            Self::Files(id, secret) => CredentialSource::files(id, secret),
        }
    }
}

/// The settings of one agent.
#[derive(Debug)]
pub struct Settings {
    /// What is the same for every batch.
    pub labels: AgentLabels,
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
    /// Where the agent keeps what must survive its restart.
    pub state_dir: PathBuf,
    /// The checkpoint file.
    pub checkpoint: PathBuf,
    /// Bytes in memory between read and acknowledgement.
    pub memory_bytes: usize,
    /// How long the end may take.
    pub drain: Duration,
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
    /// Requests under way at most.
    pub requests_in_flight: usize,
    /// How bodies are compressed.
    pub compression: Compression,
    /// What the agent says about itself.
    pub log_level: Level,
    /// Every value that is not the default.
    pub origins: Vec<Origin>,
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
    /// Reads a small file.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// Collects values with their origin.
pub(crate) struct Reader<'a> {
    given: &'a Given<'a>,
    origins: Vec<Origin>,
}

impl Reader<'_> {
    /// A variable that is set and not empty.
    fn env(&mut self, name: &str) -> Option<String> {
        let value =
            self.given.env.get(name).map(|value| value.trim()).filter(|it| !it.is_empty())?;
        self.note(name, value, &format!("environment {name}"));
        Some(value.to_owned())
    }

    /// A variable whose value is not shown.
    fn secret(&mut self, name: &str) -> Option<String> {
        let value =
            self.given.env.get(name).map(|value| value.trim()).filter(|it| !it.is_empty())?;
        self.note(name, "(not shown)", &format!("environment {name}"));
        Some(value.to_owned())
    }

    fn note(&mut self, setting: &str, value: &str, from: &str) {
        self.origins.push(Origin {
            setting: setting.to_owned(),
            value: value.to_owned(),
            from: from.to_owned(),
        });
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        match self.env(name) {
            None => Ok(default),
            Some(text) => parse(&text).map_err(|reason| refuse(name, reason)),
        }
    }
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
        let mut reader = Reader { given, origins: Vec::new() };
        let instance = Instance::read(&mut reader)?;
        let labels = labels(&mut reader, &instance);
        let sink = reader.parsed("SIDETAIL_AGENT_SINK", SinkKind::Sls, |text| match text {
            "sls" => Ok(SinkKind::Sls),
            "null" => Ok(SinkKind::Null),
            _ => Err(format!("`{text}` is not a sink; write `sls` or `null`")),
        })?;
        let own_endpoint = match reader.env("SIDETAIL_AGENT_ENDPOINT") {
            Some(text) => {
                Some(endpoint(&text).map_err(|why| refuse("SIDETAIL_AGENT_ENDPOINT", why))?)
            }
            None => None,
        };
        let config_server = match reader.env("SIDETAIL_AGENT_CONFIG_SERVER") {
            Some(text) if text == "none" => None,
            Some(text) => {
                Some(endpoint(&text).map_err(|why| refuse("SIDETAIL_AGENT_CONFIG_SERVER", why))?)
            }
            None => instance.config_server.clone().or_else(|| own_endpoint.clone()),
        };
        let endpoint = own_endpoint.or(instance.endpoint.clone());
        if endpoint.is_none() && sink == SinkKind::Sls {
            return Err(refuse(
                "SIDETAIL_AGENT_ENDPOINT",
                "is not set and ALIYUN_LOGTAIL_CONFIG names no region; write the address of the \
                 log service, for example http://sidetail-server:8080",
            ));
        }
        let credentials = credentials(&mut reader, &instance)?;
        let config_dir = reader.env("SIDETAIL_AGENT_CONFIG_DIR").map(PathBuf::from);
        if config_dir.is_none() && config_server.is_none() {
            return Err(refuse(
                "SIDETAIL_AGENT_CONFIG_DIR",
                "is not set and there is no config server; name a directory with configurations, \
                 or set SIDETAIL_AGENT_CONFIG_SERVER",
            ));
        }
        let state_dir = reader
            .env("SIDETAIL_AGENT_STATE_DIR")
            .map_or_else(|| PathBuf::from(DEFAULT_STATE_DIR), PathBuf::from);
        let checkpoint = reader
            .env("ALIYUN_LOGTAIL_CHECK_POINT_PATH")
            .or(instance.checkpoint.clone())
            .map_or_else(|| state_dir.join("checkpoint"), PathBuf::from);
        let log_level = match reader.env("SIDETAIL_AGENT_LOG").or(reader.env("LOGTAIL_LOG_LEVEL")) {
            None => Level::Info,
            Some(text) => level_named(&text).ok_or_else(|| {
                refuse(
                    "SIDETAIL_AGENT_LOG",
                    format!("`{text}` is not a level; write error, warn, info or debug"),
                )
            })?,
        };
        Ok(Self {
            labels,
            sink,
            endpoint,
            config_server,
            credentials,
            ca_file: reader.env("SIDETAIL_AGENT_CA_FILE").map(PathBuf::from),
            config_dir,
            state_dir,
            checkpoint,
            memory_bytes: reader.parsed("SIDETAIL_AGENT_MEMORY_BYTES", MEMORY_BYTES, |text| {
                let bytes = bytes(text)?;
                if bytes < 1024 * 1024 {
                    return Err("less than 1 MiB leaves no room for a batch".to_owned());
                }
                Ok(bytes)
            })?,
            drain: reader.parsed(
                "SIDETAIL_AGENT_DRAIN_SECONDS",
                Duration::from_secs(25),
                seconds,
            )?,
            path_prefix: reader.env("SIDETAIL_AGENT_PATH_PREFIX").unwrap_or_default().into(),
            admin_listen: reader.parsed("SIDETAIL_AGENT_ADMIN_LISTEN", None, |text| {
                text.parse().map(Some).map_err(|_| format!("`{text}` is not ADDRESS:PORT"))
            })?,
            heartbeat: reader.parsed(
                "SIDETAIL_AGENT_HEARTBEAT_SECONDS",
                Duration::from_secs(10),
                seconds,
            )?,
            scan: reader.parsed("SIDETAIL_AGENT_SCAN_SECONDS", Duration::from_secs(1), seconds)?,
            batch_age: reader.parsed(
                "SIDETAIL_AGENT_BATCH_SECONDS",
                Duration::from_millis(300),
                seconds,
            )?,
            requests_in_flight: reader
                .parsed("SIDETAIL_AGENT_REQUESTS_IN_FLIGHT", 8, |text| number(text, 1, 1000))?,
            compression: reader.parsed("SIDETAIL_AGENT_COMPRESSION", Compression::Lz4, |text| {
                match text {
                    "lz4" => Ok(Compression::Lz4),
                    "zstd" => Ok(Compression::Zstd),
                    "none" => Ok(Compression::None),
                    _ => Err(format!("`{text}` is not one of lz4, zstd and none")),
                }
            })?,
            log_level,
            origins: reader.origins,
        })
    }
}

/// Where state is kept unless a setting says otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/sidetail-agent";

/// Ids, host and tags (`agent` 1.1, 5.2).
fn labels(reader: &mut Reader<'_>, instance: &Instance) -> AgentLabels {
    let mut ids: BTreeSet<String> = BTreeSet::new();
    if let Some(text) = reader.env("ALIYUN_LOGTAIL_USER_DEFINED_ID") {
        ids.extend(text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned));
    }
    let system_dir = reader
        .env("ALIYUN_LOGTAIL_SYS_CONF_DIR")
        .map_or_else(|| PathBuf::from("/etc/ilogtail"), PathBuf::from);
    let file = system_dir.join("user_defined_id");
    if let Ok(text) = (reader.given.read_file)(&file) {
        let found: Vec<&str> = text.lines().map(str::trim).filter(|id| !id.is_empty()).collect();
        if !found.is_empty() {
            reader.note("user_defined_id", &found.join(","), &file.to_string_lossy());
        }
        ids.extend(found.into_iter().map(str::to_owned));
    }
    // The account is of use to the closed control channel only.
    reader.env("ALIYUN_LOGTAIL_USER_ID");
    let hostname = instance
        .hostname
        .clone()
        .or_else(|| reader.env("ALIYUN_LOGTAIL_WORKING_HOSTNAME"))
        .unwrap_or_else(|| reader.given.hostname.clone());
    let source = instance
        .ip
        .clone()
        .or_else(|| reader.env("ALIYUN_LOGTAIL_WORKING_IP"))
        .unwrap_or_else(|| reader.given.address.clone());
    let env = reader
        .env("ALIYUN_LOG_ENV_TAGS")
        .map(|names| {
            names
                .split('|')
                .filter(|name| !name.is_empty())
                .map(|name| {
                    let value = reader.given.env.get(name).cloned().unwrap_or_default();
                    (name.to_owned(), value)
                })
                .collect()
        })
        .unwrap_or_default();
    AgentLabels { source, hostname, user_defined_ids: ids.into_iter().collect(), env }
}

fn credentials(reader: &mut Reader<'_>, instance: &Instance) -> Result<Credentials, SettingsError> {
    const ID: &str = "SIDETAIL_AGENT_ACCESS_KEY_ID";
    const SECRET: &str = "SIDETAIL_AGENT_ACCESS_KEY_SECRET";
    const ID_FILE: &str = "SIDETAIL_AGENT_ACCESS_KEY_ID_FILE";
    const SECRET_FILE: &str = "SIDETAIL_AGENT_ACCESS_KEY_SECRET_FILE";
    match (reader.env(ID_FILE), reader.env(SECRET_FILE)) {
        (Some(id), Some(secret)) => return Ok(Credentials::Files(id.into(), secret.into())),
        (None, None) => {}
        (Some(_), None) => return Err(refuse(SECRET_FILE, format!("is missing beside {ID_FILE}"))),
        (None, Some(_)) => return Err(refuse(ID_FILE, format!("is missing beside {SECRET_FILE}"))),
    }
    match (reader.env(ID), reader.secret(SECRET)) {
        (Some(id), Some(secret)) => Ok(Credentials::Key(KeyPair { id, secret })),
        (None, None) => Ok(match &instance.key {
            Some(key) => Credentials::Key(key.clone()),
            None => Credentials::Anonymous,
        }),
        (Some(_), None) => Err(refuse(SECRET, format!("is missing beside {ID}"))),
        (None, Some(_)) => Err(refuse(ID, format!("is missing beside {SECRET}"))),
    }
}

#[cfg(test)]
mod tests;
