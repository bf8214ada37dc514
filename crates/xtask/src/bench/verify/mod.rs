//! Compares what the sink receives with the records of the file, in order, byte for byte.
//!
//! What a log has to look like is written down here a second time, without the agent's parsers, so
//! that the two do not share a fault.

mod delimited;
mod json;
mod regex;
mod sequence;

pub(super) use delimited::COLUMNS;
pub(super) use sequence::{Ordered, Sequence};

use sls::log_group::LogGroup;

/// Says whether what arrives is right.
pub(super) trait Judge: Send {
    /// Takes the bytes of a log group.
    fn take(&mut self, raw: &[u8]) -> Result<(), String>;
    /// Records that arrived so far, all of them right.
    fn records(&self) -> u64;
    /// Whether every record has arrived.
    fn is_complete(&self) -> bool;
}

/// What a log of a record must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// One field, the line.
    Simple,
    /// The fields that the pattern of the example cuts out.
    Regex,
    /// The members of an object.
    Json,
    /// The columns of a line.
    Delimited,
    /// One field, all lines of the record, each record beginning with a digit.
    Multiline,
}

/// Goes through the file as logs arrive.
#[derive(Debug)]
pub(super) struct Verifier<'a> {
    rest: &'a [u8],
    expect: Expect,
    records: u64,
}

impl<'a> Verifier<'a> {
    pub(super) fn new(file: &'a [u8], expect: Expect) -> Self {
        Self { rest: file, expect, records: 0 }
    }

    /// Where the newline stands that ends the next record.
    fn end_of_record(&self) -> Option<usize> {
        let mut from = 0;
        loop {
            let end = from + self.rest[from..].iter().position(|byte| *byte == b'\n')?;
            let goes_on = self.expect == Expect::Multiline
                && self.rest.get(end + 1).is_some_and(|next| !next.is_ascii_digit());
            if !goes_on {
                return Some(end);
            }
            from = end + 1;
        }
    }
}

impl Judge for Verifier<'_> {
    /// Takes the logs of a group off the file.
    fn take(&mut self, raw: &[u8]) -> Result<(), String> {
        let group = LogGroup::parse(raw).map_err(|error| error.to_string())?;
        for log in group.logs() {
            let end = self.end_of_record().ok_or("a log more than the file has records")?;
            let record = &self.rest[..end];
            let right = match self.expect {
                Expect::Simple | Expect::Multiline => {
                    log.contents().eq([(&b"content"[..], record)])
                }
                Expect::Regex => regex::is_cut_from(record, log.contents()),
                Expect::Json => json::is_cut_from(record, log.contents()),
                Expect::Delimited => delimited::is_cut_from(record, log.contents()),
            };
            if !right {
                let record = String::from_utf8_lossy(record);
                return Err(format!("log {} is not that of the record {record}", self.records));
            }
            self.rest = &self.rest[end + 1..];
            self.records += 1;
        }
        Ok(())
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn is_complete(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::FIELDS;
    use sls::log_group::LogGroupWriter;

    fn check(expect: Expect, file: &str, fields: &[(&str, &str)], right: bool) {
        let mut group = LogGroupWriter::new();
        let fields = fields.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        group.log(1, None, fields.clone());
        let mut verifier = Verifier::new(file.as_bytes(), expect);
        assert_eq!(verifier.take(group.as_bytes()).is_ok(), right, "{file}");
        assert_eq!(verifier.is_complete(), right);
        assert_eq!(verifier.records(), u64::from(right));
    }

    #[test]
    fn only_the_line_itself_is_accepted() {
        check(Expect::Simple, "a b\n", &[("content", "a b")], true);
        check(Expect::Simple, "a b\n", &[("content", " b")], false);
        check(Expect::Simple, "a b\n", &[("content", "a b"), ("more", "")], false);
    }

    #[test]
    fn only_the_fields_of_the_pattern_are_accepted() {
        const LINE: &str =
            "2026 10.0.0.1 - - \"GET /a HTTP/1.1\" 0.1 5 200 7 \"-\" \"curl/8 x\" \"-\"\n";
        const VALUES: [&str; 11] = [
            "2026", "10.0.0.1", "GET", "/a", "HTTP/1.1", "0.1", "5", "200", "7", "\"-\"",
            "curl/8 x",
        ];
        let fields: Vec<_> = FIELDS.into_iter().zip(VALUES).collect();
        check(Expect::Regex, LINE, &fields, true);
        check(Expect::Regex, LINE, &fields[..10], false);
        let mut wrong = fields.clone();
        wrong[7].1 = "404";
        check(Expect::Regex, LINE, &wrong, false);
        let mut swapped = fields;
        swapped.swap(0, 1);
        check(Expect::Regex, LINE, &swapped, false);
    }

    #[test]
    fn only_the_members_of_the_object_are_accepted() {
        let line = "{\"a\":\"x \\\"y\\\"\",\"n\":12.50}\n";
        check(Expect::Json, line, &[("a", "x \"y\""), ("n", "12.50")], true);
        check(Expect::Json, line, &[("a", "x \"y\""), ("n", "12.5")], false);
        check(Expect::Json, line, &[("a", "x \\\"y\\\""), ("n", "12.50")], false);
        check(Expect::Json, line, &[("a", "x \"y\"")], false);
    }

    #[test]
    fn only_the_columns_are_accepted() {
        let line = "t|i|m|h|u|s|b|l|x|\"a | \"\"b\"\"\"\n";
        let values = ["t", "i", "m", "h", "u", "s", "b", "l", "x", "a | \"b\""];
        let fields: Vec<_> = COLUMNS.into_iter().zip(values).collect();
        check(Expect::Delimited, line, &fields, true);
        check(Expect::Delimited, line, &fields[1..], false);
        check(Expect::Delimited, line, &fields[..9], false);
        let mut quoted = fields;
        quoted[9].1 = "\"a | \"\"b\"\"\"";
        check(Expect::Delimited, line, &quoted, false);
    }

    #[test]
    fn a_record_goes_to_the_next_digit() {
        check(Expect::Multiline, "1 a\n  b\n", &[("content", "1 a\n  b")], true);
        check(Expect::Multiline, "1 a\n  b\n", &[("content", "1 a")], false);
    }
}
