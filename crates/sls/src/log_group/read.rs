//! Walks an encoded log group without copying.
//!
//! [`LogGroup::parse`] checks the whole message once: bounds, wire types, required fields. The
//! iterators after it borrow from the input and cannot fail. Unknown fields are skipped, as
//! protobuf asks; a later field of the same number wins.

use super::tag;

/// Why bytes are not a log group. Offsets count from the start of the group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A length or number runs past the end of its message.
    #[error("log group ends inside a field at byte {offset}")]
    Truncated {
        /// Where the unfinished field starts.
        offset: usize,
    },
    /// A number longer than 64 bits, or one above 32 bits where the field has 32.
    #[error("number out of range at byte {offset}")]
    NumberOutOfRange {
        /// Where the number starts.
        offset: usize,
    },
    /// A known field with another wire type, a group, or field number 0.
    #[error("unexpected wire type or field number at byte {offset}")]
    BadField {
        /// Where the field starts.
        offset: usize,
    },
    /// A required field is absent.
    #[error("{what} without {field} in the message that starts at byte {offset}")]
    Missing {
        /// Which message.
        what: &'static str,
        /// Which required field.
        field: &'static str,
        /// Where the message starts.
        offset: usize,
    },
}

/// A checked log group that borrows from the encoded bytes.
#[derive(Clone, Debug)]
pub struct LogGroup<'a> {
    bytes: &'a [u8],
    logs: usize,
    topic: &'a [u8],
    source: &'a [u8],
    machine_uuid: &'a [u8],
}

/// One log of a group.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// UNIX seconds.
    pub time: u32,
    /// Nanosecond part as sent; absent when the sender left it out.
    pub time_ns: Option<u32>,
    body: &'a [u8],
}

impl<'a> LogGroup<'a> {
    /// Checks `bytes` to the last field.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut group = LogGroup { bytes, logs: 0, topic: b"", source: b"", machine_uuid: b"" };
        let mut fields = Fields::new(bytes, 0);
        while let Some(field) = fields.next()? {
            match field.tag {
                tag::GROUP_LOG => {
                    check_log(field.bytes, field.body_offset)?;
                    group.logs += 1;
                }
                tag::GROUP_TOPIC => group.topic = field.bytes,
                tag::GROUP_SOURCE => group.source = field.bytes,
                tag::GROUP_MACHINE_UUID => group.machine_uuid = field.bytes,
                tag::GROUP_TAG => {
                    check_pair(field.bytes, field.body_offset, "log tag")?;
                }
                other if matches!(other >> 3, 1 | 3 | 4 | 5 | 6) => {
                    return Err(DecodeError::BadField { offset: field.offset });
                }
                _ => {}
            }
        }
        Ok(group)
    }

    /// Number of logs.
    pub fn len(&self) -> usize {
        self.logs
    }

    /// True when the group holds no log.
    pub fn is_empty(&self) -> bool {
        self.logs == 0
    }

    /// `__topic__`, empty when absent.
    pub fn topic(&self) -> &'a [u8] {
        self.topic
    }

    /// `__source__`, empty when absent.
    pub fn source(&self) -> &'a [u8] {
        self.source
    }

    /// The machine's unique id, empty when absent.
    pub fn machine_uuid(&self) -> &'a [u8] {
        self.machine_uuid
    }

    /// The logs in the order sent.
    pub fn logs(&self) -> impl Iterator<Item = Log<'a>> + use<'a> {
        checked(self.bytes)
            .filter(|field| field.tag == tag::GROUP_LOG)
            .map(|field| read_log(field.bytes))
    }

    /// The group's tags in the order sent, without the `__tag__:` prefix.
    pub fn tags(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        checked(self.bytes)
            .filter(|field| field.tag == tag::GROUP_TAG)
            .map(|field| read_pair(field.bytes))
    }
}

impl<'a> Log<'a> {
    /// Keys and values in the order sent. A key may occur more than once.
    pub fn contents(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        checked(self.body)
            .filter(|field| field.tag == tag::LOG_CONTENT)
            .map(|field| read_pair(field.bytes))
    }
}

