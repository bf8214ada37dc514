//! Settings, in two stages: what was written on the command line and in the environment, then
//! the checked values. A wrong setting stops the program before it binds or opens anything.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};

use crate::catalog::AccessKey;

/// Settings as given. Every flag has an environment variable `SIDETAIL_SERVER_<FLAG>`.
#[derive(Clone, Debug, Parser)]
#[command(name = "sidetail-server", version, about = "Log service that speaks the SLS API")]
pub struct RawSettings {
    /// Directory of everything the service keeps; made when missing.
    #[arg(long, env = "SIDETAIL_SERVER_DATA", value_name = "DIR")]
    pub data: PathBuf,

    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "SIDETAIL_SERVER_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:10010"
    )]
    pub listen: String,

    /// Accept every call without a signature; allowed on loopback addresses only.
    #[arg(long, env = "SIDETAIL_SERVER_NO_AUTH", action = ArgAction::SetTrue)]
    pub no_auth: bool,

    /// Accept heartbeats of agents without a signature.
    #[arg(long, env = "SIDETAIL_SERVER_OPEN_HEARTBEAT", action = ArgAction::SetTrue)]
    pub open_heartbeat: bool,

    /// Host name under which clients know the service, without project and port. May be repeated.
    #[arg(
        long = "endpoint-name",
        env = "SIDETAIL_SERVER_ENDPOINT_NAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub endpoint_names: Vec<String>,

    /// Refuse hosts that do not end with an endpoint name, instead of taking their first label
    /// as the project.
    #[arg(long, env = "SIDETAIL_SERVER_STRICT_HOST", action = ArgAction::SetTrue)]
    pub strict_host: bool,

    /// Access key id to accept instead of a generated pair; with --access-key-secret.
    #[arg(
        long,
        env = "SIDETAIL_SERVER_ACCESS_KEY_ID",
        value_name = "ID",
        requires = "access_key_secret"
    )]
    pub access_key_id: Option<String>,

    /// Secret of --access-key-id.
    #[arg(
        long,
        env = "SIDETAIL_SERVER_ACCESS_KEY_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        requires = "access_key_id"
    )]
    pub access_key_secret: Option<Secret>,

    /// Region name shown with projects.
    #[arg(long, env = "SIDETAIL_SERVER_REGION", value_name = "NAME", default_value = "local")]
    pub region: String,

    /// Bytes of one log group before compression, at most.
    #[arg(
        long,
        env = "SIDETAIL_SERVER_MAX_BODY_BYTES",
        value_name = "BYTES",
        default_value_t = 10 << 20
    )]
    pub max_body_bytes: usize,

    /// Refuse logs older than 7 days or more than 15 minutes ahead, as the original does.
    #[arg(long, env = "SIDETAIL_SERVER_LOG_TIME_WINDOW", action = ArgAction::SetTrue)]
    pub log_time_window: bool,

    /// Bytes that requests under way may hold in memory before senders have to wait.
    #[arg(
        long,
        env = "SIDETAIL_SERVER_INGEST_MEMORY_BYTES",
        value_name = "BYTES",
        default_value_t = 128 << 20
    )]
    pub ingest_memory_bytes: usize,

    /// Queries that run at the same time; 0 takes one for each processor.
    #[arg(long, env = "SIDETAIL_SERVER_QUERY_SLOTS", value_name = "N", default_value_t = 0)]
    pub query_slots: usize,

    /// Seconds after which a query answers with what it has found.
    #[arg(
        long,
        env = "SIDETAIL_SERVER_QUERY_TIMEOUT_SECS",
        value_name = "SECS",
        default_value_t = 30
    )]
    pub query_timeout_secs: u64,

    /// Seconds that requests under way get after SIGTERM.
    #[arg(long, env = "SIDETAIL_SERVER_DRAIN_SECS", value_name = "SECS", default_value_t = 20)]
    pub drain_secs: u64,

    /// Open a damaged log with what can be read of it, instead of refusing.
    #[arg(long, env = "SIDETAIL_SERVER_SALVAGE", action = ArgAction::SetTrue)]
    pub salvage: bool,

    /// What to log, as a filter: `info`, `debug`, `server=debug,info`.
    #[arg(long, env = "SIDETAIL_SERVER_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Form of the program's own log on standard error.
    #[arg(
        long,
        env = "SIDETAIL_SERVER_LOG_FORMAT",
        value_name = "FORM",
        value_enum,
        default_value_t = LogFormat::Text
    )]
    pub log_format: LogFormat,
}

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Form of the program's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object each line.
    Json,
}

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Directory of everything the service keeps.
    pub data: PathBuf,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Which calls need a signature.
    pub access: Access,
    /// Host names of the service, lower case.
    pub endpoint_names: Vec<String>,
    /// What to do with other hosts.
    pub other_hosts: OtherHosts,
    /// Region name shown with projects.
    pub region: String,
    /// Bytes of one log group before compression, at most.
    pub max_body_bytes: usize,
    /// Which log times are accepted.
    pub log_times: LogTimes,
    /// Bytes that requests under way may hold.
    pub ingest_memory_bytes: usize,
    /// Queries that run at the same time.
    pub query_slots: usize,
    /// Time of one query.
    pub query_timeout: Duration,
    /// Time of requests under way after SIGTERM.
    pub drain: Duration,
    /// What to do with a damaged log.
    pub damaged_log: store::DamagedLog,
}

