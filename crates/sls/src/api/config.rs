//! Collection configurations as the service keeps them (`sls-api.md` section 3.7).
//!
//! The service does not interpret `inputDetail`: it stores free JSON and returns it unchanged.
//! What it means is the business of `collect`.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Page, Parts, call};

/// One configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogtailConfig {
    /// 2 to 128 characters of `[a-z0-9_-]`.
    pub config_name: String,
    /// `file`, `plugin` or `syslog`.
    #[serde(default = "file")]
    pub input_type: String,
    /// How to collect and parse; kept as it came.
    pub input_detail: Map<String, Value>,
    /// `LogService`.
    #[serde(default = "log_service")]
    pub output_type: String,
    /// Where logs go.
    pub output_detail: OutputDetail,
    /// Lines the configuration was written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sample: Option<String>,
    /// UNIX seconds, on answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<i64>,
    /// UNIX seconds, on answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modify_time: Option<i64>,
}

fn file() -> String {
    "file".into()
}

fn log_service() -> String {
    "LogService".into()
}

/// Where logs of a configuration go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputDetail {
    /// Project; filled by the service when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_name: Option<String>,
    /// Logstore.
    pub logstore_name: String,
    /// Whatever else a client sent, such as `endpoint`.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Creates a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateConfig {
    /// The configuration.
    pub config: LogtailConfig,
}

/// Replaces a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateConfig {
    /// The configuration; its name says which.
    pub config: LogtailConfig,
}

/// Reads a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetConfig {
    /// Which one.
    pub config: String,
}

/// Deletes a configuration, which also takes it away from all groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteConfig {
    /// Which one.
    pub config: String,
}

/// Lists the names of configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListConfigs {
    /// Part of the listing.
    pub page: Page,
    /// Only configurations that write to this logstore.
    pub logstore_name: Option<String>,
    /// Only names that contain this text.
    pub config_name: Option<String>,
}

/// A page of configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigList {
    /// Entries in this page.
    pub count: usize,
    /// Entries in all pages.
    pub total: usize,
    /// The names.
    pub configs: Vec<String>,
}

/// Lists the machine groups a configuration is applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAppliedGroups {
    /// Which configuration.
    pub config: String,
}

fn path(config: &str) -> String {
    format!("/configs/{config}")
}

call!(CreateConfig, "CreateConfig", Project, (), |this| {
    Parts::json(Method::POST, "/configs", &this.config)
});
call!(UpdateConfig, "UpdateConfig", Project, (), |this| {
    Parts::json(Method::PUT, path(&this.config.config_name), &this.config)
});
call!(GetConfig, "GetConfig", Project, LogtailConfig, |this| {
    Parts::new(Method::GET, path(&this.config))
});
call!(DeleteConfig, "DeleteConfig", Project, (), |this| {
    Parts::new(Method::DELETE, path(&this.config))
});
call!(ListConfigs, "ListConfigs", Project, ConfigList, |this| {
    Parts::new(Method::GET, "/configs")
        .with("offset", this.page.offset)
        .with("size", this.page.size)
        .with_some("logstoreName", this.logstore_name.as_ref())
        .with_some("configName", this.config_name.as_ref())
});
call!(ListAppliedGroups, "GetAppliedMachineGroups", Project, AppliedGroups, |this| {
    Parts::new(Method::GET, format!("/configs/{}/machinegroups", this.config))
});

/// Names of the machine groups a configuration is applied to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedGroups {
    /// How many.
    pub count: usize,
    /// The names.
    pub machinegroups: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_detail_comes_back_unchanged() {
        let body = r#"{"configName":"c","inputType":"file","inputDetail":{"logType":"json_log","zz":[1,{"a":null}],"aa":"数"},"outputType":"LogService","outputDetail":{"logstoreName":"l","endpoint":"e"},"logSample":"x"}"#;
        let config: LogtailConfig = serde_json::from_str(body).expect("valid");
        assert_eq!(serde_json::to_string(&config).expect("serializable"), body);
    }

    #[test]
    fn a_configuration_without_a_logstore_is_refused() {
        let body = r#"{"configName":"c","inputType":"file","inputDetail":{},"outputDetail":{}}"#;
        let error = serde_json::from_str::<LogtailConfig>(body).expect_err("no logstore");
        assert!(error.to_string().contains("logstoreName"));
    }
}
