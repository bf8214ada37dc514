//! Any format is refused or reads any text, and what was read before makes no difference.
#![no_main]

use jiff::tz::{Offset, TimeZone};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pipeline::parse::LogTime;
use pipeline::time::{TimeFormat, TimeOptions};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    format: Format<'a>,
    values: Vec<Value<'a>>,
    year: Option<i16>,
    offset_minutes: i8,
    now: u32,
}

#[derive(Arbitrary, Debug)]
enum Format<'a> {
    Usual(u8),
    Any(&'a str),
}

const USUAL: &[&str] = &[
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%d/%b/%Y:%H:%M:%S %z",
    "%b %d %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%m/%d/%y %I:%M:%S %p",
    "%s",
];

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Usual { format: u8, fields: [u8; 6], tail: &'a [u8] },
    Any(&'a [u8]),
}

impl Value<'_> {
    fn text(&self) -> Vec<u8> {
        let (format, [year, month, day, hour, minute, second], tail) = match self {
            Self::Any(bytes) => return bytes.to_vec(),
            Self::Usual { format, fields, tail } => (*format, *fields, tail),
        };
        let months = ["Jan", "Feb", "mar", "Nov", "DEC"];
        let name = months[usize::from(month) % months.len()];
        let (month, day, hour) = (month % 14, day % 33, hour % 26);
        let (minute, second) = (minute % 62, second % 63);
        let year = 2000 + u16::from(year);
        let text = match format % 5 {
            0 => format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            1 => format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.25"),
            2 => format!("{day:02}/{name}/{year}:{hour:02}:{minute:02}:{second:02} +0130"),
            3 => format!("{name} {day} {hour}:{minute}:{second}"),
            _ => format!("{year}{month:02}{day:02}{hour:02}{minute:02}{second:02}"),
        };
        [text.as_bytes(), tail].concat()
    }
}

fuzz_target!(|input: Input<'_>| {
    let format = match input.format {
        Format::Usual(index) => USUAL[usize::from(index) % USUAL.len()],
        Format::Any(text) => text,
    };
    let offset = Offset::from_seconds(i32::from(input.offset_minutes) * 60);
    let zone = TimeZone::fixed(offset.expect("two hours are an offset"));
    let Ok(reader) = TimeFormat::new(format, zone) else { return };
    let options = TimeOptions { year: input.year, nanos: true };
    let fresh = reader.with(options);
    let mut used = fresh.clone();
    let now = LogTime { seconds: input.now, nanos: None };
    for value in &input.values {
        let value = value.text();
        let time = used.read(&value, now);
        assert_eq!(time, fresh.clone().read(&value, now), "{format} over {value:?}");
        assert!(time.is_none_or(|time| time.nanos.is_some_and(|nanos| nanos < 1_000_000_000)));
    }
});