/// Which calls need a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// None. Only on loopback.
    Open,
    /// All, made with a stored pair or with the given one.
    Signed {
        /// A pair from outside; without one a pair is generated and stored.
        given: Option<AccessKey>,
        /// Whether heartbeats are exempt.
        heartbeat: Heartbeats,
    },
}

/// Whether heartbeats need a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeats {
    /// As every other call.
    Signed,
    /// They do not.
    Open,
}

/// What to do with a host that ends with no endpoint name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherHosts {
    /// Its first label is the project.
    FirstLabel,
    /// Refuse.
    Refuse,
}

/// Which log times are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTimes {
    /// All.
    Any,
    /// From 7 days ago to 15 minutes ahead.
    Window,
}

/// Why settings were refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The address is not one.
    #[error("--listen {value} is not an address: write it as 127.0.0.1:10010 or [::1]:10010")]
    Listen {
        /// As given.
        value: String,
    },
    /// Without signatures anybody who reaches the address could read and delete.
    #[error(
        "--no-auth is allowed on loopback only and --listen is {listen}: listen on 127.0.0.1 or \
         leave --no-auth out"
    )]
    OpenToOthers {
        /// As given.
        listen: SocketAddr,
    },
    /// A name that cannot be the end of a host.
    #[error("--endpoint-name {name:?} is not a host name: leave out scheme and port")]
    EndpointName {
        /// As given.
        name: String,
    },
    /// A number out of its range.
    #[error("{flag} is {value}: choose {range}")]
    Range {
        /// Which flag.
        flag: &'static str,
        /// As given.
        value: usize,
        /// What is allowed.
        range: &'static str,
    },
    /// The pair must not be empty: an empty secret signs nothing.
    #[error("--access-key-id and --access-key-secret must not be empty")]
    EmptyKey,
}

