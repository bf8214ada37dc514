//! Runs a configuration over bytes, as an agent does.

use pipeline::batch::{Batch, BatchLimits, Fed, FileStream, Now, Outlet, Rest, Unfinished};
use pipeline::parse::LogTime;
use pipeline::plan::Plan;
use pipeline::tags::{AgentLabels, FileLabels, LabelRule, LabelledFile};
use sls::collect::{RawCollectConfig, TagRules, Target, Topic, check};
use sls::log_group::{LogGroup, LogGroupWriter};
use std::time::Instant;

/// A log: its time, and its fields.
pub type Log = (u32, Vec<(Vec<u8>, Vec<u8>)>);

/// The plan for an `inputDetail` in JSON, which has to be right.
pub fn plan(detail: &str) -> Plan {
    let text = format!(
        r#"{{"configName": "c1", "inputType": "file",
            "inputDetail": {{"logPath": "/v", "filePattern": "a", {detail}}},
            "outputDetail": {{"projectName": "p", "logstoreName": "l"}}}}"#
    );
    let raw = RawCollectConfig::from_json(&text).expect("the text is JSON");
    let checked = check(&raw, &Target::default());
    let config = checked.config.unwrap_or_else(|| panic!("{:?}", checked.problems));
    let compiled = pipeline::plan::compile(&config, &jiff::tz::TimeZone::UTC);
    compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.problems))
}

#[derive(Default)]
struct Logs(Vec<Log>);

impl Outlet for Logs {
    fn fresh(&mut self) -> LogGroupWriter {
        LogGroupWriter::new()
    }

    fn full(&mut self, batch: Batch) {
        assert!(batch.end > batch.start);
        let group = LogGroup::parse(batch.group.as_bytes()).expect("a batch is a log group");
        assert_eq!(group.logs().count(), batch.group.logs());
        for log in group.logs() {
            let fields = log.contents().map(|(key, value)| (key.to_vec(), value.to_vec()));
            self.0.push((log.time, fields.collect()));
        }
    }
}

/// Reads `text` in pieces of the `sizes`, each from the first byte that is not part of a record,
/// and never more than one record and its newline at once.
pub fn feed(plan: &mut Plan, text: &[u8], sizes: &[u8]) -> (Vec<Log>, Fed) {
    let topic = LabelRule::new(&Topic::None, &TagRules::default()).expect("no topic is a topic");
    let file = LabelledFile { path: b"/v/a", inode: 1 };
    let labels = FileLabels::new(&AgentLabels::default(), &topic, file, 1);
    let mut stream = FileStream::new(labels, 0, Unfinished::No);
    let wall = LogTime { seconds: 1_700_000_000, nanos: Some(5) };
    let now = Now { wall, clock: Instant::now() };
    let limits = BatchLimits { max_logs: 7, ..BatchLimits::default() };
    let mut logs = Logs::default();
    let mut sum = Fed::default();
    let mut visible = 0;
    let mut sizes = sizes.iter().map(|size| usize::from(*size) + 1).cycle();
    loop {
        let position = stream.position() as usize;
        // A newline that came late is used up before anything else.
        let end = visible.min(position + plan.max_record.bytes + 2);
        let is_all = end == text.len();
        let rest = if is_all { Rest::IsRecord } else { Rest::Waits };
        let fed = stream.feed(&text[position..end], rest, plan, &limits, now, &mut logs);
        sum.records += fed.records;
        sum.logs += fed.logs;
        sum.filtered += fed.filtered;
        sum.dropped += fed.dropped;
        sum.outdated += fed.outdated;
        sum.discarded += fed.discarded;
        if is_all {
            assert_eq!(stream.position() as usize, text.len());
            if let Some(batch) = stream.seal() {
                logs.full(batch);
            }
            assert_eq!(sum.logs as usize, logs.0.len());
            let gone = sum.filtered + sum.dropped + sum.outdated + sum.discarded;
            assert_eq!(sum.records, sum.logs + gone);
            return (logs.0, sum);
        }
        if end == visible {
            visible += sizes.next().unwrap_or(text.len());
            visible = visible.min(text.len());
        } else {
            assert!(stream.position() as usize > position, "a full read has a record or a piece");
        }
    }
}
