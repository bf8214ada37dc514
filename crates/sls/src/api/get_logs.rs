//! Reading logs by query (`sls-api.md` section 4.5), in the two forms that clients use.

use std::fmt;

use http::{HeaderMap, HeaderValue, Method, header};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Call, Parts, read_json};
use crate::compress::{Compression, decompress};

/// The newer form: `POST /logstores/{logstore}/logs`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetLogs {
    /// Which logstore.
    pub logstore: String,
    /// What to look for.
    pub query: LogsQuery,
}

/// The body of [`GetLogs`]. Absent members have the defaults of the service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogsQuery {
    /// First second of the range, UNIX time.
    pub from: i64,
    /// End of the range, not part of it.
    pub to: i64,
    /// `search | SQL`; empty means everything.
    pub query: String,
    /// Only logs of this topic; empty means all.
    pub topic: String,
    /// Rows wanted, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// Rows to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// Newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverse: Option<bool>,
    /// More resources for SQL; accepted and repeated in the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_sql: Option<bool>,
    /// Nanosecond part of `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ns: Option<i64>,
    /// Nanosecond part of `to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ns: Option<i64>,
    /// Exact order in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accurate: Option<bool>,
    /// Direction of a scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<bool>,
    /// Such as `mode=scan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// The answer to [`GetLogs`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogsAnswer {
    /// About the query.
    pub meta: LogsMeta,
    /// The rows.
    pub data: Vec<Row>,
}

/// About one query. Names and types are checked by official decoders: `telementryType` is
/// spelt so on the wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogsMeta {
    /// Whether everything was looked at.
    pub progress: Progress,
    /// Rows in this answer.
    pub count: u64,
    /// Rows looked at.
    pub processed_rows: u64,
    /// Bytes looked at.
    pub processed_bytes: u64,
    /// Time spent.
    pub elapsed_millisecond: u64,
    /// Processor time spent, in seconds.
    pub cpu_sec: f64,
    /// Processors used.
    pub cpu_cores: f64,
    /// Whether the query has an SQL part.
    #[serde(rename = "hasSQL")]
    pub has_sql: bool,
    /// The search part.
    pub where_query: String,
    /// The SQL part, empty without one.
    pub agg_query: String,
    /// Columns in order.
    pub keys: Vec<String>,
    /// Words to highlight.
    pub terms: Vec<Term>,
    /// Whether the result is exact.
    pub is_accurate: bool,
    /// Rows the result was limited to; 0 for none.
    pub limited: i64,
    /// 0 normal, 1 phrase, 2 scan, 3 scan with SQL.
    pub mode: i64,
    /// About phrase and scan queries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phrase_query_info: Option<PhraseQueryInfo>,
    /// Bytes read by a scan.
    pub scan_bytes: u64,
    /// Kind of the logstore.
    #[serde(rename = "telementryType")]
    pub telementry_type: String,
    /// As asked.
    pub power_sql: bool,
    /// SQL that was added to the query.
    #[serde(rename = "insertedSQL")]
    pub inserted_sql: String,
    /// Types of `keys`, such as `bigint`.
    pub column_types: Vec<String>,
}

/// Whether a query looked at everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Everything.
    #[default]
    Complete,
    /// Time or memory ended first: the same request may give more.
    Incomplete,
}

impl Progress {
    /// The word on the wire. Clients compare it with its case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Progress::Complete => "Complete",
            Progress::Incomplete => "Incomplete",
        }
    }
}

/// A word of the search and the field it was looked for in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Term {
    /// Field, empty for full text.
    pub key: String,
    /// Word.
    pub term: String,
}

/// Extent of a phrase or scan query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PhraseQueryInfo {
    /// Whether everything was scanned.
    pub scan_all: bool,
    /// Offset where the scan began.
    pub begin_offset: i64,
    /// Offset where it ended.
    pub end_offset: i64,
    /// UNIX time where it ended.
    pub end_time: i64,
}

/// One row: names and values in order. On the wire an object whose values are all strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(pub Vec<(String, String)>);

impl Row {
    /// The value of the last member with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Serialize for Row {
    /// A name that comes twice is written once, with its last value: JSON has one place.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (i, (key, value)) in self.0.iter().enumerate() {
            if !self.0[i + 1..].iter().any(|(later, _)| later == key) {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut row = Row::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    // Values should be strings; numbers of other services are taken as text.
                    let value = match value {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    row.0.push((key, value));
                }
                Ok(row)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// An answer larger than this is not read: 100 rows of 1 MB each would be at the limit.
const ANSWER_CAP_BYTES: usize = 128 << 20;

impl Call for GetLogs {
    type Response = LogsAnswer;
    const NAME: &'static str = "GetLogs";

    fn parts(&self) -> Parts {
        let path = format!("/logstores/{}/logs", self.logstore);
        let mut parts = Parts::json(Method::POST, path, &self.query);
        // Exactly this value asks for a raw LZ4 block.
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("lz4"));
        parts
    }

    fn read(headers: &HeaderMap, body: &[u8]) -> Result<LogsAnswer, String> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = text(super::COMPRESS_TYPE).unwrap_or_default();
        let kind = Compression::from_header(kind)
            .ok_or_else(|| format!("compression {kind:?} is not known"))?;
        if kind == Compression::None {
            return read_json(body);
        }
        let raw_bytes = text(super::BODY_RAW_SIZE)
            .and_then(|value| value.parse().ok())
            .ok_or("header x-log-bodyrawsize is missing or not a number")?;
        let raw = decompress(kind, body, raw_bytes, ANSWER_CAP_BYTES)
            .map_err(|error| error.to_string())?;
        read_json(&raw)
    }
}

