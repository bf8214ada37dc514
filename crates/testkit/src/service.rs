//! The log service as a test calls it: blocking, and patient where a person would be.

use sls::api::Call;
use sls::api::config::{CreateConfig, LogtailConfig};
use sls::api::get_logs::{GetLogs, LogsQuery, Progress, Row};
use sls::api::index::{CreateIndex, Index, LineIndex, default_token};
use sls::api::logstore::{CreateLogstore, LogstoreFields};
use sls::api::machine_group::{ApplyConfig, CreateMachineGroup, MachineGroup, MachineIdentifyType};
use sls::api::project::CreateProject;
use sls::api::put_logs::{FileSpan, PutLogs};
use sls::compress::{Compression, compress};
use sls::log_group::LogGroupWriter;
use sls_client::{Client, ClientError, CredentialSource, Settings};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rows in one answer at most (`sls-api` 4.5).
const PAGE: i64 = 100;

/// A blocking client.
pub struct Service {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.client.fmt(f)
    }
}

impl Service {
    /// A client of the service at `endpoint`.
    ///
    /// # Panics
    /// When `endpoint` is not one.
    pub fn new(endpoint: &str, credentials: CredentialSource) -> Self {
        let endpoint = endpoint.parse().unwrap_or_else(|error| panic!("{error}"));
        let mut settings = Settings::new(endpoint, credentials);
        settings.request_timeout = Duration::from_secs(60);
        Self {
            client: Client::new(settings).expect("no TLS, so nothing to fail"),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime without threads"),
        }
    }

    /// One call, its answer or its error.
    pub fn try_call<C: Call>(&self, project: &str, call: &C) -> Result<C::Response, ClientError> {
        self.runtime.block_on(self.client.call(project, call))
    }

    /// One call that must succeed.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn call<C: Call>(&self, project: &str, call: &C) -> C::Response {
        self.try_call(project, call).unwrap_or_else(|error| panic!("{}: {error}", C::NAME))
    }

    /// A project with logstores of one shard, so that rows have one order, each with a full-text
    /// index.
    #[track_caller]
    pub fn provision(&self, project: &str, logstores: &[&str]) {
        self.call("", &CreateProject { project_name: project.into(), ..Default::default() });
        for logstore in logstores {
            let fields = LogstoreFields {
                logstore_name: Some(logstore.to_string()),
                ttl: Some(30),
                shard_count: Some(1),
                ..Default::default()
            };
            self.call(project, &CreateLogstore { fields });
            let line = LineIndex { token: default_token(), ..Default::default() };
            let index = Index { line: Some(line), ..Default::default() };
            self.call(project, &CreateIndex { logstore: logstore.to_string(), index });
        }
    }

    /// A user-defined machine group with `config` applied to it.
    #[track_caller]
    pub fn configure(&self, project: &str, group: &str, config: LogtailConfig) {
        let config_name = config.config_name.clone();
        self.call(project, &CreateConfig { config });
        let machine_group = MachineGroup {
            group_name: group.into(),
            machine_identify_type: MachineIdentifyType::Userdefined,
            machine_list: vec![group.into()],
            ..Default::default()
        };
        match self.try_call(project, &CreateMachineGroup { group: machine_group }) {
            Ok(()) => {}
            Err(error) if error.refusal().is_some_and(|r| r.code.ends_with("AlreadyExist")) => {}
            Err(error) => panic!("CreateMachineGroup: {error}"),
        }
        self.call(project, &ApplyConfig { group: group.into(), config: config_name });
    }

    /// Writes `lines` as one log group with the single field `content`.
    pub fn put_lines(
        &self,
        project: &str,
        logstore: &str,
        lines: &[String],
        span: Option<FileSpan>,
    ) -> Result<(), ClientError> {
        let mut group = LogGroupWriter::new();
        let now = now_seconds() as u32;
        for line in lines {
            group.log(now, None, [(&b"content"[..], line.as_bytes())].into_iter());
        }
        let raw = group.as_bytes();
        let put = PutLogs {
            logstore: logstore.into(),
            body: compress(Compression::Lz4, raw).into(),
            raw_size: raw.len(),
            compression: Compression::Lz4,
            hash_key: None,
            span,
        };
        self.try_call(project, &put)
    }

    /// Every row that `query` finds, oldest first, page by page.
    pub fn rows(
        &self,
        project: &str,
        logstore: &str,
        query: &str,
    ) -> Result<Vec<Row>, ClientError> {
        // The end is fixed, so that rows which arrive meanwhile do not move the pages.
        let to = now_seconds() + 3600;
        let mut rows = Vec::new();
        loop {
            let page = GetLogs {
                logstore: logstore.into(),
                query: LogsQuery {
                    from: 0,
                    to,
                    query: query.into(),
                    line: Some(PAGE),
                    offset: Some(rows.len() as i64),
                    ..Default::default()
                },
            };
            // Reading can be repeated: the connection may be one to a server killed since.
            let answer = match self.try_call(project, &page) {
                Err(ClientError::Transport { .. }) => self.try_call(project, &page)?,
                answer => answer?,
            };
            if answer.meta.progress != Progress::Complete {
                continue;
            }
            let count = answer.data.len() as i64;
            rows.extend(answer.data);
            if count < PAGE {
                return Ok(rows);
            }
        }
    }

    /// The values of one field over every row that `query` finds.
    pub fn values(
        &self,
        project: &str,
        logstore: &str,
        query: &str,
        field: &str,
    ) -> Result<Vec<String>, ClientError> {
        let rows = self.rows(project, logstore, query)?;
        Ok(rows.iter().filter_map(|row| row.get(field)).map(str::to_owned).collect())
    }
}

/// Seconds since the UNIX epoch.
pub fn now_seconds() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    elapsed.as_secs() as i64
}
