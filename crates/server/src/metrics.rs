//! Names and help of all metrics. What is a count of the engine or of the agents is read at the
//! scrape, everything else is counted where it happens.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use store::Engine;

use crate::clock::Clock;
use crate::control::Control;

/// What a request was and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// HTTP method.
    pub method: String,
    /// Pattern of the path; `other` for unknown paths.
    pub route: String,
    /// HTTP status.
    pub status: u16,
}

/// Which kind of request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// HTTP method.
    pub method: String,
    /// Pattern of the path; `other` for unknown paths.
    pub route: String,
}

/// With which code a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CodeLabels {
    /// `errorCode` of the answer.
    pub code: &'static str,
}

/// The metrics that are counted where things happen.
#[derive(Debug)]
pub struct Metrics {
    /// Requests by route and status.
    pub requests: Family<RequestLabels, Counter>,
    /// Time of requests by route.
    pub request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Refusals by code.
    pub refusals: Family<CodeLabels, Counter>,
    /// Log groups that became durable.
    pub ingest_groups: Counter,
    /// Their rows.
    pub ingest_rows: Counter,
    /// Their bytes before compression.
    pub ingest_raw_bytes: Counter,
    /// Their bytes as received.
    pub ingest_wire_bytes: Counter,
    /// Queries answered.
    pub queries: Counter,
    /// Queries that ended before they had looked at everything.
    pub queries_incomplete: Counter,
    /// Rows queries looked at.
    pub query_rows: Counter,
    /// Bytes queries looked at.
    pub query_bytes: Counter,
    /// Heartbeats answered.
    pub heartbeats: Counter,
    /// Failed runs of the store's maintenance.
    pub maintenance_failures: Counter,
}

impl Default for Metrics {
    /// Counters at zero.
    fn default() -> Self {
        Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| {
                Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0])
            }),
            refusals: Family::default(),
            ingest_groups: Counter::default(),
            ingest_rows: Counter::default(),
            ingest_raw_bytes: Counter::default(),
            ingest_wire_bytes: Counter::default(),
            queries: Counter::default(),
            queries_incomplete: Counter::default(),
            query_rows: Counter::default(),
            query_bytes: Counter::default(),
            heartbeats: Counter::default(),
            maintenance_failures: Counter::default(),
        }
    }
}

impl Metrics {
    /// The registry that writes them out, together with what `engine` and `control` know.
    pub fn registry(
        self: &Arc<Self>,
        engine: Arc<Engine>,
        control: Arc<Control>,
        clock: Clock,
    ) -> Registry {
        let mut all = Registry::with_prefix("sidetail_server");
        all.register("requests", "Requests answered", self.requests.clone());
        all.register_with_unit(
            "request_duration",
            "Time from the head of a request to the head of its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        all.register("refusals", "Requests refused, by error code", self.refusals.clone());
        let mut counter = |name, help, counter: &Counter| all.register(name, help, counter.clone());
        counter("ingest_groups", "Log groups made durable", &self.ingest_groups);
        counter("ingest_rows", "Logs made durable", &self.ingest_rows);
        counter("ingest_raw_bytes", "Bytes made durable, uncompressed", &self.ingest_raw_bytes);
        counter("ingest_wire_bytes", "Bytes made durable, as received", &self.ingest_wire_bytes);
        counter("queries", "Queries answered", &self.queries);
        counter("queries_incomplete", "Queries cut short by a limit", &self.queries_incomplete);
        counter("query_rows", "Logs that queries looked at", &self.query_rows);
        counter("query_bytes", "Bytes that queries looked at", &self.query_bytes);
        counter("heartbeats", "Heartbeats answered", &self.heartbeats);
        counter("maintenance_failures", "Failed maintenance runs", &self.maintenance_failures);
        all.register_collector(Box::new(Scrape { engine, control, clock }));
        all
    }
}

/// Reads the engine and the agents when somebody asks.
#[derive(Debug)]
struct Scrape {
    engine: Arc<Engine>,
    control: Arc<Control>,
    clock: Clock,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.engine.stats();
        let mut counter = |name: &str, help: &str, value: u64| {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        counter("store_groups", "Log groups acknowledged by the store", stats.groups_total)?;
        counter("store_rows", "Logs acknowledged by the store", stats.rows_total)?;
        counter("store_log_bytes", "Bytes written to the log", stats.payload_bytes_total)?;
        counter("store_syncs", "Syncs of the log", stats.syncs_total)?;
        counter("store_busy", "Appends refused because memory was full", stats.busy_total)?;
        counter("store_segments_written", "Segments written", stats.segments_written_total)?;
        let mut gauge = |name: &str, help: &str, value: i64| {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let failed = matches!(self.engine.health(), store::Health::Failed { .. });
        gauge("store_failed", "1 when the store takes no more data", failed.into())?;
        gauge("store_memory_bytes", "Bytes of logs in memory", whole(stats.memory_bytes))?;
        gauge("store_memory_rows", "Logs in memory", whole(stats.memory_rows))?;
        gauge("store_segments", "Live segments", whole(stats.segments))?;
        gauge("store_segment_rows", "Logs in segments", whole(stats.segment_rows))?;
        gauge("store_segment_bytes", "Bytes of segments", whole(stats.segment_bytes))?;
        let agents = self.control.counts(self.clock.nanos());
        gauge("agents_online", "Agents that called lately", whole(agents.online))?;
        gauge("agents_offline", "Agents known that did not", whole(agents.offline))?;
        gauge("agent_configs_applied", "Configurations running in agents", whole(agents.applied))?;
        gauge("agent_configs_failed", "Configurations agents refused", whole(agents.failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_prefix_and_counters_the_suffix() {
        let metrics = Arc::new(Metrics::default());
        metrics.ingest_rows.inc_by(3);
        metrics.refusals.get_or_create(&CodeLabels { code: "PostBodyInvalid" }).inc();
        let mut registry = Registry::with_prefix("sidetail_server");
        registry.register("ingest_rows", "help", metrics.ingest_rows.clone());
        registry.register("refusals", "help", metrics.refusals.clone());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("a string");
        assert!(text.contains("sidetail_server_ingest_rows_total 3"), "{text}");
        assert!(text.contains("sidetail_server_refusals_total{code=\"PostBodyInvalid\"} 1"));
    }
}
