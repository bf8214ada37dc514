//! The time of a log from one of its fields (`agent` 3.7): `strptime` formats, matched at the
//! start of the value, so that milliseconds and zone names behind need no description.

use crate::parse::LogTime;
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

/// Reads times of one format.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    kind: Kind,
    zone: TimeZone,
    /// The last value and its time: lines of the same second often carry the same text.
    last: (Vec<u8>, Option<LogTime>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The whole format is `%s`: seconds, and any further digits are the fraction.
    Epoch,
    Fields {
        format: String,
        has_year: bool,
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
            Kind::Fields { format: translate(format)?, has_year }
        };
        Ok(Self { kind, zone, last: (Vec::new(), None) })
    }

    /// Reads the time at the start of `value`. `now` decides the year where the format has none.
    pub fn read(&mut self, value: &[u8], now: LogTime) -> Option<LogTime> {
        if value == self.last.0 {
            return self.last.1;
        }
        let time = match &self.kind {
            Kind::Epoch => read_epoch(value),
            Kind::Fields { format, has_year } => {
                read_fields(format, *has_year, &self.zone, value, now)
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

/// Ten digits of seconds; 13, 16 or 19 digits carry milli-, micro- or nanoseconds. The fraction
/// only matters where nanoseconds are asked for, so it is checked for nothing here.
fn read_epoch(value: &[u8]) -> Option<LogTime> {
    let value = value.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seconds = value.get(..digits.min(10)).filter(|digits| !digits.is_empty())?;
    let seconds = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    Some(LogTime { seconds, nanos: None })
}

fn read_fields(
    format: &str,
    has_year: bool,
    zone: &TimeZone,
    value: &[u8],
    now: LogTime,
) -> Option<LogTime> {
    let (mut fields, _) = BrokenDownTime::parse_prefix(format, value).ok()?;
    let now = Timestamp::from_second(i64::from(now.seconds)).ok()?;
    if !has_year {
        // The year that brings the time closest to now: in January, December is last year's.
        let this_year = now.to_zoned(zone.clone()).year();
        return (this_year - 1..=this_year + 1)
            .filter_map(|year| {
                fields.set_year(Some(year)).ok()?;
                seconds_of(&fields, zone)
            })
            .min_by_key(|seconds| (seconds - now.as_second()).abs())
            .and_then(log_time);
    }
    log_time(seconds_of(&fields, zone)?)
}

fn seconds_of(fields: &BrokenDownTime, zone: &TimeZone) -> Option<i64> {
    if let Ok(timestamp) = fields.to_timestamp() {
        return Some(timestamp.as_second());
    }
    // A format of a date alone means midnight.
    let date = fields.to_date().ok()?;
    let time = fields.to_time().unwrap_or_default();
    let timestamp = zone.to_timestamp(date.to_datetime(time)).ok()?;
    Some(timestamp.as_second())
}

fn log_time(seconds: i64) -> Option<LogTime> {
    Some(LogTime { seconds: u32::try_from(seconds).ok()?, nanos: None })
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
}
