//! The time of a log from one of its fields (`agent` 3.7): `strptime` formats, matched at the
//! start of the value, so that milliseconds and zone names behind need no description.

mod fixed;

use crate::parse::LogTime;
use fixed::{Fixed, Read};
use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// Values longer than this are not remembered for the next line.
const REMEMBERED_BYTES: usize = 64;

/// A time format that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{specifier}` is not known in a time format")]
pub struct TimeFormatError {
    /// The specifier, with its `%`.
    pub specifier: String,
}

/// What else decides how times are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeOptions {
    /// Year of times without one; `None` is the one that brings them closest to now.
    pub year: Option<i16>,
    /// Times have nanoseconds: of `%f`, of the digits of an epoch behind the seconds, or of digits
    /// that stand with a point, comma or colon behind what the format describes.
    pub nanos: bool,
}

/// Age in seconds from which on logs are dropped, if nothing else is said (`agent` 3.7).
pub const MAX_AGE_SECONDS: u32 = 12 * 60 * 60;

/// Reads times of one format.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    kind: Kind,
    zone: TimeZone,
    options: TimeOptions,
    /// The last value and its time: lines of the same second often carry the same text.
    last: (Vec<u8>, Option<LogTime>),
}

#[derive(Clone, Debug)]
enum Kind {
    /// The whole format is `%s`: seconds, and any further digits are the fraction.
    Epoch,
    Fields {
        format: String,
        has_year: bool,
        has_fraction: bool,
        /// A quicker reader for most values of the format.
        fixed: Option<Fixed>,
    },
}

impl TimeFormat {
    /// Compiles a format; times without an offset of their own are in `zone`.
    pub fn new(format: &str, zone: TimeZone) -> Result<Self, TimeFormatError> {
        let kind = if format == "%s" {
            Kind::Epoch
        } else {
            let has_year = ["%Y", "%y", "%c", "%x", "%D", "%F", "%s", "%G", "%C"]
                .iter()
                .any(|specifier| format.contains(specifier));
            let has_fraction = format.contains("%f");
            let format = translate(format)?;
            let fixed = Fixed::compile(&format);
            Kind::Fields { format, has_year, has_fraction, fixed }
        };
        Ok(Self { kind, zone, options: TimeOptions::default(), last: (Vec::new(), None) })
    }

