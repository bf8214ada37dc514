//! Configurations from a config server: the heartbeat of the agent control protocol (`agent`
//! 6.2). What was received last is kept on disk, so that the agent starts without the server.

use super::{Fate, Offer, document};
use crate::log::alarm;
use crate::metrics::Metrics;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sls::api::heartbeat::{
    AgentAttributes, AgentGroupTag, ConfigDetail, ConfigInfo, ConfigStates, ConfigStatus, DELETED,
    FetchConfig, Heartbeat, HeartbeatRequest, HeartbeatResponse, agent_capability, request_flag,
    response_flag, split_wire_name,
};
use sls::collect::{Target, manifest};
use sls_client::{Client, ClientError};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Pause after the first failure; it doubles up to the usual interval.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// Who the agent is towards the server.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Unique for each start.
    pub instance_id: String,
    /// Host name.
    pub hostname: String,
    /// Address.
    pub ip: String,
    /// The machine groups it belongs to.
    pub user_defined_ids: Vec<String>,
    /// UNIX seconds.
    pub started_seconds: i64,
}

/// What came of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// The set of configurations is another one now.
    Changed,
    /// It is the same.
    Unchanged,
    /// There was no usable answer.
    Failed,
}

/// A configuration as received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Received {
    name: String,
    version: i64,
    detail: String,
}

/// The server's side of things, as far as the agent knows it.
pub struct Remote {
    client: Arc<Client>,
    identity: Identity,
    interval: Duration,
    kept_in: PathBuf,
    received: BTreeMap<String, Received>,
    /// Versions the agent was told to remove, to be reported once.
    removed: Vec<String>,
    sequence: u64,
    pause: Duration,
    failures: u32,
    metrics: Arc<Metrics>,
    extras: BTreeMap<String, Vec<u8>>,
    local_zone: TimeZone,
}

impl Remote {
    /// A remote that was not asked yet. What was received before is read from `kept_in`.
    pub fn new(
        client: Arc<Client>,
        identity: Identity,
        interval: Duration,
        kept_in: PathBuf,
        metrics: Arc<Metrics>,
        local_zone: TimeZone,
    ) -> Self {
        let received = match load(&kept_in) {
            Ok(received) => received,
            Err(error) => {
                crate::warn!("{}: {error}; waiting for the config server", kept_in.display());
                BTreeMap::new()
            }
        };
        Self {
            client,
            identity,
            interval,
            kept_in,
            received,
            removed: Vec::new(),
            sequence: 0,
            pause: Duration::ZERO,
            failures: 0,
            metrics,
            extras: BTreeMap::new(),
            local_zone,
        }
    }

    /// Says from now on that it belongs to these machine groups, with these further attributes.
    pub fn introduce(&mut self, user_defined_ids: Vec<String>, extras: BTreeMap<String, Vec<u8>>) {
        self.identity.user_defined_ids = user_defined_ids;
        self.extras = extras;
    }

    /// All configurations known, checked.
    pub fn offers(&self) -> Vec<Offer> {
        self.received.values().map(|received| offer(received, &self.local_zone)).collect()
    }

    /// Sends one heartbeat. `fate` says what became of each configuration.
    pub async fn beat(&mut self, fate: impl Fn(&str) -> Option<Fate>) -> Beat {
        let request = self.request(fate);
        let sent = Heartbeat { request, wait_for_change: false };
        match self.client.call("", &sent).await {
            Ok(response) => {
                let refused = response.common_response.as_ref().filter(|it| it.status != 0);
                if let Some(refused) = refused {
                    let reason = String::from_utf8_lossy(&refused.error_message).into_owned();
                    self.failed(&format!("the config server refused: {reason}"));
                    return Beat::Failed;
                }
                self.metrics.heartbeats.add(1);
                self.removed.clear();
                self.pause = self.interval;
                self.failures = 0;
                self.take(response).await
            }
            Err(error) => {
                self.failed(&error.to_string());
                Beat::Failed
            }
        }
    }

    /// How long to wait until the next heartbeat, a tenth of it random.
    pub fn pause(&self, random: u32) -> Duration {
        let tenth = self.pause / 10;
        self.pause - tenth + tenth.mul_f64(2.0 * f64::from(random) / f64::from(u32::MAX))
    }

    fn failed(&mut self, reason: &str) {
        self.metrics.heartbeat_failures.add(1);
        alarm("CONFIG_SERVER_ALARM", &self.client.endpoint().to_string(), format_args!("{reason}"));
        self.pause = (FIRST_RETRY * (1 << self.failures.min(10))).min(self.interval);
        self.failures += 1;
    }

