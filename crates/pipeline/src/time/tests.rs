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
fn every_specifier_of_the_documentation_is_read() {
    let day = Some("2023-11-14T10:20:30Z");
    for (format, value) in [
        ("%a %Y-%m-%d %H:%M:%S", "Tue 2023-11-14 10:20:30"),
        ("%A %Y-%m-%d %H:%M:%S", "tuesday 2023-11-14 10:20:30"),
        ("%b %d %Y %H:%M:%S", "NOV 14 2023 10:20:30"),
        ("%B %d %Y %H:%M:%S", "November 14 2023 10:20:30"),
        ("%h %d %Y %H:%M:%S", "Nov 14 2023 10:20:30"),
        ("%Y-%m-%d %I:%M:%S %p", "2023-11-14 10:20:30 am"),
        ("%Y-%m-%d %r", "2023-11-14 10:20:30 AM"),
        ("%Y-%m-%d %R:%S", "2023-11-14 10:20:30"),
        ("%Y-%m-%d%n%H:%M%t%S", "2023-11-14\n10:20\t30"),
        ("%y-%m-%d %H:%M:%S", "23-11-14 10:20:30"),
        ("%C%y-%m-%d %H:%M:%S", "2023-11-14 10:20:30"),
        ("%Y-%m-%e %H:%M:%S", "2023-11-14 10:20:30"),
        ("%Y-%j %H:%M:%S", "2023-318 10:20:30"),
        ("%u %Y-%m-%d %H:%M:%S", "2 2023-11-14 10:20:30"),
        ("%w %Y-%m-%d %H:%M:%S", "2 2023-11-14 10:20:30"),
        ("%U %Y-%m-%d %H:%M:%S", "46 2023-11-14 10:20:30"),
        ("%V %Y-%m-%d %H:%M:%S", "46 2023-11-14 10:20:30"),
        ("%W %Y-%m-%d %H:%M:%S", "46 2023-11-14 10:20:30"),
        ("%c", "Tue Nov 14 10:20:30 2023"),
        ("%x %X", "11/14/23 10:20:30"),
        ("%D %T", "11/14/23 10:20:30"),
        ("at %s,", "at 1699957230,"),
        ("%Y%%%m%%%d %H:%M:%S", "2023%11%14 10:20:30"),
        ("%Y-%m-%d %H:%M:%S.%f", "2023-11-14 10:20:30.123456789012345"),
    ] {
        check(format, value, day);
    }
    check("%b %d %H:%M:%S %Y", "Nov  4 10:20:30 2023", Some("2023-11-04T10:20:30Z"));
    check("%I:%M:%S %p %D", "12:20:30 AM 11/14/23", Some("2023-11-14T00:20:30Z"));
    check("%y%m%d", "700101", Some("1970-01-01T00:00:00Z"));
    check("%y%m%d", "681231", Some("2068-12-31T00:00:00Z"));
}

#[test]
fn fields_need_no_zeros_in_front_and_spaces_may_be_many() {
    let format = "%Y-%m-%d %H:%M:%S";
    check(format, "2023-1-4 1:2:3", Some("2023-01-04T01:02:03Z"));
    check(format, "2023-11-14   10:20:30", Some("2023-11-14T10:20:30Z"));
    check(format, "2023-11-14 10:20", None);
    check(format, "2023-02-29 10:20:30", None);
    check(format, "2023-11-14 24:00:00", None);
}

#[test]
fn a_day_of_the_week_that_is_not_the_dates_is_passed_over() {
    let day = Some("2023-11-14T10:20:30Z");
    check("%a %b %d %H:%M:%S %Y", "Mon Nov 14 10:20:30 2023", day);
    check("%c", "Sun Nov 14 10:20:30 2023", day);
    check("%w %Y-%j %H:%M:%S", "0 2023-318 10:20:30", day);
}

#[test]
fn times_outside_of_what_a_log_can_carry_are_not_read() {
    let format = "%Y-%m-%d %H:%M:%S";
    check(format, "1970-01-01 00:00:00", Some("1970-01-01T00:00:00Z"));
    check(format, "2106-02-07 06:28:15", Some("2106-02-07T06:28:15Z"));
    for value in ["1969-12-31 23:59:59", "2106-02-07 06:28:16", "0000-01-01 00:00:00"] {
        check(format, value, None);
    }
    assert_eq!(read_at(NOW, "%s", 0, "4294967295"), Some(u32::MAX));
    for value in ["4294967296", "9999999999", "-1", ""] {
        assert_eq!(read_at(NOW, "%s", 0, value), None, "{value}");
    }
}