    /// Changes how times are read.
    #[must_use]
    pub fn with(mut self, options: TimeOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads the time at the start of `value`. `now` decides the year where the format has none.
    #[inline]
    pub fn read(&mut self, value: &[u8], now: LogTime) -> Option<LogTime> {
        if let Kind::Fields { fixed: Some(fixed), has_fraction, .. } = &mut self.kind
            && let Some(read) = fixed.read(value, &self.zone)
        {
            return log_time(read, value, *has_fraction, self.options);
        }
        self.read_slowly(value, now)
    }

    fn read_slowly(&mut self, value: &[u8], now: LogTime) -> Option<LogTime> {
        if value == self.last.0 {
            return self.last.1;
        }
        let time = match &self.kind {
            Kind::Epoch => read_epoch(value, self.options.nanos),
            Kind::Fields { format, has_year, has_fraction, .. } => {
                let year = if *has_year { Year::Given } else { Year::Missing(self.options.year) };
                read_fields(format, year, &self.zone, value, now)
                    .and_then(|read| log_time(read, value, *has_fraction, self.options))
            }
        };
        if value.len() <= REMEMBERED_BYTES {
            self.last.0.clear();
            self.last.0.extend_from_slice(value);
            self.last.1 = time;
        }
        time
    }
}

/// Where the year is from.
#[derive(Clone, Copy, Debug)]
enum Year {
    /// The text.
    Given,
    /// The configuration, or now.
    Missing(Option<i16>),
}

/// Ten digits of seconds; 13, 16 or 19 digits carry milli-, micro- or nanoseconds.
fn read_epoch(value: &[u8], with_nanos: bool) -> Option<LogTime> {
    let value = value.trim_ascii_start();
    let digits = value.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    let (seconds, rest) = value.split_at(digits);
    let seconds = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let nanos = with_nanos.then(|| fixed::fraction(rest).map_or(0, |(nanos, _)| nanos));
    Some(LogTime { seconds, nanos })
}

fn read_fields(
    format: &str,
    year: Year,
    zone: &TimeZone,
    value: &[u8],
    now: LogTime,
) -> Option<Read> {
    let (mut fields, used) = BrokenDownTime::parse_prefix(format, value).ok()?;
    let nanos = fields.subsec_nanosecond().map_or(0, i32::cast_unsigned);
    let mut in_year = |year: i16| {
        fields.set_year(Some(year)).ok()?;
        seconds_of(&fields, zone)
    };
    let seconds = match year {
        Year::Given => seconds_of(&fields, zone)?,
        Year::Missing(Some(year)) => in_year(year)?,
        Year::Missing(None) => {
            // The year that brings the time closest to now: in January, December is last year's.
            let now = Timestamp::from_second(i64::from(now.seconds)).ok()?;
            let this_year = now.to_zoned(zone.clone()).year();
            (this_year - 1..=this_year + 1)
                .filter_map(in_year)
                .min_by_key(|seconds| (seconds - now.as_second()).abs())?
        }
    };
    Some((seconds, nanos, used))
}

fn seconds_of(fields: &BrokenDownTime, zone: &TimeZone) -> Option<i64> {
    if let Ok(timestamp) = fields.to_timestamp() {
        return Some(timestamp.as_second());
    }
    // A format of a date alone means midnight.
    let date = fields.to_date().ok()?;
    let time = fields.to_time().unwrap_or_default();
    let timestamp =
        zone.to_timestamp(date.at(time.hour(), time.minute(), time.second(), 0)).ok()?;
    Some(timestamp.as_second())
}

#[inline]
fn log_time(
    (seconds, nanos, used): Read,
    value: &[u8],
    has_fraction: bool,
    options: TimeOptions,
) -> Option<LogTime> {
    let nanos = options.nanos.then(|| match &value[used..] {
        [b'.' | b',' | b':', rest @ ..] if !has_fraction => {
            fixed::fraction(rest).map_or(0, |(nanos, _)| nanos)
        }
        _ => nanos,
    });
    Some(LogTime { seconds: u32::try_from(seconds).ok()?, nanos })
}

/// Spells a C format as the time library reads it, and refuses what neither knows.
fn translate(format: &str) -> Result<String, TimeFormatError> {
    let mut out = String::with_capacity(format.len() + 16);
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('c') => out.push_str("%a %b %e %H:%M:%S %Y"),
            Some('x') => out.push_str("%m/%d/%y"),
            Some('X') => out.push_str("%H:%M:%S"),
            Some('r') => out.push_str("%I:%M:%S %p"),
            Some(known) if "aAbBdDeFfhHIjklmMnpPRSstTuUVwWyYzC%".contains(known) => {
                out.push('%');
                out.push(known);
            }
            unknown => {
                return Err(TimeFormatError {
                    specifier: format!("%{}", unknown.map_or(String::new(), |c| c.to_string())),
                });
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2023-11-14T22:13:20Z
    const NOW: LogTime = LogTime { seconds: 1_700_000_000, nanos: None };

    fn read_at(now: LogTime, format: &str, offset_hours: i8, value: &str) -> Option<u32> {
        let zone = TimeZone::fixed(jiff::tz::offset(offset_hours));
        let mut format = TimeFormat::new(format, zone).unwrap();
        let first = format.read(value.as_bytes(), now);
        assert_eq!(format.read(value.as_bytes(), now), first, "the remembered value is the same");
        first.map(|time| time.seconds)
    }

    fn check(format: &str, value: &str, expected: Option<&str>) {
        let expected = expected.map(|text| text.parse::<Timestamp>().unwrap().as_second() as u32);
        assert_eq!(read_at(NOW, format, 0, value), expected, "{format} over {value}");
    }

    #[test]
    fn formats_match_at_the_start_of_the_value() {
        let day = Some("2023-11-14T10:20:30Z");
        check("%Y-%m-%d %H:%M:%S", "2023-11-14 10:20:30", day);
        check("%Y-%m-%dT%H:%M:%S", "2023-11-14T10:20:30.123+08:00", day);
        check("%d/%b/%Y:%H:%M:%S", "14/Nov/2023:10:20:30 +0800", day);
        check("%c", "Tue Nov 14 10:20:30 2023", day);
        check("%m/%d/%y %I:%M:%S %p", "11/14/23 10:20:30 AM", day);
        check("%Y-%m-%d", "2023-11-14 x", Some("2023-11-14T00:00:00Z"));
        check("%Y-%m-%d %H:%M:%S", "yesterday", None);
        check("%Y-%m-%d %H:%M:%S", "2023-13-14 10:20:30", None);
        check("%d/%b/%Y:%H:%M:%S %z", "14/Nov/2023:10:20:30 +0800", Some("2023-11-14T02:20:30Z"));
    }

    #[test]
    fn an_epoch_may_carry_a_fraction() {
        for value in ["1600000000", "1600000000123", "1600000000123456", "1600000000.5"] {
            assert_eq!(read_at(NOW, "%s", 0, value), Some(1_600_000_000), "{value}");
        }
        assert_eq!(read_at(NOW, "%s", 0, "x"), None);
    }

    #[test]
    fn times_without_offset_are_in_the_given_zone() {
        assert_eq!(
            read_at(NOW, "%Y-%m-%d %H:%M:%S", 8, "2023-11-14 10:20:30"),
            Some("2023-11-14T02:20:30Z".parse::<Timestamp>().unwrap().as_second() as u32)
        );
    }

    #[test]
    fn a_missing_year_is_the_closest_one() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second() as u32;
        let new_year = LogTime { seconds: at("2024-01-01T00:00:05Z"), nanos: None };
        let read = |value| read_at(new_year, "%b %d %H:%M:%S", 0, value);
        assert_eq!(read("Dec 31 23:59:58"), Some(at("2023-12-31T23:59:58Z")));
        assert_eq!(read("Jan 01 00:00:01"), Some(at("2024-01-01T00:00:01Z")));
    }

    #[test]
    fn an_unknown_specifier_is_refused() {
        let error = TimeFormat::new("%Y %E", TimeZone::UTC).unwrap_err();
        assert_eq!(error.to_string(), "`%E` is not known in a time format");
        assert!(TimeFormat::new("100%", TimeZone::UTC).is_err());
    }

    #[test]
    fn a_specified_year_is_that_of_times_without_one() {
        let options = TimeOptions { year: Some(2020), nanos: false };
        let read = |format: &str, value: &str| {
            let mut format = TimeFormat::new(format, TimeZone::UTC).unwrap().with(options);
            format.read(value.as_bytes(), NOW).map(|time| time.seconds)
        };
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap().as_second() as u32);
        assert_eq!(read("%m-%d %H:%M:%S", "02-29 01:02:03"), at("2020-02-29T01:02:03Z"));
        assert_eq!(read("%Y-%m-%d", "2023-11-14"), at("2023-11-14T00:00:00Z"));
    }