    fn request(&mut self, fate: impl Fn(&str) -> Option<Fate>) -> HeartbeatRequest {
        self.sequence += 1;
        let info = |name: &str, version, status: ConfigStatus, message: String| ConfigInfo {
            name: name.to_owned(),
            version,
            status: status.into(),
            message,
            extra: BTreeMap::new(),
        };
        let mut configs: Vec<ConfigInfo> = self
            .received
            .values()
            .map(|received| match fate(&received.name) {
                None => {
                    info(&received.name, received.version, ConfigStatus::Applying, String::new())
                }
                Some(Fate::Applied(notes)) => {
                    info(&received.name, received.version, ConfigStatus::Applied, notes)
                }
                Some(Fate::Failed(reason)) => {
                    info(&received.name, received.version, ConfigStatus::Failed, reason)
                }
            })
            .collect();
        configs.extend(
            self.removed
                .iter()
                .map(|name| info(name, DELETED, ConfigStatus::Applied, String::new())),
        );
        HeartbeatRequest {
            request_id: format!("{}-{}", self.identity.instance_id, self.sequence).into_bytes(),
            sequence_num: self.sequence,
            capabilities: agent_capability::CONTINUOUS,
            instance_id: self.identity.instance_id.clone().into_bytes(),
            agent_type: "Sidetail".to_owned(),
            attributes: Some(AgentAttributes {
                version: env!("CARGO_PKG_VERSION").as_bytes().to_vec(),
                ip: self.identity.ip.clone().into_bytes(),
                hostname: self.identity.hostname.clone().into_bytes(),
                extras: self.extras.clone(),
                ..AgentAttributes::default()
            }),
            tags: self
                .identity
                .user_defined_ids
                .iter()
                .map(|id| AgentGroupTag { name: "default".to_owned(), value: id.clone() })
                .collect(),
            running_status: "running".to_owned(),
            startup_time: self.identity.started_seconds,
            continuous_pipeline_configs: configs,
            flags: request_flag::FULL_STATE,
            ..HeartbeatRequest::default()
        }
    }

    async fn take(&mut self, response: HeartbeatResponse) -> Beat {
        let mut updates = response.continuous_pipeline_config_updates;
        if response.flags & response_flag::FETCH_CONTINUOUS_DETAIL != 0 && !updates.is_empty() {
            match self.fetch(&updates).await {
                Ok(fetched) => updates = fetched,
                Err(error) => {
                    self.failed(&error.to_string());
                    return Beat::Failed;
                }
            }
        }
        let mut changed = false;
        for update in updates {
            changed |= self.update(update);
        }
        if changed {
            // Told again at once, so that the server knows what became of it.
            self.pause = Duration::ZERO;
            if let Err(error) = self.save() {
                crate::warn!(
                    "{}: {error}; after a restart configurations come from the config server only",
                    self.kept_in.display()
                );
            }
        }
        if changed { Beat::Changed } else { Beat::Unchanged }
    }

    async fn fetch(&self, updates: &[ConfigDetail]) -> Result<Vec<ConfigDetail>, ClientError> {
        let wanted = updates
            .iter()
            .map(|update| ConfigInfo {
                name: update.name.clone(),
                version: update.version,
                ..ConfigInfo::default()
            })
            .collect();
        let states = ConfigStates {
            request_id: format!("{}-{}f", self.identity.instance_id, self.sequence).into_bytes(),
            instance_id: self.identity.instance_id.clone().into_bytes(),
            continuous_pipeline_configs: wanted,
            ..ConfigStates::default()
        };
        let fetched = self.client.call("", &FetchConfig { states }).await?;
        Ok(fetched.continuous_pipeline_config_updates)
    }

    fn update(&mut self, update: ConfigDetail) -> bool {
        if update.version == DELETED {
            self.removed.push(update.name.clone());
            return self.received.remove(&update.name).is_some();
        }
        let detail = String::from_utf8_lossy(&update.detail).into_owned();
        let received = Received { name: update.name.clone(), version: update.version, detail };
        let before = self.received.insert(update.name, received.clone());
        before.as_ref() != Some(&received)
    }

    fn save(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.received.values().collect::<Vec<_>>())?;
        let aside = self.kept_in.with_extension("new");
        std::fs::write(&aside, text)?;
        std::fs::rename(&aside, &self.kept_in)
    }
}

fn load(path: &Path) -> io::Result<BTreeMap<String, Received>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let list: Vec<Received> = serde_json::from_slice(&text)?;
    Ok(list.into_iter().map(|received| (received.name.clone(), received)).collect())
}