fn check_log(body: &[u8], at: usize) -> Result<(), DecodeError> {
    let mut has_time = false;
    let mut fields = Fields::new(body, at);
    while let Some(field) = fields.next()? {
        match field.tag {
            tag::LOG_TIME => {
                if field.number > u64::from(u32::MAX) {
                    return Err(DecodeError::NumberOutOfRange { offset: field.offset });
                }
                has_time = true;
            }
            tag::LOG_CONTENT => check_pair(field.bytes, field.body_offset, "log content")?,
            tag::LOG_TIME_NS => {}
            other if matches!(other >> 3, 1 | 2 | 4) => {
                return Err(DecodeError::BadField { offset: field.offset });
            }
            _ => {}
        }
    }
    if has_time {
        Ok(())
    } else {
        Err(DecodeError::Missing { what: "log", field: "Time", offset: at })
    }
}

fn check_pair(body: &[u8], at: usize, what: &'static str) -> Result<(), DecodeError> {
    let (mut key, mut value) = (false, false);
    let mut fields = Fields::new(body, at);
    while let Some(field) = fields.next()? {
        match field.tag {
            tag::PAIR_KEY => key = true,
            tag::PAIR_VALUE => value = true,
            other if matches!(other >> 3, 1 | 2) => {
                return Err(DecodeError::BadField { offset: field.offset });
            }
            _ => {}
        }
    }
    if !key {
        return Err(DecodeError::Missing { what, field: "Key", offset: at });
    }
    if !value {
        return Err(DecodeError::Missing { what, field: "Value", offset: at });
    }
    Ok(())
}

fn read_log(body: &[u8]) -> Log<'_> {
    let mut log = Log { time: 0, time_ns: None, body };
    for field in checked(body) {
        match field.tag {
            tag::LOG_TIME => log.time = field.number as u32,
            tag::LOG_TIME_NS => log.time_ns = Some(field.number as u32),
            _ => {}
        }
    }
    log
}

fn read_pair(body: &[u8]) -> (&[u8], &[u8]) {
    let (mut key, mut value): (&[u8], &[u8]) = (b"", b"");
    for field in checked(body) {
        match field.tag {
            tag::PAIR_KEY => key = field.bytes,
            tag::PAIR_VALUE => value = field.bytes,
            _ => {}
        }
    }
    (key, value)
}

/// The fields of a message that `parse` has already checked.
fn checked(bytes: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut fields = Fields::new(bytes, 0);
    // `parse` has walked the same bytes, so an error cannot occur; ending is the harmless answer.
    std::iter::from_fn(move || fields.next().ok().flatten())
}

/// One field. `bytes` is set for length-delimited fields, `number` for the others.
struct Field<'a> {
    /// The tag byte for field numbers below 16, 0 for all others (which we always skip).
    tag: u8,
    bytes: &'a [u8],
    number: u64,
    /// Offset of the tag, from the start of the group.
    offset: usize,
    /// Offset of `bytes`, from the start of the group.
    body_offset: usize,
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where `bytes` starts in the group, for error messages only.
    base: usize,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let start = self.at;
        let offset = self.base + start;
        let key = self.varint(start)?;
        let number = key >> 3;
        if number == 0 || number > (1 << 29) - 1 {
            return Err(DecodeError::BadField { offset });
        }
        let tag = if number < 16 { key as u8 } else { 0 };
        let mut field = Field { tag, bytes: b"", number: 0, offset, body_offset: 0 };
        match key & 7 {
            0 => field.number = self.varint(start)?,
            1 => field.number = u64::from_le_bytes(self.fixed(start)?),
            2 => {
                let len = self.varint(start)?;
                let rest = self.bytes.len() - self.at;
                if len > rest as u64 {
                    return Err(DecodeError::Truncated { offset });
                }
                field.body_offset = self.base + self.at;
                field.bytes = &self.bytes[self.at..self.at + len as usize];
                self.at += len as usize;
            }
            5 => field.number = u64::from(u32::from_le_bytes(self.fixed(start)?)),
            _ => return Err(DecodeError::BadField { offset }),
        }
        Ok(Some(field))
    }

    #[inline]
    fn varint(&mut self, start: usize) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(DecodeError::Truncated { offset: self.base + start });
            };
            self.at += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::NumberOutOfRange { offset: self.base + start })
    }

    fn fixed<const N: usize>(&mut self, start: usize) -> Result<[u8; N], DecodeError> {
        let bytes = self
            .bytes
            .get(self.at..self.at + N)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(DecodeError::Truncated { offset: self.base + start })?;
        self.at += N;
        Ok(bytes)
    }
}
