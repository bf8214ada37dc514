//! Any bytes are a log group or an error; a group can be walked to its end, and what is written
//! again from it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sls::log_group::{LogGroup, LogGroupWriter};

fuzz_target!(|bytes: &[u8]| {
    let Ok(group) = LogGroup::parse(bytes) else { return };
    let mut writer = LogGroupWriter::new();
    for log in group.logs() {
        let fields: Vec<_> = log.contents().collect();
        writer.log(log.time, log.time_ns, fields.iter().copied());
    }
    group.tags().for_each(|(key, value)| writer.tag(key, value));
    writer.topic(group.topic());
    writer.source(group.source());
    let encoded = writer.take();
    let again = LogGroup::parse(&encoded).expect("what the writer writes is a group");
    assert_eq!(again.len(), group.len());
    assert_eq!((again.topic(), again.source()), (group.topic(), group.source()));
    assert!(again.tags().eq(group.tags()));
    for (log, same) in group.logs().zip(again.logs()) {
        assert_eq!((log.time, log.time_ns), (same.time, same.time_ns));
        assert!(log.contents().eq(same.contents()));
    }
});
