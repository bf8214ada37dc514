//! Any bytes become logs or counted faults, whatever parses them.
#![no_main]

mod feeding;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pipeline::plan::Plan;
use std::cell::RefCell;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    config: u8,
    text: &'a [u8],
    sizes: Vec<u8>,
}

const CONFIGS: &[&str] = &[
    r#""logType": "common_reg_log", "enableRawLog": true"#,
    r#""logType": "common_reg_log", "regex": "(\\S+) (.*)", "key": ["time", "b"],
       "timeFormat": "%Y-%m-%d %H:%M:%S", "discardUnmatch": false"#,
    r#""logType": "common_reg_log", "regex": "(?:(a+)|(b*))+(.*?)", "key": ["a", "b", "c"],
       "discardUnmatch": false, "discard_none_utf8": true"#,
    r#""logType": "json_log", "timeKey": "t", "timeFormat": "%s", "discardUnmatch": false,
       "advanced": {"enable_timestamp_nanosecond": true}"#,
    r#""logType": "json_log", "filterKey": ["a"], "filterRegex": ["\\d*"]"#,
    r#""logType": "delimiter_log", "separator": ",", "quote": "\"", "key": ["a", "b", "c"],
       "discardUnmatch": false"#,
    r#""logType": "delimiter_log", "separator": "||", "key": ["a", "b"], "autoExtend": false,
       "acceptNoEnoughKeys": true"#,
    r#""logType": "apsara_log", "discardUnmatch": false"#,
];

thread_local! {
    static PLANS: RefCell<Vec<Plan>> =
        RefCell::new(CONFIGS.iter().map(|config| feeding::plan(config)).collect());
}

fuzz_target!(|input: Input<'_>| {
    PLANS.with_borrow_mut(|plans| {
        let count = plans.len();
        let plan = &mut plans[usize::from(input.config) % count];
        let (logs, fed) = feeding::feed(plan, input.text, &input.sizes);
        assert_eq!(fed.logs as usize, logs.len());
        let mut names: Vec<&[u8]> = Vec::new();
        for (_, fields) in &logs {
            assert!(!fields.is_empty());
            names.clear();
            for (name, _) in fields {
                assert!(!names.contains(&&name[..]), "a log has one field of a name");
                names.push(name);
            }
        }
    });
});