/// The older form: `GET /logstores/{logstore}?type=log`. Rows are the body, the rest stands in
/// headers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetLogsV1 {
    /// Which logstore.
    pub logstore: String,
    /// What to look for.
    pub query: LogsQuery,
}

/// The answer to [`GetLogsV1`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogsAnswerV1 {
    /// Whether everything was looked at.
    pub progress: Progress,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Call for GetLogsV1 {
    type Response = LogsAnswerV1;
    const NAME: &'static str = "GetLogs (v1)";

    fn parts(&self) -> Parts {
        let query = &self.query;
        Parts::new(Method::GET, format!("/logstores/{}", self.logstore))
            .with("type", "log")
            .with("from", query.from)
            .with("to", query.to)
            .with("query", &query.query)
            .with("topic", &query.topic)
            .with_some("line", query.line)
            .with_some("offset", query.offset)
            .with_some("reverse", query.reverse)
            .with_some("powerSql", query.power_sql)
    }

    fn read(headers: &HeaderMap, body: &[u8]) -> Result<LogsAnswerV1, String> {
        let progress = read_progress(headers)?;
        Ok(LogsAnswerV1 { progress, rows: read_json(body)? })
    }
}

/// Reads `x-log-progress`, which official clients demand.
pub(super) fn read_progress(headers: &HeaderMap) -> Result<Progress, String> {
    match headers.get(super::PROGRESS).map(http::HeaderValue::as_bytes) {
        Some(b"Complete") => Ok(Progress::Complete),
        Some(_) => Ok(Progress::Incomplete),
        None => Err("header x-log-progress is missing".into()),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn the_bodies_of_the_official_clients_are_read() {
        let python = r#"{"from":1,"to":2,"query":"*","topic":"","line":100,"offset":0,
            "reverse":false,"powerSql":false,"fromNs":0,"toNs":0,"accurate":true,"forward":true}"#;
        let query: LogsQuery = serde_json::from_str(python).expect("valid");
        assert_eq!((query.line, query.power_sql, query.to_ns), (Some(100), Some(false), Some(0)));
        let rust = r#"{"from":1,"to":2,"need_highlight":true}"#;
        let query: LogsQuery = serde_json::from_str(rust).expect("valid");
        assert_eq!((query.line, query.query.as_str()), (None, ""));
    }

    #[test]
    fn the_meta_has_the_names_of_the_wire() {
        let value = serde_json::to_value(LogsMeta::default()).expect("serializable");
        for name in [
            "progress",
            "processedRows",
            "elapsedMillisecond",
            "hasSQL",
            "whereQuery",
            "aggQuery",
            "keys",
            "terms",
            "isAccurate",
            "limited",
            "mode",
            "telementryType",
            "insertedSQL",
            "cpuSec",
            "cpuCores",
            "columnTypes",
            "powerSql",
            "scanBytes",
            "processedBytes",
        ] {
            assert!(value.get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_row_keeps_its_order_and_the_last_of_two_equal_names() {
        let pairs = [("b", "1"), ("a", "2"), ("b", "3")];
        let row = Row(pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect());
        let text = serde_json::to_string(&row).expect("serializable");
        assert_eq!(text, r#"{"a":"2","b":"3"}"#);
        let back: Row = serde_json::from_str(r#"{"z":"1","n":5,"a":null}"#).expect("readable");
        assert_eq!(back.get("n"), Some("5"));
        assert_eq!(back.0[0].0, "z");
    }

    #[test]
    fn a_compressed_answer_is_read() {
        let raw = br#"{"meta":{"count":1},"data":[{"a":"b"}]}"#;
        let mut headers = HeaderMap::new();
        headers.insert("x-log-compresstype", HeaderValue::from_static("lz4"));
        headers.insert("x-log-bodyrawsize", HeaderValue::from(raw.len()));
        let body = crate::compress::compress(Compression::Lz4, raw);
        let answer = GetLogs::response(StatusCode::OK, &headers, &body).expect("readable");
        assert_eq!((answer.meta.count, answer.data[0].get("a")), (1, Some("b")));
        assert!(GetLogs::response(StatusCode::OK, &headers, b"garbage").is_err());
    }

    #[test]
    fn the_older_form_needs_the_progress_header() {
        let mut headers = HeaderMap::new();
        assert!(GetLogsV1::response(StatusCode::OK, &headers, b"[]").is_err());
        headers.insert("x-log-progress", HeaderValue::from_static("Complete"));
        let answer = GetLogsV1::response(StatusCode::OK, &headers, br#"[{"a":"b"}]"#);
        assert_eq!(answer.expect("readable").rows.len(), 1);
    }
}