/// Details are JSON of either format, or YAML.
fn offer(received: &Received, local_zone: &TimeZone) -> Offer {
    let Received { name, version, detail } = received;
    let (project, own) = match split_wire_name(name) {
        Some((project, own)) => (Some(project.to_owned()), own),
        None => (None, name.as_str()),
    };
    let target = Target { name: Some(own.to_owned()), project, logstore: None };
    let mut found = manifest::read(detail)
        .into_iter()
        .filter_map(|document| document::read(&document, detail, &target, local_zone, None));
    let (config, warnings) = match (found.next(), found.next()) {
        (Some(read), None) => (read.config, read.warnings),
        (Some(_), Some(_)) => (Err("holds several configurations".to_owned()), Vec::new()),
        (None, _) => (Err("is not a configuration".to_owned()), Vec::new()),
    };
    Offer { id: name.clone(), version: *version, config, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sls_client::{CredentialSource, Settings};

    fn remote(dir: &Path) -> Remote {
        let endpoint = "http://127.0.0.1:1".parse().unwrap();
        let client = Client::new(Settings::new(endpoint, CredentialSource::Anonymous)).unwrap();
        let identity = Identity {
            instance_id: "i".into(),
            hostname: "h".into(),
            ip: "1.2.3.4".into(),
            user_defined_ids: vec!["g1".into(), "g2".into()],
            started_seconds: 7,
        };
        let (kept_in, metrics) = (dir.join("received.json"), Arc::new(Metrics::default()));
        let client = Arc::new(client);
        let every = Duration::from_secs(10);
        Remote::new(client, identity, every, kept_in, metrics, TimeZone::UTC)
    }

    fn detail(name: &str, version: i64, detail: &str) -> ConfigDetail {
        let detail = detail.as_bytes().to_vec();
        ConfigDetail { name: name.into(), version, detail, extra: BTreeMap::new() }
    }

    const CONFIG: &str = r#"{"configName": "c1", "inputType": "file", "inputDetail":
        {"logType": "common_reg_log", "logPath": "/v", "filePattern": "a"},
        "outputDetail": {"logstoreName": "l"}}"#;

    #[test]
    fn what_was_received_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = remote(dir.path());
        assert!(first.update(detail("##1.0##p$c1", 3, CONFIG)));
        assert!(!first.update(detail("##1.0##p$c1", 3, CONFIG)));
        first.save().unwrap();
        let offers = remote(dir.path()).offers();
        let config = offers[0].config.as_ref().unwrap().as_ref().unwrap();
        assert_eq!((config.project(), config.name.as_str()), ("p", "c1"));
        assert_eq!(offers[0].version, 3);
    }

    #[test]
    fn a_heartbeat_says_what_became_of_each_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let mut remote = remote(dir.path());
        remote.update(detail("##1.0##p$c1", 3, CONFIG));
        remote.update(detail("##1.0##p$c2", 4, "{"));
        remote.update(detail("gone", 1, "{}"));
        remote.update(detail("gone", DELETED, ""));
        let request = remote.request(|name| match name {
            "##1.0##p$c1" => Some(Fate::Applied("a note".into())),
            _ => Some(Fate::Failed("broken".into())),
        });
        let tags: Vec<_> =
            request.tags.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
        assert_eq!(tags, [("default", "g1"), ("default", "g2")]);
        let states: Vec<_> = request
            .continuous_pipeline_configs
            .iter()
            .map(|it| (it.name.as_str(), it.version, it.status(), it.message.as_str()))
            .collect();
        assert_eq!(
            states,
            [
                ("##1.0##p$c1", 3, ConfigStatus::Applied, "a note"),
                ("##1.0##p$c2", 4, ConfigStatus::Failed, "broken"),
                ("gone", DELETED, ConfigStatus::Applied, ""),
            ]
        );
        assert!(remote.offers()[1].config.as_ref().unwrap_err().contains("is not closed"));
    }

    #[test]
    fn details_may_be_of_either_format_and_yaml() {
        let dir = tempfile::tempdir().unwrap();
        let mut remote = remote(dir.path());
        let yaml = "inputs:\n- Type: input_file\n  FilePaths: [/v/a]\n  TailSize: 1\n\
                    flushers:\n- Type: flusher_sls\n  Logstore: l\n";
        remote.update(detail("##1.0##p$c1", 1, yaml));
        remote.update(detail("other", 1, "kind: Job"));
        let offers = remote.offers();
        let config = offers[0].config.as_ref().unwrap().as_ref().unwrap();
        assert_eq!((config.project(), config.name.as_str()), ("p", "c1"));
        assert_eq!(
            offers[0].warnings,
            ["4:3: inputs[0].TailSize: unknown key, it has no effect; did you mean `TailSizeKB`?"]
        );
        assert_eq!(offers[1].config, Err("is not a configuration".to_owned()));
    }

    #[test]
    fn failures_are_repeated_quickly_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut remote = remote(dir.path());
        let mut pauses = Vec::new();
        for _ in 0..7 {
            remote.failed("away");
            pauses.push(remote.pause.as_millis());
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    }
}