    #[test]
    fn nanoseconds_are_read_where_they_are_asked_for() {
        let read = |format: &str, value: &str| {
            let options = TimeOptions { year: None, nanos: true };
            let mut format = TimeFormat::new(format, TimeZone::UTC).unwrap().with(options);
            format.read(value.as_bytes(), NOW).and_then(|time| time.nanos)
        };
        let iso = "%Y-%m-%dT%H:%M:%S";
        for (format, value, expected) in [
            ("%Y-%m-%d %H:%M:%S.%f", "2023-11-14 10:20:30.123456789", Some(123_456_789)),
            ("%Y-%m-%d %H:%M:%S,%f", "2023-11-14 10:20:30,5", Some(500_000_000)),
            ("%Y-%m-%d %H:%M:%S.%f", "2023-11-14 10:20:30", None),
            (iso, "2023-11-14T10:20:30", Some(0)),
            (iso, "2023-11-14T10:20:30.000001+08:00", Some(1_000)),
            (iso, "2023-11-14T10:20:30+08:00", Some(0)),
            (iso, "2023-11-14T10:20:30,1234567890", Some(123_456_789)),
            ("%Y-%m-%d %H:%M:%S", "2023-11-14 10:20:30:007", Some(7_000_000)),
            ("%s", "1600000000", Some(0)),
            ("%s", "1600000000123", Some(123_000_000)),
            ("%s", "1600000000123456", Some(123_456_000)),
            ("%s", "1600000000123456789", Some(123_456_789)),
            ("%s", "1600000000.25", Some(250_000_000)),
        ] {
            assert_eq!(read(format, value), expected, "{format} over {value}");
        }
    }

