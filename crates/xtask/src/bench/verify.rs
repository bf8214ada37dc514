//! Compares what the sink receives with the lines of the file, in order, byte for byte.

use sls::log_group::LogGroup;

/// What a log of a line must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// One field, the line.
    Simple,
    /// The fields that the pattern of the example cuts out.
    Regex,
}

/// The names of [`Expect::Regex`], in the order of the pattern's groups.
pub(super) const KEYS: [&str; 11] = [
    "time",
    "ip",
    "method",
    "url",
    "protocol",
    "latency",
    "payload",
    "status",
    "response-size",
    "referer",
    "user-agent",
];

/// Goes through the file as logs arrive.
#[derive(Debug)]
pub(super) struct Verifier<'a> {
    rest: &'a [u8],
    expect: Expect,
    lines: u64,
}

impl<'a> Verifier<'a> {
    pub(super) fn new(file: &'a [u8], expect: Expect) -> Self {
        Self { rest: file, expect, lines: 0 }
    }

    /// Lines that arrived so far, all in order and whole.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether every line has arrived.
    pub(super) fn is_complete(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the logs of a group off the file.
    pub(super) fn take(&mut self, raw: &[u8]) -> Result<(), String> {
        let group = LogGroup::parse(raw).map_err(|error| error.to_string())?;
        for log in group.logs() {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            let end = end.ok_or("a log more than the file has lines")?;
            let line = &self.rest[..end];
            let right = match self.expect {
                Expect::Simple => log.contents().eq([(&b"content"[..], line)]),
                Expect::Regex => is_cut_from(line, log.contents()),
            };
            if !right {
                let line = String::from_utf8_lossy(line);
                return Err(format!("log {} is not that of the line {line}", self.lines));
            }
            self.rest = &self.rest[end + 1..];
            self.lines += 1;
        }
        Ok(())
    }
}

/// Whether `fields` are what the example's pattern cuts out of `line`: written down a second
/// time, as the text between the fields, so that it does not share a fault with the agent.
fn is_cut_from<'a>(line: &[u8], mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> bool {
    const BEFORE: [&[u8]; 11] =
        [b"", b" ", b" - - \"", b" ", b" ", b"\" ", b" ", b" ", b" ", b" ", b" \""];
    let mut rest = line;
    for (key, before) in KEYS.iter().zip(BEFORE) {
        let Some((name, value)) = fields.next() else { return false };
        let Some(after) = rest.strip_prefix(before).and_then(|rest| rest.strip_prefix(value))
        else {
            return false;
        };
        if name != key.as_bytes() || value.is_empty() {
            return false;
        }
        rest = after;
    }
    rest.starts_with(b"\" ") && fields.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sls::log_group::LogGroupWriter;

    const LINE: &[u8] =
        b"2026 10.0.0.1 - - \"GET /a HTTP/1.1\" 0.1 5 200 7 \"-\" \"curl/8 x\" \"-\"\n";
    const VALUES: [&str; 11] =
        ["2026", "10.0.0.1", "GET", "/a", "HTTP/1.1", "0.1", "5", "200", "7", "\"-\"", "curl/8 x"];

    fn check(expect: Expect, fields: &[(&str, &str)], right: bool) {
        let mut group = LogGroupWriter::new();
        let fields = fields.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        group.log(1, None, fields.clone());
        let mut verifier = Verifier::new(LINE, expect);
        assert_eq!(verifier.take(group.as_bytes()).is_ok(), right);
        assert_eq!(verifier.is_complete(), right);
        assert_eq!(verifier.lines(), u64::from(right));
    }

    #[test]
    fn only_the_line_itself_or_its_own_fields_are_accepted() {
        let text = std::str::from_utf8(LINE).unwrap().trim_end();
        check(Expect::Simple, &[("content", text)], true);
        check(Expect::Simple, &[("content", &text[1..])], false);
        check(Expect::Simple, &[("content", text), ("more", "")], false);
        let fields: Vec<_> = KEYS.into_iter().zip(VALUES).collect();
        check(Expect::Regex, &fields, true);
        check(Expect::Regex, &fields[..10], false);
        let mut wrong = fields.clone();
        wrong[7].1 = "404";
        check(Expect::Regex, &wrong, false);
        let mut swapped = fields;
        swapped.swap(0, 1);
        check(Expect::Regex, &swapped, false);
    }
}