#[test]
fn a_time_that_cannot_be_read_changes_nothing_for_the_next() {
    let east = TimeZone::fixed(jiff::tz::offset(8));
    let mut format = TimeFormat::new("%Y-%m-%d %H:%M:%S", east).unwrap();
    let mut read = |value: &str| format.read(value.as_bytes(), NOW).map(|time| time.seconds);
    let first = read("2023-11-14 10:20:30").unwrap();
    // In UTC there is no such minute any more, in the east there is.
    assert_eq!(read("9999-12-31 05:00:00"), None);
    assert_eq!(read("2023-11-14 10:20:31"), Some(first + 1));
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
    let old_year = LogTime { seconds: at("2023-12-31T23:59:58Z"), nanos: None };
    let read = |value| read_at(old_year, "%b %d %H:%M:%S", 0, value);
    assert_eq!(read("Jan 01 00:00:01"), Some(at("2024-01-01T00:00:01Z")));
    assert_eq!(read("Feb 29 00:00:00"), Some(at("2024-02-29T00:00:00Z")));
}

#[test]
fn the_same_text_without_a_year_is_another_time_a_year_later() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second() as u32;
    let mut format = TimeFormat::new("%b %d %H:%M:%S", TimeZone::UTC).unwrap();
    for now in ["2024-01-01T00:00:05Z", "2024-06-30T00:00:00Z", "2025-01-01T00:00:05Z"] {
        let now = LogTime { seconds: at(now), nanos: None };
        let mut anew = TimeFormat::new("%b %d %H:%M:%S", TimeZone::UTC).unwrap();
        let value = b"Jan 01 00:00:01";
        assert_eq!(format.read(value, now), anew.read(value, now));
    }
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

/// Moments from which lines follow each other: around the ends of a minute, a day, a year, of
/// summer and winter time, and of what a log can carry.
fn moments() -> impl Strategy<Value = [u32; 6]> {
    prop_oneof![
        3 => prop::sample::select(vec![
            [2023, 12, 31, 23, 59, 58],
            [2024, 2, 28, 23, 59, 59],
            [2024, 3, 10, 1, 59, 59],
            [2024, 11, 3, 1, 59, 30],
            [2023, 2, 29, 12, 0, 0],
            [2023, 11, 14, 10, 20, 59],
            [9999, 12, 31, 5, 0, 0],
            [9999, 12, 30, 23, 59, 59],
            [2106, 2, 7, 6, 28, 15],
            [1970, 1, 1, 0, 0, 0],
            [1, 1, 1, 0, 0, 0],
        ]),
        1 => (2022u32..2026, 1u32..13, 1u32..33, 0u32..25, 0u32..62, 0u32..62)
            .prop_map(|(year, month, day, hour, minute, second)| {
                [year, month, day, hour, minute, second]
            }),
    ]
}

/// A moment near another: the same but for one field, which is one more, one less or any.
fn near(moment: [u32; 6], field: usize, step: u8, any: u32) -> [u32; 6] {
    let mut moment = moment;
    moment[field] = match step {
        0 => moment[field],
        1 => moment[field] + 1,
        2 => moment[field].saturating_sub(1),
        _ => any,
    };
    moment[1] = moment[1].max(1);
    moment
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// The quick reader reads what the general one does, in any order of lines that share more or
    /// less with the lines before them.
    #[test]
    fn the_quick_reader_agrees_with_the_general_one(
        format in formats(),
        zone in prop::sample::select(&["UTC", "Asia/Shanghai", "America/New_York"][..]),
        start in moments(),
        lines in prop::collection::vec(
            (
                (0usize..6, 0u8..5, 0u32..70),
                prop::bool::weighted(0.1),
                "[0-9., +:-]{0,12}",
                prop::option::weighted(0.1, (0usize..20, "[0-9a-z :\u{0}é]")),
            ),
            1..9,
        ),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let options = TimeOptions { year: None, nanos: true };
        let mut quick = TimeFormat::new(format, zone.clone()).unwrap().with(options);
        let mut moment = start;
        for ((field, step, any), sloppy, tail, change) in lines {
            moment = if step == 4 { start } else { near(moment, field, step, any) };
            let mut value = value(format, moment, sloppy, &tail);
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
