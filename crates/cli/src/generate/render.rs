//! What every kind of log shares: the facts of one record, its time as text, and number output.
//!
//! Rendering is pure: the state of the random generator and the facts of the record come in,
//! bytes go out. The same seed and the same facts give the same bytes on every machine.

use std::io::Write;

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// The random generator of all renderers. Its algorithm is fixed by name, so that a seed keeps
/// its meaning when the library changes its default.
pub type Rng = Xoshiro256PlusPlus;

/// The facts of one record that do not come from chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Milliseconds since the Unix epoch, written into the record as its time.
    pub unix_millis: i64,
    /// Who writes and which record this is, when records are numbered.
    pub number: Option<Number<'a>>,
}

/// The place of a record in everything its writer wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    /// Counts records of one writer from 1, without gaps.
    pub sequence: u64,
    /// Name of the writer, usually a pod. Must not contain blanks, quotes or `&`.
    pub pod: &'a str,
}

/// One kind of log.
pub trait Render {
    /// Appends exactly one record to `out`, ending in a newline.
    fn render(&mut self, rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>);
}

impl Number<'_> {
    /// Appends `seq=000123&pod=NAME`, the form in which URLs carry the number.
    pub(crate) fn push_query(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"seq=");
        push_padded(out, self.sequence, 6);
        out.extend_from_slice(b"&pod=");
        out.extend_from_slice(self.pod.as_bytes());
    }
}

/// Which text form a kind of log writes its time in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StampForm {
    /// `2026-01-02T10:00:00.123Z`
    Iso,
    /// `2026/01/02 10:00:00`, as in the nginx error log.
    NginxError,
    /// `2026-01-02 10:00:00,123`, as Java logging frameworks write it.
    Java,
}

/// Writes times as text and remembers the second it wrote last: at high rates nearly all records
/// share it, and calendar arithmetic would cost more than the rest of the record.
#[derive(Debug)]
pub(crate) struct Stamp {
    form: StampForm,
    unix_seconds: i64,
    text: Vec<u8>,
}

impl Stamp {
    pub(crate) fn new(form: StampForm) -> Self {
        Self { form, unix_seconds: i64::MIN, text: Vec::new() }
    }

    pub(crate) fn push(&mut self, out: &mut Vec<u8>, unix_millis: i64) {
        let unix_seconds = unix_millis.div_euclid(1000);
        let millis = unix_millis.rem_euclid(1000) as u64;
        if self.unix_seconds != unix_seconds || self.text.is_empty() {
            self.unix_seconds = unix_seconds;
            self.remember(unix_seconds);
        }
        out.extend_from_slice(&self.text);
        match self.form {
            StampForm::Iso => {
                out.push(b'.');
                push_padded(out, millis, 3);
                out.push(b'Z');
            }
            StampForm::Java => {
                out.push(b',');
                push_padded(out, millis, 3);
            }
            StampForm::NginxError => {}
        }
    }

    fn remember(&mut self, unix_seconds: i64) {
        self.text.clear();
        // Outside the calendar of the library only with a clock that is thousands of years off.
        let time = jiff::Timestamp::from_second(unix_seconds).unwrap_or(jiff::Timestamp::MIN);
        let time = time.to_zoned(jiff::tz::TimeZone::UTC);
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let (dash, gap) = match self.form {
            StampForm::Iso => ('-', 'T'),
            StampForm::NginxError => ('/', ' '),
            StampForm::Java => ('-', ' '),
        };
        write!(
            self.text,
            "{year:04}{dash}{month:02}{dash}{day:02}{gap}{hour:02}:{minute:02}:{second:02}"
        )
        .expect("writing to memory does not fail");
    }
}

/// Appends `value` in decimal.
pub(crate) fn push_number(out: &mut Vec<u8>, value: u64) {
    push_padded(out, value, 1);
}

