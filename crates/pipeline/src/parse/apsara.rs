//! Apsara logs (`agent` 3.7): a time in brackets, then level, thread and place in the source in
//! brackets of their own, then `key:value` pairs, all with tabs between them.
//!
//! ```text
//! [2013-03-13 18:05:09.493309]⇥[WARNING]⇥[13000]⇥[build/foo.cpp:123]⇥a:1⇥b:2
//! ```

use super::fields::{FieldList, KnownNames, Name, Piece};
use super::{Fault, LogTime};
use crate::time::TimeFormat;
use jiff::tz::TimeZone;
use std::ops::Range;

/// Names of what stands in brackets, and of the time.
const NAMES: [&str; 5] = ["__LEVEL__", "__THREAD__", "__FILE__", "__LINE__", "microtime"];
const LEVEL: Name = Name::Known(0);
const THREAD: Name = Name::Known(1);
const FILE: Name = Name::Known(2);
const LINE: Name = Name::Known(3);
const MICROTIME: Name = Name::Known(4);

/// Brackets looked at, the time included.
const BRACKETS: usize = 10;

/// Length of a time without its fraction.
const TIME_BYTES: usize = "2013-03-13 18:05:09".len();

/// Cuts Apsara records.
#[derive(Clone, Debug)]
pub(super) struct ApsaraParser {
    known: KnownNames,
    time: TimeFormat,
    /// The same in the zone that counts for `microtime`, where that is another one.
    micro: Option<TimeFormat>,
    order: Vec<u32>,
}

impl ApsaraParser {
    /// Times without an offset are in `zone`; those in `microtime` in `micro_zone`.
    pub(super) fn new(zone: TimeZone, micro_zone: TimeZone) -> Option<Self> {
        let mut known = KnownNames::default();
        for name in NAMES {
            known.add(name.as_bytes());
        }
        let format = |zone| TimeFormat::new("%Y-%m-%d %H:%M:%S", zone).ok();
        let micro = if zone == micro_zone { None } else { format(micro_zone) };
        Some(Self { known, time: format(zone)?, micro, order: Vec::new() })
    }

    /// The names that the fields of the last record refer to.
    pub(super) fn known(&self) -> &KnownNames {
        &self.known
    }

    /// Cuts one record into `list`, which is empty; gives its time.
    pub(super) fn cut(
        &mut self,
        record: &[u8],
        now: LogTime,
        list: &mut FieldList,
    ) -> Result<LogTime, Fault> {
        if record.is_empty() {
            return Err(Fault::Blank);
        }
        let (Some(b'['), Some(close)) = (record.first(), memchr::memchr(b']', record)) else {
            return Err(Fault::NoTime);
        };
        let (time, microtime) = self.time(&record[1..close], now).ok_or(Fault::NoTime)?;
        let rest = brackets(record, close, list);
        for piece in pieces(record, rest) {
            let part = &record[piece.clone()];
            if let Some(colon) = memchr::memchr(b':', part) {
                let name = Piece::record(piece.start..piece.start + colon);
                let name = list.acceptable(name, record);
                list.push(name, Piece::record(piece.start + colon + 1..piece.end));
            }
        }
        let microtime = list.number(microtime);
        list.push(MICROTIME, microtime);
        list.merge(record, &self.known, &mut self.order);
        Ok(time)
    }

    /// The time in the first brackets, and the same in microseconds.
    fn time(&mut self, text: &[u8], now: LogTime) -> Option<(LogTime, u64)> {
        let (seconds, micro_seconds, micros) = if text.first() == Some(&b'1') {
            let seconds = text.get(..text.len().min(10))?;
            let seconds = std::str::from_utf8(seconds).ok()?.parse().ok()?;
            (seconds, seconds, micros(text.get(10..)?)?)
        } else {
            let value = text.get(..TIME_BYTES)?;
            let time = self.time.read(value, now)?;
            let micro_time = match &mut self.micro {
                None => time,
                Some(format) => format.read(value, now)?,
            };
            // Whatever stands between the second and its fraction.
            let fraction = micros(text.get(TIME_BYTES + 1..).unwrap_or_default());
            (time.seconds, micro_time.seconds, fraction.unwrap_or(0))
        };
        let nanos = now.nanos.map(|_| micros * 1000);
        let microtime = u64::from(micro_seconds) * 1_000_000 + u64::from(micros);
        Some((LogTime { seconds, nanos }, microtime))
    }
}

/// Microseconds from the digits of a fraction; anything else is none.
fn micros(digits: &[u8]) -> Option<u32> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    Some(digits.fold(0, |micros, digit| micros * 10 + u32::from(digit - b'0')))
}

