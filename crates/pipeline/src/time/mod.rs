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
        if value == self.last.0 && self.is_still_closest(now) {
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

    /// Whether what is remembered holds: without a year in the text it may be another one by now.
    fn is_still_closest(&self, now: LogTime) -> bool {
        const HALF_A_YEAR: u32 = 182 * 24 * 60 * 60;
        let year_is_guessed = matches!(self.kind, Kind::Fields { has_year: false, .. })
            && self.options.year.is_none();
        !year_is_guessed
            || self.last.1.is_some_and(|time| time.seconds.abs_diff(now.seconds) < HALF_A_YEAR)
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
    // As in C, a day of the week that is not the date's is no reason to doubt the date.
    let has_date = fields.month().is_some() && fields.day().is_some();
    if has_date || fields.day_of_year().is_some() {
        fields.set_weekday(None);
    }
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
mod tests;
