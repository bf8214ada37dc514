//! Logstores (`sls-api.md` section 3.3).

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Page, Parts, call};

/// What a client may say about a logstore, at creation and at update. Every member is
/// optional, because clients leave out what they do not set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogstoreFields {
    /// 2 to 63 characters of `[a-z0-9_-]`, first and last alphanumeric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logstore_name: Option<String>,
    /// Days that logs are kept, 1 to 3650; 3650 means for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// Shards at creation, 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_count: Option<i64>,
    /// Web tracking.
    #[serde(rename = "enable_tracking", skip_serializing_if = "Option::is_none")]
    pub enable_tracking: Option<bool>,
    /// Split shards under load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_split: Option<bool>,
    /// How far to split, 1 to 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_split_shard: Option<i64>,
    /// Add the tags `__client_ip__` and `__receive_time__` to every batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub append_meta: Option<bool>,
    /// Empty or `None` for logs, `Metrics`, `Event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry_type: Option<String>,
    /// Days in hot storage.
    #[serde(rename = "hot_ttl", skip_serializing_if = "Option::is_none")]
    pub hot_ttl: Option<i64>,
    /// Days in infrequent-access storage.
    #[serde(rename = "infrequentAccessTTL", skip_serializing_if = "Option::is_none")]
    pub infrequent_access_ttl: Option<i64>,
    /// `standard` or `query`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Encryption settings, kept as they came.
    #[serde(rename = "encrypt_conf", skip_serializing_if = "Option::is_none")]
    pub encrypt_conf: Option<Value>,
    /// Kept only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor_id: Option<String>,
    /// Kept only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_modify: Option<bool>,
    /// Kept only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_type: Option<String>,
}

/// Creates a logstore.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateLogstore {
    /// Its properties; the name is required.
    pub fields: LogstoreFields,
}

/// Changes a logstore; absent members stay as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateLogstore {
    /// Which one.
    pub logstore: String,
    /// The new values.
    pub fields: LogstoreFields,
}

/// Reads one logstore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetLogstore {
    /// Which one.
    pub logstore: String,
}

/// Deletes one logstore with its logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteLogstore {
    /// Which one.
    pub logstore: String,
}

/// Lists the names of logstores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListLogstores {
    /// Part of the listing.
    pub page: Page,
    /// Only names that contain this text.
    pub logstore_name: Option<String>,
}

/// One logstore. What is not optional here is always sent: official decoders demand it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Logstore {
    /// The name.
    pub logstore_name: String,
    /// Days that logs are kept.
    pub ttl: i64,
    /// Shards that take writes.
    pub shard_count: i64,
    /// Web tracking.
    #[serde(rename = "enable_tracking")]
    pub enable_tracking: bool,
    /// Split shards under load.
    pub auto_split: bool,
    /// How far to split.
    pub max_split_shard: i64,
    /// Add client address and receive time as tags.
    pub append_meta: bool,
    /// Empty for logs.
    pub telemetry_type: String,
    /// `standard` or `query`.
    pub mode: String,
    /// Days in hot storage; absent when unset.
    #[serde(rename = "hot_ttl", skip_serializing_if = "Option::is_none")]
    pub hot_ttl: Option<i64>,
    /// Days in infrequent-access storage; absent when unset.
    #[serde(rename = "infrequentAccessTTL", skip_serializing_if = "Option::is_none")]
    pub infrequent_access_ttl: Option<i64>,
    /// Encryption settings; absent when unset, because one decoder fails on an empty object.
    #[serde(rename = "encrypt_conf", skip_serializing_if = "Option::is_none")]
    pub encrypt_conf: Option<Value>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor_id: Option<String>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_type: Option<String>,
    /// UNIX seconds.
    pub create_time: i64,
    /// UNIX seconds.
    pub last_modify_time: i64,
}

/// A page of logstore names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogstoreList {
    /// Entries in this page.
    pub count: usize,
    /// Entries in all pages.
    pub total: usize,
    /// The names.
    pub logstores: Vec<String>,
}

call!(CreateLogstore, "CreateLogstore", Project, (), |this| {
    Parts::json(Method::POST, "/logstores", &this.fields)
});
call!(UpdateLogstore, "UpdateLogstore", Project, (), |this| {
    let mut fields = this.fields.clone();
    fields.logstore_name = Some(this.logstore.clone());
    Parts::json(Method::PUT, format!("/logstores/{}", this.logstore), &fields)
});
call!(GetLogstore, "GetLogstore", Project, Logstore, |this| {
    Parts::new(Method::GET, format!("/logstores/{}", this.logstore))
});
call!(DeleteLogstore, "DeleteLogstore", Project, (), |this| {
    Parts::new(Method::DELETE, format!("/logstores/{}", this.logstore))
});
call!(ListLogstores, "ListLogstores", Project, LogstoreList, |this| {
    Parts::new(Method::GET, "/logstores")
        .with("offset", this.page.offset)
        .with("size", this.page.size)
        .with_some("logstoreName", this.logstore_name.as_ref())
});

#[cfg(test)]
mod tests {
    use super::super::Call;
    use super::*;

    #[test]
    fn the_body_of_the_python_client_is_read() {
        let body = r#"{"logstoreName":"app","ttl":30,"shardCount":2,"enable_tracking":false,
            "autoSplit":true,"maxSplitShard":64,"appendMeta":false,"telemetryType":"",
            "somethingNew":{}}"#;
        let fields: LogstoreFields = serde_json::from_str(body).expect("valid");
        assert_eq!(fields.logstore_name.as_deref(), Some("app"));
        assert_eq!(fields.enable_tracking, Some(false));
        assert_eq!(fields.max_split_shard, Some(64));
        assert_eq!(fields.hot_ttl, None);
    }

    #[test]
    fn unset_members_are_left_out() {
        let request = CreateLogstore {
            fields: LogstoreFields {
                logstore_name: Some("app".into()),
                ttl: Some(7),
                ..LogstoreFields::default()
            },
        };
        assert_eq!(request.parts().body, r#"{"logstoreName":"app","ttl":7}"#);
    }

    #[test]
    fn an_answer_has_the_members_official_decoders_demand() {
        let value = serde_json::to_value(Logstore::default()).expect("serializable");
        for name in [
            "logstoreName",
            "ttl",
            "shardCount",
            "enable_tracking",
            "appendMeta",
            "autoSplit",
            "maxSplitShard",
            "createTime",
            "lastModifyTime",
            "telemetryType",
            "mode",
        ] {
            assert!(value.get(name).is_some(), "{name}");
        }
        assert!(value.get("encrypt_conf").is_none());
    }
}