/// Appends `value` in decimal with zeros before it up to `width` digits.
pub(crate) fn push_padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while value > 0 || digits.len() - start < width.min(digits.len()) {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a duration of `millis` as seconds with three decimals, as nginx does.
pub(crate) fn push_seconds(out: &mut Vec<u8>, millis: u64) {
    push_number(out, millis / 1000);
    out.push(b'.');
    push_padded(out, millis % 1000, 3);
}

/// Appends `count` lower-case hexadecimal digits taken from chance.
pub(crate) fn push_hex(rng: &mut Rng, out: &mut Vec<u8>, count: usize) {
    let mut bits: u64 = 0;
    for place in 0..count {
        if place % 16 == 0 {
            bits = rng.random();
        }
        out.push(b"0123456789abcdef"[(bits & 15) as usize]);
        bits >>= 4;
    }
}

/// One of `choices`, each equally likely.
pub(crate) fn pick<'a, T: ?Sized>(rng: &mut Rng, choices: &[&'a T]) -> &'a T {
    choices[rng.random_range(0..choices.len())]
}

/// One of `choices`, early ones more likely than late ones: real traffic has a few busy clients
/// and pages and a long tail, and compression and indexes behave differently on it.
pub(crate) fn pick_skewed<'a, T: ?Sized>(rng: &mut Rng, choices: &[&'a T]) -> &'a T {
    choices[skewed(rng, choices.len() as u64) as usize]
}

/// A number below `limit`, small ones more likely than large ones.
pub(crate) fn skewed(rng: &mut Rng, limit: u64) -> u64 {
    let upper = rng.random_range(1..=limit);
    rng.random_range(0..upper)
}

/// One of `choices` by weight.
pub(crate) fn pick_weighted<T: Copy>(rng: &mut Rng, choices: &[(u32, T)]) -> T {
    let total: u32 = choices.iter().map(|(weight, _)| weight).sum();
    let mut point = rng.random_range(0..total);
    for &(weight, choice) in choices {
        if point < weight {
            return choice;
        }
        point -= weight;
    }
    choices[choices.len() - 1].1
}

/// A waiting time in milliseconds: mostly short, seldom very long.
pub(crate) fn latency_millis(rng: &mut Rng) -> u64 {
    let typical = 1 + skewed(rng, 80);
    match rng.random_range(0..1000_u32) {
        0..=2 => typical * 100,
        3..=39 => typical * 12,
        _ => typical,
    }
}

/// An address of a client network, skewed to a few busy networks.
pub(crate) fn push_client_ip(rng: &mut Rng, out: &mut Vec<u8>) {
    const NETWORKS: [&[u8]; 12] = [
        b"203.0.113.",
        b"198.51.100.",
        b"192.0.2.",
        b"10.21.4.",
        b"10.21.5.",
        b"10.88.0.",
        b"172.20.3.",
        b"172.20.9.",
        b"192.168.11.",
        b"192.168.40.",
        b"100.64.7.",
        b"100.100.2.",
    ];
    out.extend_from_slice(pick_skewed(rng, &NETWORKS));
    push_number(out, 1 + skewed(rng, 254));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_stamp(form: StampForm, unix_millis: i64, expected: &str) {
        let mut out = Vec::new();
        Stamp::new(form).push(&mut out, unix_millis);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn each_kind_of_log_has_its_own_time_form() {
        check_stamp(StampForm::Iso, 1_767_348_000_007, "2026-01-02T10:00:00.007Z");
        check_stamp(StampForm::NginxError, 1_767_348_000_999, "2026/01/02 10:00:00");
        check_stamp(StampForm::Java, 1_767_348_000_120, "2026-01-02 10:00:00,120");
        check_stamp(StampForm::Iso, -1, "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_stamp_follows_the_clock_into_the_next_second() {
        let mut stamp = Stamp::new(StampForm::Iso);
        let mut out = Vec::new();
        stamp.push(&mut out, 1_767_348_000_999);
        stamp.push(&mut out, 1_767_348_001_000);
        assert_eq!(out, b"2026-01-02T10:00:00.999Z2026-01-02T10:00:01.000Z");
    }

    #[test]
    fn numbers_are_padded_but_never_cut() {
        let mut out = Vec::new();
        for (value, width) in [(0, 1), (7, 3), (1234, 2), (u64::MAX, 6)] {
            push_padded(&mut out, value, width);
            out.push(b' ');
        }
        assert_eq!(out, b"0 007 1234 18446744073709551615 ");
    }
}
