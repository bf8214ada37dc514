//! Encodes a log group incrementally into one growing buffer.
//!
//! This is the last copy a log line makes in the agent: the caller hands slices of its read
//! buffer, the writer computes the lengths first (two passes over a handful of lengths, no
//! scratch memory) and appends. A [`LogGroupWriter`] is reused from batch to batch, so a steady
//! agent does not allocate here.

use super::tag;

/// A field name encoded once, for parsers whose keys are fixed by the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedKey {
    /// `0x0a len key 0x12`: everything of the `Content` message that stands before the length of
    /// the value.
    head: Box<[u8]>,
    /// The first bytes of `head`, as many as are copied in one go.
    wide: [u8; WIDE],
}

/// Bytes that are copied at once where there is room for them, whatever is needed: the length of
/// a field is unpredictable, and so would be every choice made by it.
const WIDE: usize = 32;

impl PreparedKey {
    /// Encodes `key`, which may be any bytes; SLS expects UTF-8 of at most 128 bytes.
    pub fn new(key: &[u8]) -> Self {
        let mut head = vec![tag::PAIR_KEY];
        put_varint(&mut head, key.len() as u64);
        head.extend_from_slice(key);
        head.push(tag::PAIR_VALUE);
        let mut wide = [0; WIDE];
        let len = head.len().min(WIDE);
        wide[..len].copy_from_slice(&head[..len]);
        Self { head: head.into_boxed_slice(), wide }
    }
}

/// A field name that [`LogGroupWriter::log`] can encode: a [`PreparedKey`] or plain bytes.
pub trait FieldKey {
    /// Bytes of the `Content` message before the length of the value.
    fn head_len(&self) -> usize;
    /// Writes those bytes to `out`, which is exactly as long.
    fn put_head(&self, out: &mut [u8]);
}

impl FieldKey for PreparedKey {
    #[inline]
    fn head_len(&self) -> usize {
        self.head.len()
    }
    #[inline]
    fn put_head(&self, out: &mut [u8]) {
        copy(out, &self.head);
    }
}

impl FieldKey for [u8] {
    #[inline]
    fn head_len(&self) -> usize {
        2 + varint_len(self.len() as u64) + self.len()
    }
    #[inline]
    fn put_head(&self, out: &mut [u8]) {
        out[0] = tag::PAIR_KEY;
        let at = set_varint(out, 1, self.len() as u64);
        copy(&mut out[at..at + self.len()], self);
        out[at + self.len()] = tag::PAIR_VALUE;
    }
}

/// The name of a field for [`LogGroupWriter::log_values`].
#[derive(Clone, Copy, Debug)]
pub enum FieldName<'a> {
    /// Encoded before.
    Prepared(&'a PreparedKey),
    /// Found in the record.
    Plain(&'a [u8]),
}

impl FieldName<'_> {
    #[inline]
    fn head_len(self) -> usize {
        match self {
            Self::Prepared(key) => key.head.len(),
            Self::Plain(name) => name.head_len(),
        }
    }

    /// Writes the head at the start of `out`, which has [`WIDE`] bytes more than it takes.
    #[inline]
    fn put_head(self, out: &mut [u8]) {
        match self {
            Self::Prepared(key) if key.head.len() <= WIDE => {
                out[..WIDE].copy_from_slice(&key.wide);
            }
            Self::Prepared(key) => out[..key.head.len()].copy_from_slice(&key.head),
            Self::Plain(name) => name.put_head(&mut out[..name.head_len()]),
        }
    }
}

/// A value inside a longer text. What follows it there is never written, but may be copied in
/// passing, which is quicker than to stop in time.
#[derive(Clone, Copy, Debug)]
pub struct FieldValue<'a> {
    /// The text from the value on.
    text: &'a [u8],
    len: usize,
}

impl<'a> FieldValue<'a> {
    /// The bytes `range` of `text`.
    #[inline]
    pub fn of(text: &'a [u8], range: std::ops::Range<usize>) -> Self {
        let text = &text[range.start..];
        let len = range.end - range.start;
        assert!(len <= text.len(), "a value lies inside its text");
        Self { text, len }
    }
}

/// A log group under construction.
#[derive(Debug, Default)]
pub struct LogGroupWriter {
    /// The group, and behind `len` bytes that are ready to be written over: a length that is
    /// checked once for each log costs less than one that grows with every byte.
    buf: Vec<u8>,
    len: usize,
    logs: usize,
}