/// Reads the brackets behind the first, which close at `close`. Gives the place behind the last.
fn brackets(record: &[u8], mut close: usize, list: &mut FieldList) -> usize {
    let mut seen = [false; 3];
    for _ in 1..BRACKETS {
        if !record[close + 1..].starts_with(b"\t[") {
            break;
        }
        let start = close + 3;
        let Some(end) = end_of_brackets(record, start) else { break };
        let text = &record[start..end];
        if !seen[0] && text.iter().all(u8::is_ascii_uppercase) {
            seen[0] = true;
            list.push(LEVEL, Piece::record(start..end));
        } else if !seen[1] && text.iter().all(u8::is_ascii_digit) {
            seen[1] = true;
            list.push(THREAD, Piece::record(start..end));
        } else if !seen[2] && memchr::memchr2(b'/', b'.', text).is_some() {
            seen[2] = true;
            let colon = memchr::memchr(b':', text).map(|colon| start + colon);
            list.push(FILE, Piece::record(start..colon.unwrap_or(end)));
            if let Some(colon) = colon {
                list.push(LINE, Piece::record(colon + 1..end));
            }
        }
        close = end;
    }
    close + 1
}

/// The bracket that closes: the first with a tab, a newline or nothing behind it.
fn end_of_brackets(record: &[u8], start: usize) -> Option<usize> {
    memchr::memchr_iter(b']', &record[start..])
        .map(|at| start + at)
        .find(|at| matches!(record.get(at + 1), None | Some(b'\t' | b'\n')))
}

/// The parts of a record between tabs.
fn pieces(record: &[u8], start: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = start;
    memchr::memchr_iter(b'\t', &record[start..])
        .map(move |tab| start + tab)
        .chain(std::iter::once(record.len()))
        .map(move |end| std::mem::replace(&mut at, end + 1)..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;

    #[track_caller]
    fn check(record: &str, expected: Result<(u32, &str), Fault>) {
        let mut parser = ApsaraParser::new(TimeZone::UTC, TimeZone::UTC).unwrap();
        assert_eq!(read(&mut parser, record), expected.map(|(time, it)| (time, it.to_owned())));
    }

    fn read(parser: &mut ApsaraParser, record: &str) -> Result<(u32, String), Fault> {
        let mut list = FieldList::default();
        let now = LogTime { seconds: 1_700_000_000, nanos: None };
        let time = parser.cut(record.as_bytes(), now, &mut list)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields: Vec<String> = list
            .fields
            .iter()
            .map(|field| {
                let name = list.name(field.name, record.as_bytes(), parser.known());
                let value = list.bytes(field.value, record.as_bytes());
                format!("{}={}", text(name), text(value))
            })
            .collect();
        Ok((time.seconds, fields.join(" ")))
    }

    #[test]
    fn brackets_and_pairs_become_fields() {
        check(
            "[2013-03-13 18:05:09.493309]\t[WARNING]\t[13000]\t[build/foo.cpp:123]\ta:1\tb:x:y",
            Ok((
                1_363_197_909,
                "__LEVEL__=WARNING __THREAD__=13000 __FILE__=build/foo.cpp __LINE__=123 \
                 a=1 b=x:y microtime=1363197909493309",
            )),
        );
    }

    #[test]
    fn any_of_the_brackets_may_be_missing() {
        check("[2013-03-13 18:05:09]", Ok((1_363_197_909, "microtime=1363197909000000")));
        check(
            "[2013-03-13 18:05:09.5]\t[a/b]\tk:v",
            Ok((1_363_197_909, "__FILE__=a/b k=v microtime=1363197909500000")),
        );
        check(
            "[2013-03-13 18:05:09.1]\t[ERROR]\tno pair\tk:",
            Ok((1_363_197_909, "__LEVEL__=ERROR k= microtime=1363197909100000")),
        );
        check(
            "[2013-03-13 18:05:09.1]\t[x]y]\t[7]\tk:[v]",
            Ok((1_363_197_909, "__THREAD__=7 k=[v] microtime=1363197909100000")),
        );
    }

    #[test]
    fn the_time_may_be_an_epoch() {
        check("[1378882630]\ta:1", Ok((1_378_882_630, "a=1 microtime=1378882630000000")));
        check("[1378882630123456]\ta:1", Ok((1_378_882_630, "a=1 microtime=1378882630123456")));
    }

    #[test]
    fn a_record_without_time_is_refused() {
        for record in ["a:1", "[]", "[2013-03-13]\ta:1", "[2013-13-13 18:05:09]", "[", "[1x]\ta:1"]
        {
            check(record, Err(Fault::NoTime));
        }
        check("", Err(Fault::Blank));
    }

    #[test]
    fn of_two_pairs_with_one_key_the_last_counts_at_the_first_place() {
        check(
            "[1378882630]\ta:1\tb:2\ta:3\tmicrotime:4",
            Ok((1_378_882_630, "a=3 b=2 microtime=1378882630000000")),
        );
    }

    #[test]
    fn the_time_is_in_its_zone_and_the_microseconds_may_be_in_another() {
        let east = TimeZone::fixed(offset(8));
        let mut parser = ApsaraParser::new(east, TimeZone::UTC).unwrap();
        assert_eq!(
            read(&mut parser, "[2013-03-13 18:05:09.493309]\ta:1"),
            Ok((1_363_197_909 - 8 * 3600, "a=1 microtime=1363197909493309".to_owned()))
        );
    }
}