    #[test]
    fn usual_formats_have_a_quick_reader() {
        for (format, quick) in [
            ("%Y-%m-%d %H:%M:%S", true),
            ("%d/%b/%Y:%H:%M:%S %z", true),
            ("[%FT%T.%f]", true),
            ("%Y%m%d%H%M%S", true),
            ("%b %d %H:%M:%S", false),
            ("%Y-%m-%d", false),
            ("%S %Y-%m-%d %H:%M", false),
            ("%a %Y-%m-%d %H:%M:%S", false),
            ("%I:%M:%S %p", false),
        ] {
            let fixed = Fixed::compile(&translate(format).unwrap());
            assert_eq!(fixed.is_some(), quick, "{format}");
        }
    }

    fn formats() -> impl Strategy<Value = &'static str> {
        prop::sample::select(
            &[
                "%Y-%m-%d %H:%M:%S",
                "%Y-%m-%dT%H:%M:%S.%f",
                "%d/%b/%Y:%H:%M:%S %z",
                "%d/%b/%Y:%H:%M:%S",
                "%Y%m%d%H%M%S",
                "[%F %T,%f %z] ",
                "%Y-%m-%d\t%R:%S %f",
            ][..],
        )
    }

    /// A value of the format, mostly: now and then something is changed.
    fn value(format: &str, fields: [u32; 6], sloppy: bool, tail: &str) -> String {
        let [year, month, day, hour, minute, second] = fields;
        let two = |number: u32| if sloppy { format!("{number}") } else { format!("{number:02}") };
        let months = ["Jan", "feb", "MAR", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov"];
        let month_name = months.get(month as usize - 1).unwrap_or(&"Dec");
        let date = format!("{year:04}-{}-{}", two(month), two(day));
        let time = format!("{}:{}:{}", two(hour), two(minute), two(second));
        format
            .replace("%F", &date)
            .replace("%T", &time)
            .replace("%R", &format!("{}:{}", two(hour), two(minute)))
            .replace("%Y", &format!("{year:04}"))
            .replace("%m", &two(month))
            .replace("%b", month_name)
            .replace("%d", &two(day))
            .replace("%H", &two(hour))
            .replace("%M", &two(minute))
            .replace("%S", &two(second))
            .replace("%f", "0123")
            .replace("%z", if sloppy { "-03:30" } else { "+0800" })
            + tail
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        /// The quick reader reads what the general one does, in any order of lines.
        #[test]
        fn the_quick_reader_agrees_with_the_general_one(
            format in formats(),
            zone in prop::sample::select(&["UTC", "Asia/Shanghai", "America/New_York"][..]),
            lines in prop::collection::vec(
                (
                    (2022u32..2026, 1u32..13, 1u32..33, 0u32..25, 0u32..3, 0u32..62),
                    prop::bool::weighted(0.1),
                    "[0-9., +:-]{0,3}",
                    prop::option::weighted(0.1, (0usize..20, "[0-9a-z :]")),
                ),
                1..6,
            ),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let options = TimeOptions { year: None, nanos: true };
            let mut quick = TimeFormat::new(format, zone.clone()).unwrap().with(options);
            for ((year, month, day, hour, minute, second), sloppy, tail, change) in lines {
                let fields = [year, month, day, hour, minute, second];
                let mut value = value(format, fields, sloppy, &tail);
                if let Some((at, with)) = change
                    && value.is_char_boundary(at.min(value.len()))
                {
                    value.insert_str(at.min(value.len()), &with);
                }
                let mut general = TimeFormat::new(format, zone.clone()).unwrap().with(options);
                prop_assert_eq!(
                    quick.read(value.as_bytes(), NOW),
                    general.read_slowly(value.as_bytes(), NOW),
                    "{} over {:?}", format, value
                );
            }
        }
    }
}