impl LogGroupWriter {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty group whose buffer already holds `bytes` of capacity.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buf: Vec::with_capacity(bytes), len: 0, logs: 0 }
    }

    /// Appends one log. `time` is UNIX seconds, `nanos` its nanosecond part (0..=999_999_999),
    /// written only when given. The iterator is walked twice: once for lengths, once for bytes.
    #[inline]
    pub fn log<'a, K, I>(&mut self, time: u32, nanos: Option<u32>, fields: I)
    where
        K: FieldKey + ?Sized + 'a,
        I: Iterator<Item = (&'a K, &'a [u8])> + Clone,
    {
        let mut log_len = 1 + varint_len(u64::from(time));
        if nanos.is_some() {
            log_len += 5;
        }
        for (key, value) in fields.clone() {
            let content = key.head_len() + varint_len(value.len() as u64) + value.len();
            log_len += 1 + varint_len(content as u64) + content;
        }
        let whole = 1 + varint_len(log_len as u64) + log_len;
        let out = self.room(whole);
        out[0] = tag::GROUP_LOG;
        let mut at = set_varint(out, 1, log_len as u64);
        out[at] = tag::LOG_TIME;
        at = set_varint(out, at + 1, u64::from(time));
        for (key, value) in fields {
            let head_len = key.head_len();
            let value_len = value.len() as u64;
            out[at] = tag::LOG_CONTENT;
            let content = head_len + varint_len(value_len) + value.len();
            at = set_varint(out, at + 1, content as u64);
            key.put_head(&mut out[at..at + head_len]);
            at = set_varint(out, at + head_len, value_len);
            copy(&mut out[at..at + value.len()], value);
            at += value.len();
        }
        if let Some(nanos) = nanos {
            out[at] = tag::LOG_TIME_NS;
            out[at + 1..at + 5].copy_from_slice(&nanos.to_le_bytes());
        }
        self.len += whole;
        self.logs += 1;
    }

    /// Appends one log whose values are pieces of one `text`: as [`log`](Self::log), and quicker.
    #[inline]
    pub fn log_pieces<'a, I>(&mut self, time: u32, nanos: Option<u32>, text: &'a [u8], fields: I)
    where
        I: Iterator<Item = (&'a PreparedKey, std::ops::Range<usize>)> + Clone,
    {
        let fields = fields.map(|(key, piece)| {
            (FieldName::Prepared(key), FieldValue { text: &text[piece.start..], len: piece.len() })
        });
        self.log_values(time, nanos, fields);
    }

    /// Appends one log whose values lie in longer texts: as [`log`](Self::log), and quicker.
    #[inline]
    pub fn log_values<'a, I>(&mut self, time: u32, nanos: Option<u32>, fields: I)
    where
        I: Iterator<Item = (FieldName<'a>, FieldValue<'a>)> + Clone,
    {
        let mut log_len = 1 + varint_len(u64::from(time));
        if nanos.is_some() {
            log_len += 5;
        }
        for (name, value) in fields.clone() {
            let content = name.head_len() + varint_len(value.len as u64) + value.len;
            log_len += 1 + varint_len(content as u64) + content;
        }
        let whole = 1 + varint_len(log_len as u64) + log_len;
        let out = self.room(whole + WIDE);
        out[0] = tag::GROUP_LOG;
        let mut at = set_varint(out, 1, log_len as u64);
        out[at] = tag::LOG_TIME;
        at = set_varint(out, at + 1, u64::from(time));
        for (name, FieldValue { text, len }) in fields {
            let head_len = name.head_len();
            out[at] = tag::LOG_CONTENT;
            let content = head_len + varint_len(len as u64) + len;
            at = set_varint(out, at + 1, content as u64);
            name.put_head(&mut out[at..at + head_len + WIDE]);
            at = set_varint(out, at + head_len, len as u64);
            match text.first_chunk::<WIDE>() {
                Some(bytes) if len <= WIDE => out[at..at + WIDE].copy_from_slice(bytes),
                _ => copy(&mut out[at..at + len], &text[..len]),
            }
            at += len;
        }
        if let Some(nanos) = nanos {
            out[at] = tag::LOG_TIME_NS;
            out[at + 1..at + 5].copy_from_slice(&nanos.to_le_bytes());
        }
        self.len += whole;
        self.logs += 1;
    }

    /// The next `bytes` of the buffer.
    #[inline]
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.buf.len() - self.len < bytes {
            self.grow(bytes);
        }
        &mut self.buf[self.len..self.len + bytes]
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        let wanted =
            (self.len + bytes).max(self.buf.len() * 2).max(self.buf.capacity().min(1 << 12));
        self.buf.resize(wanted, 0);
    }

    /// Adds a group tag; the server shows it as `__tag__:<key>`.
    pub fn tag(&mut self, key: &[u8], value: &[u8]) {
        let len = bytes_len(key) + bytes_len(value);
        let whole = 1 + varint_len(len as u64) + len;
        let out = self.room(whole);
        out[0] = tag::GROUP_TAG;
        let at = set_varint(out, 1, len as u64);
        let at = set_bytes(out, at, tag::PAIR_KEY, key);
        set_bytes(out, at, tag::PAIR_VALUE, value);
        self.len += whole;
    }

    /// Sets `__topic__`.
    pub fn topic(&mut self, topic: &[u8]) {
        self.put_bytes(tag::GROUP_TOPIC, topic);
    }

    /// Sets `__source__`, by custom the address of the machine.
    pub fn source(&mut self, source: &[u8]) {
        self.put_bytes(tag::GROUP_SOURCE, source);
    }

    /// Sets the machine's unique id.
    pub fn machine_uuid(&mut self, uuid: &[u8]) {
        self.put_bytes(tag::GROUP_MACHINE_UUID, uuid);
    }

    fn put_bytes(&mut self, tag: u8, value: &[u8]) {
        let whole = bytes_len(value);
        set_bytes(self.room(whole), 0, tag, value);
        self.len += whole;
    }

    /// Logs appended since the last [`clear`](Self::clear).
    pub fn logs(&self) -> usize {
        self.logs
    }

    /// Encoded size so far, in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len
    }

    /// True when nothing at all has been written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The encoded group. Protobuf fields may come in any order, so the group is complete after
    /// every call above.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Gives the buffer away and starts an empty group without capacity.
    pub fn take(&mut self) -> Vec<u8> {
        self.logs = 0;
        self.buf.truncate(std::mem::take(&mut self.len));
        std::mem::take(&mut self.buf)
    }

    /// Starts an empty group in the same buffer.
    pub fn clear(&mut self) {
        self.len = 0;
        self.logs = 0;
    }
}

