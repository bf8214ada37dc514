//! Times whose fields stand at fixed places, such as `2024-05-06 07:08:09`, read without the
//! general reader.
//!
//! Everything up to the minute is remembered with the exact bytes it was read from: most lines
//! have the same as the line before, and need the seconds alone. What is not as usual (a missing
//! zero, a leap second, two spaces) is left to the general reader, which decides alone on what is
//! wrong.

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Seconds and nanoseconds since the UNIX epoch, and the length of what was read.
pub(super) type Read = (i64, u32, usize);

/// A format made of fields of fixed width, the second behind all that are longer.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    before: Box<[Piece]>,
    /// Bytes in front of the seconds.
    before_bytes: usize,
    after: Box<[Piece]>,
    last: Minute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Literal(u8),
    /// Four digits.
    Year,
    /// Three letters.
    MonthName,
    /// Two digits each.
    Month,
    Day,
    Hour,
    Minute,
    /// One to nine digits.
    Fraction,
    /// `+HHMM`.
    Offset,
}

/// A minute, and the text it was read from.
#[derive(Clone, Debug, Default)]
struct Minute {
    text: Vec<u8>,
    /// Its start as if it were in UTC.
    in_utc: i64,
    /// Its start in the zone of the format.
    in_zone: i64,
}

impl Fixed {
    /// Compiles a format in the spelling of the time library, or says that it is not of this kind.
    pub(super) fn compile(format: &str) -> Option<Self> {
        let format = format.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
        let format = format.replace("%R", "%H:%M");
        let (mut before, mut after, mut has_second) = (Vec::new(), Vec::new(), false);
        let mut bytes = format.bytes();
        while let Some(byte) = bytes.next() {
            let piece = if byte == b'%' {
                match bytes.next()? {
                    b'Y' => Piece::Year,
                    b'b' | b'h' => Piece::MonthName,
                    b'm' => Piece::Month,
                    b'd' => Piece::Day,
                    b'H' => Piece::Hour,
                    b'M' => Piece::Minute,
                    b'f' if has_second => Piece::Fraction,
                    b'z' if has_second => Piece::Offset,
                    b'S' if !has_second => {
                        has_second = true;
                        continue;
                    }
                    _ => return None,
                }
            } else {
                Piece::Literal(byte)
            };
            if has_second { &mut after } else { &mut before }.push(piece);
        }
        let count = |wanted: &[Piece]| before.iter().filter(|it| wanted.contains(it)).count();
        let complete = has_second
            && [&[Piece::Year][..], &[Piece::Month, Piece::MonthName], &[Piece::Day]]
                .iter()
                .chain(&[&[Piece::Hour][..], &[Piece::Minute]])
                .all(|wanted| count(wanted) == 1);
        let small =
            |piece: &Piece| matches!(piece, Piece::Literal(_) | Piece::Fraction | Piece::Offset);
        let twice = |piece| after.iter().filter(|it| **it == piece).count() > 1;
        if !complete || !after.iter().all(small) || twice(Piece::Fraction) || twice(Piece::Offset) {
            return None;
        }
        let before_bytes = before.iter().map(|piece| piece.width()).sum();
        Some(Self {
            before: before.into(),
            before_bytes,
            after: after.into(),
            last: Minute::default(),
        })
    }

    /// Reads the time at the start of `value`, or leaves it to the general reader.
    #[inline]
    pub(super) fn read(&mut self, value: &[u8], zone: &TimeZone) -> Option<Read> {
        let (head, mut rest) = value.split_at_checked(self.before_bytes)?;
        if head != self.last.text {
            self.minute(head, zone)?;
        }
        let second = two_digits(rest).filter(|second| *second < 60)?;
        rest = &rest[2..];
        let (mut start, mut nanos) = (self.last.in_zone, 0);
        for piece in &self.after {
            match piece {
                Piece::Literal(byte) => {
                    rest = rest.strip_prefix(&[*byte])?;
                    // White space in a format stands for any amount of it.
                    if byte.is_ascii_whitespace() && rest.first()?.is_ascii_whitespace() {
                        return None;
                    }
                }
                Piece::Fraction => {
                    let (found, used) = fraction(rest)?;
                    nanos = found;
                    rest = &rest[used..];
                }
                _ => {
                    start = self.last.in_utc - offset(rest)?;
                    rest = &rest[5..];
                }
            }
        }
        Some((start + i64::from(second), nanos, value.len() - rest.len()))
    }

    #[cold]
    fn minute(&mut self, head: &[u8], zone: &TimeZone) -> Option<()> {
        let (mut year, mut month, mut day, mut hour, mut minute) = (0, 0, 0, 0, 0);
        let mut at = 0;
        for piece in &self.before {
            let rest = &head[at..];
            match piece {
                Piece::Literal(byte) => (rest[0] == *byte).then_some(())?,
                Piece::Year => {
                    year = i16::from(two_digits(rest)?) * 100 + i16::from(two_digits(&rest[2..])?);
                }
                Piece::MonthName => month = month_of(rest)?,
                Piece::Month => month = two_digits(rest)?,
                Piece::Day => day = two_digits(rest)?,
                Piece::Hour => hour = two_digits(rest)?,
                _ => minute = two_digits(rest)?,
            }
            at += piece.width();
        }
        let date = Date::new(year, month.cast_signed(), day.cast_signed()).ok()?;
        if hour > 23 || minute > 59 {
            return None;
        }
        let time = date.at(hour.cast_signed(), minute.cast_signed(), 0, 0);
        // Both or none: at the end of the year 9999 there may be one without the other.
        let in_zone = zone.to_timestamp(time).ok()?.as_second();
        let in_utc = TimeZone::UTC.to_timestamp(time).ok()?.as_second();
        (self.last.in_zone, self.last.in_utc) = (in_zone, in_utc);
        self.last.text.clear();
        self.last.text.extend_from_slice(head);
        Some(())
    }
}

impl Piece {
    /// Bytes of a field in front of the seconds.
    fn width(self) -> usize {
        match self {
            Self::Literal(_) => 1,
            Self::Year => 4,
            Self::MonthName => 3,
            _ => 2,
        }
    }
}

#[inline]
fn two_digits(text: &[u8]) -> Option<u8> {
    let [tens, ones] = text.first_chunk::<2>()?.map(|byte| byte.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
}

fn month_of(text: &[u8]) -> Option<u8> {
    const NAMES: &[u8] = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let name = text.first_chunk::<3>()?.map(|byte| byte.to_ascii_lowercase());
    let index = NAMES.chunks_exact(3).position(|known| known == name)?;
    Some(index as u8 + 1)
}

/// Nanoseconds of one to nine digits behind a decimal point, and their number.
pub(super) fn fraction(text: &[u8]) -> Option<(u32, usize)> {
    let digits = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let value = text[..digits].iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
    (digits > 0).then(|| (value * 10_u32.pow(9 - digits as u32), digits))
}

/// Seconds east of UTC of `+HHMM`.
fn offset(text: &[u8]) -> Option<i64> {
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (two_digits(&text[1..])?, two_digits(text.get(3..)?)?);
    // A colon or more digits may follow in other spellings.
    let ends = !text.get(5).is_some_and(|byte| byte.is_ascii_digit() || *byte == b':');
    (hours < 24 && minutes < 60 && ends)
        .then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}
