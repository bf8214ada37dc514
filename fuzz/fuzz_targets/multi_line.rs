//! Any way of reading a file gives the same records, whatever joins its lines.
#![no_main]

mod feeding;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pipeline::plan::Plan;
use std::cell::RefCell;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    form: u8,
    pieces: Vec<Piece<'a>>,
    sizes: Vec<u8>,
    max: u8,
}

/// Text that matters to some form, so that it comes often.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Begin,
    Proceed,
    End,
    Newline,
    Brace(bool),
    Quote,
    Backslash,
    Comma,
    Gbk(u8),
    Other(&'a [u8]),
}

const FORMS: &[&str] = &[
    r#""logType": "common_reg_log""#,
    r#""logType": "common_reg_log", "logBeginRegex": "\\d+ .*""#,
    r#""logType": "common_reg_log", "logBeginRegex": "(\\d+|日) .*", "logContinueRegex": "\\s.*""#,
    r#""logType": "common_reg_log", "logBeginRegex": "\\d+ .*", "logEndRegex": "end$""#,
    r#""logType": "common_reg_log", "logContinueRegex": "\\s.*", "logEndRegex": "end""#,
    r#""logType": "common_reg_log", "logEndRegex": "end", "discardUnmatch": true"#,
    r#""logType": "json_log", "discardUnmatch": false"#,
    r#""logType": "common_reg_log", "logBeginRegex": "\\d+ .*", "fileEncoding": "gbk""#,
    r#""logType": "json_log", "discardUnmatch": false, "fileEncoding": "gbk""#,
];

thread_local! {
    static PLANS: RefCell<Vec<Plan>> =
        RefCell::new(FORMS.iter().map(|form| feeding::plan(form)).collect());
}

fuzz_target!(|input: Input<'_>| {
    let mut text = Vec::new();
    for piece in &input.pieces {
        match piece {
            Piece::Begin => text.extend_from_slice(b"12 "),
            Piece::Proceed => text.push(b' '),
            Piece::End => text.extend_from_slice(b"end"),
            Piece::Newline => text.push(b'\n'),
            Piece::Brace(opens) => text.push(if *opens { b'{' } else { b'}' }),
            Piece::Quote => text.push(b'"'),
            Piece::Backslash => text.push(b'\\'),
            Piece::Comma => text.push(b','),
            Piece::Gbk(second) => text.extend_from_slice(&[0x81, *second]),
            Piece::Other(bytes) => text.extend_from_slice(bytes),
        }
    }
    PLANS.with_borrow_mut(|plans| {
        let count = plans.len();
        let plan = &mut plans[usize::from(input.form) % count];
        plan.max_record.bytes = 8 + usize::from(input.max);
        let (expected, all) = feeding::feed(plan, &text, &[]);
        let (found, _) = feeding::feed(plan, &text, &input.sizes);
        assert_eq!(found, expected);
        assert!(all.records as usize <= text.len());
    });
});