impl RawSettings {
    /// Checks everything.
    ///
    /// # Errors
    /// The first setting that is wrong, with what to write instead.
    pub fn check(self) -> Result<Settings, SettingsError> {
        let listen: SocketAddr = self
            .listen
            .parse()
            .map_err(|_| SettingsError::Listen { value: self.listen.clone() })?;
        if self.no_auth && !is_loopback(listen.ip()) {
            return Err(SettingsError::OpenToOthers { listen });
        }
        let endpoint_names = self.endpoint_names.iter().map(|name| {
            let name = name.trim().to_ascii_lowercase();
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            if !name.is_empty() && name.bytes().all(allowed) && !name.starts_with('.') {
                Ok(name)
            } else {
                Err(SettingsError::EndpointName { name })
            }
        });
        let endpoint_names = endpoint_names.collect::<Result<Vec<_>, _>>()?;
        let range = |flag, value, range| SettingsError::Range { flag, value, range };
        if !(1024..=MAX_BODY_BYTES).contains(&self.max_body_bytes) {
            let allowed = "1024 to 15728640 bytes";
            return Err(range("--max-body-bytes", self.max_body_bytes, allowed));
        }
        if self.ingest_memory_bytes < 2 * self.max_body_bytes {
            let allowed = "at least twice --max-body-bytes";
            return Err(range("--ingest-memory-bytes", self.ingest_memory_bytes, allowed));
        }
        let access = match (self.no_auth, self.access_key_id, self.access_key_secret) {
            (true, _, _) => Access::Open,
            (false, Some(id), Some(secret)) if id.is_empty() || secret.0.is_empty() => {
                return Err(SettingsError::EmptyKey);
            }
            (false, id, secret) => Access::Signed {
                given: id.zip(secret).map(|(id, Secret(secret))| AccessKey { id, secret }),
                heartbeat: if self.open_heartbeat { Heartbeats::Open } else { Heartbeats::Signed },
            },
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Settings {
            data: self.data,
            listen,
            access,
            endpoint_names,
            other_hosts: if self.strict_host { OtherHosts::Refuse } else { OtherHosts::FirstLabel },
            region: self.region,
            max_body_bytes: self.max_body_bytes,
            log_times: if self.log_time_window { LogTimes::Window } else { LogTimes::Any },
            ingest_memory_bytes: self.ingest_memory_bytes,
            query_slots: if self.query_slots == 0 { processors } else { self.query_slots },
            query_timeout: Duration::from_secs(self.query_timeout_secs),
            drain: Duration::from_secs(self.drain_secs),
            damaged_log: if self.salvage {
                store::DamagedLog::Salvage
            } else {
                store::DamagedLog::Refuse
            },
        })
    }
}

/// The store takes payloads a little larger than this.
const MAX_BODY_BYTES: usize = 15 << 20;

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str]) -> Result<Settings, SettingsError> {
        let all = ["sidetail-server", "--data", "d"].iter().chain(arguments);
        RawSettings::try_parse_from(all).expect("known flags").check()
    }

    #[test]
    fn no_auth_is_refused_on_an_address_others_reach() {
        assert!(check(&["--no-auth", "--listen", "127.0.0.1:0"]).is_ok());
        assert!(check(&["--no-auth", "--listen", "[::1]:0"]).is_ok());
        assert!(matches!(
            check(&["--no-auth", "--listen", "0.0.0.0:10010"]),
            Err(SettingsError::OpenToOthers { .. })
        ));
    }

    #[test]
    fn the_secret_is_taken_and_never_shown() {
        let flags = ["--access-key-id", "me", "--access-key-secret", "hunter2"];
        let all = ["sidetail-server", "--data", "d"].iter().chain(&flags);
        let raw = RawSettings::try_parse_from(all).expect("known flags");
        assert!(!format!("{raw:?}").contains("hunter2"));
        let settings = raw.check().expect("valid");
        assert!(!format!("{settings:?}").contains("hunter2"));
        let given = AccessKey { id: "me".into(), secret: "hunter2".into() };
        let access = Access::Signed { given: Some(given), heartbeat: Heartbeats::Signed };
        assert!(settings.access == access);
    }

    #[test]
    fn a_listen_address_without_a_port_is_refused_with_an_example() {
        let error = check(&["--listen", "localhost"]).expect_err("no port");
        assert!(error.to_string().contains("127.0.0.1:10010"));
    }

    #[test]
    fn endpoint_names_are_host_names() {
        let settings = check(&["--endpoint-name", "SLS.Test", "--endpoint-name", "b.c"]);
        assert_eq!(settings.expect("valid").endpoint_names, ["sls.test", "b.c"]);
        assert!(check(&["--endpoint-name", "http://sls.test"]).is_err());
        assert!(check(&["--endpoint-name", "sls.test:80"]).is_err());
    }

    #[test]
    fn limits_that_would_block_every_request_are_refused() {
        assert!(check(&["--max-body-bytes", "1"]).is_err());
        assert!(check(&["--ingest-memory-bytes", "1048576"]).is_err());
    }
}
