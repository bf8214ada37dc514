//! Points in time as people write them on a command line.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a time; write -15m, -2h, -1d, now, epoch seconds, 2026-01-02T10:00:00Z or \
     \"2026-01-02 10:00\""
)]
pub struct MomentError(pub String);

/// Reads a point in time, in UNIX seconds: relative to `now` (`-15m`, `now`), epoch seconds,
/// RFC 3339, or a date with or without a time in `zone`.
pub fn parse_moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<i64, MomentError> {
    let wrong = || MomentError(text.to_owned());
    let trimmed = text.trim();
    if trimmed == "now" {
        return Ok(now.as_second());
    }
    if let Some(span) = trimmed.strip_prefix('-') {
        let seconds = parse_span(span).ok_or_else(wrong)?;
        let moment = now.checked_sub(SignedDuration::from_secs(seconds)).map_err(|_| wrong())?;
        return Ok(moment.as_second());
    }
    if trimmed.len() >= 5 && trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
        return trimmed.parse().map_err(|_| wrong());
    }
    if let Ok(moment) = trimmed.parse::<Timestamp>() {
        return Ok(moment.as_second());
    }
    let civil: DateTime = trimmed.parse().map_err(|_| wrong())?;
    civil.to_zoned(zone.clone()).map(|zoned| zoned.timestamp().as_second()).map_err(|_| wrong())
}

/// Seconds of `90s`, `15m`, `2h`, `1d`, `1w` and of several of them in a row (`1h30m`).
fn parse_span(text: &str) -> Option<i64> {
    let mut seconds = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let mut letters = rest[digits..].chars();
        let unit = match letters.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = letters.as_str();
    }
    (!text.is_empty()).then_some(seconds)
}

/// A time for people: `2026-01-02 10:00:00` in `zone`.
pub fn show_moment(unix_seconds: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(unix_seconds) {
        Ok(moment) => Zoned::new(moment, zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => unix_seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_348_000;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        let now = Timestamp::from_second(NOW).unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(parse_moment(text, now, &zone).ok(), expected, "{text}");
    }

    #[test]
    fn times_are_read_in_every_form_that_people_use() {
        check("now", Some(NOW));
        check("-15m", Some(NOW - 900));
        check("-1h30m", Some(NOW - 5400));
        check("-2d", Some(NOW - 172_800));
        check("1700000000", Some(1_700_000_000));
        check("2026-01-02T10:00:00Z", Some(NOW));
        check("2026-01-02T18:00:00+08:00", Some(NOW));
        check("2026-01-02 18:00", Some(NOW));
        check("2026-01-02", Some(NOW - 18 * 3600));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "-", "-15", "-15x", "yesterday", "12", "-99999999999999999999s", "10:00"] {
            check(text, None);
        }
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        assert_eq!(show_moment(NOW, &TimeZone::UTC), "2026-01-02 10:00:00");
    }
}
