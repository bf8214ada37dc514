//! Counts over time (`sls-api.md` section 4.6).

use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

use super::get_logs::{Progress, read_progress};
use super::{Call, Parts, read_json};

/// Counts logs in equal parts of a time range. Only the search part of the query counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetHistograms {
    /// Which logstore.
    pub logstore: String,
    /// First second of the range, UNIX time.
    pub from: i64,
    /// End of the range, not part of it.
    pub to: i64,
    /// Search; empty means everything.
    pub query: String,
    /// Only logs of this topic; empty means all.
    pub topic: String,
}

/// The answer to [`GetHistograms`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histograms {
    /// Whether everything was counted.
    pub progress: Progress,
    /// The parts in order; together they cover the range.
    pub buckets: Vec<Bucket>,
}

/// One part of the range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// First second.
    pub from: i64,
    /// End, not part of it.
    pub to: i64,
    /// Logs found.
    pub count: u64,
    /// Whether everything was counted.
    pub progress: Progress,
}

impl Call for GetHistograms {
    type Response = Histograms;
    const NAME: &'static str = "GetHistograms";

    fn parts(&self) -> Parts {
        Parts::new(Method::GET, format!("/logstores/{}", self.logstore))
            .with("type", "histogram")
            .with("from", self.from)
            .with("to", self.to)
            .with("query", &self.query)
            .with("topic", &self.topic)
    }

    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Histograms, String> {
        let progress = read_progress(headers)?;
        Ok(Histograms { progress, buckets: read_json(body)? })
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};

    use super::*;

    #[test]
    fn the_answer_is_an_array_with_the_progress_in_a_header() {
        let mut headers = HeaderMap::new();
        headers.insert("x-log-progress", HeaderValue::from_static("Complete"));
        let body = br#"[{"from":1,"to":2,"count":3,"progress":"Complete"}]"#;
        let answer = GetHistograms::response(StatusCode::OK, &headers, body).expect("readable");
        assert_eq!(answer.buckets[0].count, 3);
        assert_eq!(serde_json::to_vec(&answer.buckets).expect("serializable"), body);
    }
}
