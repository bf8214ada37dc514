//! Shards (`sls-api.md` section 3.4).

use http::Method;
use serde::{Deserialize, Serialize};

use super::{Parts, call};

/// Lists the shards of a logstore, read-only ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListShards {
    /// Which logstore.
    pub logstore: String,
}

/// Whether a shard takes writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardStatus {
    /// Takes writes.
    #[default]
    Readwrite,
    /// Split or merged away; readable until its logs expire.
    Readonly,
}

/// One shard: a range of hash keys. All members are always sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// Number of the shard in its logstore; never reused.
    #[serde(rename = "shardID")]
    pub shard_id: i64,
    /// Whether it takes writes.
    pub status: ShardStatus,
    /// First hash key of the range, 32 hexadecimal digits.
    pub inclusive_begin_key: String,
    /// End of the range, 32 hexadecimal digits; all `f` for the last shard.
    pub exclusive_end_key: String,
    /// UNIX seconds.
    #[serde(default)]
    pub create_time: i64,
}

call!(ListShards, "ListShards", Project, Vec<Shard>, |this| {
    Parts::new(Method::GET, format!("/logstores/{}/shards", this.logstore))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_has_the_documented_form() {
        let shard = Shard { shard_id: 1, create_time: 5, ..Shard::default() };
        assert_eq!(
            serde_json::to_string(&shard).expect("serializable"),
            r#"{"shardID":1,"status":"readwrite","inclusiveBeginKey":"","exclusiveEndKey":"","createTime":5}"#
        );
    }
}