/// Size of a length-delimited field.
fn bytes_len(value: &[u8]) -> usize {
    1 + varint_len(value.len() as u64) + value.len()
}

/// Writes a length-delimited field at `at`; gives the place behind it.
fn set_bytes(out: &mut [u8], at: usize, tag: u8, value: &[u8]) -> usize {
    out[at] = tag;
    let at = set_varint(out, at + 1, value.len() as u64);
    out[at..at + value.len()].copy_from_slice(value);
    at + value.len()
}

/// Writes a varint at `at`; gives the place behind it.
#[inline]
fn set_varint(out: &mut [u8], at: usize, value: u64) -> usize {
    if value < 0x80 {
        out[at] = value as u8;
        at + 1
    } else if value < 0x4000 {
        out[at] = value as u8 | 0x80;
        out[at + 1] = (value >> 7) as u8;
        at + 2
    } else {
        set_long_varint(out, at, value)
    }
}

#[inline]
fn set_long_varint(out: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        out[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = value as u8;
    at + 1
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Copies `from` to `to`, which is as long. Fields are short: up to 32 bytes go in two moves that
/// may overlap, without a call.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    let len = from.len();
    let to = &mut to[..len];
    match len {
        0 => {}
        1..=3 => {
            // First, middle and last: all there are.
            to[0] = from[0];
            to[len / 2] = from[len / 2];
            to[len - 1] = from[len - 1];
        }
        4..=7 => ends::<4>(to, from),
        8..=15 => ends::<8>(to, from),
        16..=32 => ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last `N` bytes of slices that have `N` to `2 * N`.
#[inline]
fn ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    let last = from.len() - N;
    let (head, tail): ([u8; N], [u8; N]) = (
        from[..N].try_into().expect("a slice of N bytes"),
        from[last..].try_into().expect("a slice of N bytes"),
    );
    to[..N].copy_from_slice(&head);
    to[last..].copy_from_slice(&tail);
}

#[inline]
fn varint_len(value: u64) -> usize {
    // The lengths in a log, without a jump and without counting bits.
    if value < 0x20_0000 {
        1 + usize::from(value >= 0x80) + usize::from(value >= 0x4000)
    } else {
        // One byte for each started group of seven bits.
        (70 - value.leading_zeros() as usize) / 7
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_written_as_values_are(
            text in prop::collection::vec(any::<u8>(), 0..300),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..60), 0..8),
            time: u32,
            nanos: Option<u32>,
        ) {
            let fields: Vec<_> = cuts
                .iter()
                .map(|(one, other, key_len)| {
                    let (one, other) = (one.index(text.len() + 1), other.index(text.len() + 1));
                    (PreparedKey::new(&vec![b'k'; *key_len]), one.min(other)..one.max(other))
                })
                .collect();
            let names: Vec<_> = cuts.iter().map(|(_, _, key_len)| vec![b'k'; *key_len]).collect();
            let (mut values, mut pieces) = (LogGroupWriter::new(), LogGroupWriter::new());
            let mut plain = LogGroupWriter::new();
            for _ in 0..3 {
                values.log(time, nanos, fields.iter().map(|(key, cut)| (key, &text[cut.clone()])));
                pieces.log_pieces(time, nanos, &text, fields.iter().map(|(key, cut)| (key, cut.clone())));
                plain.log_values(time, nanos, names.iter().zip(&fields).map(|(name, (_, cut))| {
                    (FieldName::Plain(name), FieldValue::of(&text, cut.clone()))
                }));
            }
            prop_assert_eq!(values.as_bytes(), pieces.as_bytes());
            prop_assert_eq!(values.as_bytes(), plain.as_bytes());
        }
    }

    #[test]
    fn short_copies_are_whole() {
        let from: Vec<u8> = (1..=80).collect();
        for len in 0..=from.len() {
            let mut to = vec![0; len + 2];
            copy(&mut to[1..len + 1], &from[..len]);
            assert_eq!(to[1..len + 1], from[..len]);
            assert_eq!((to[0], to[len + 1]), (0, 0), "{len} bytes stay inside");
        }
    }

    #[test]
    fn varint_length_is_the_number_of_bytes_written() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(out.len(), varint_len(value), "{value}");
            }
        }
    }
}
