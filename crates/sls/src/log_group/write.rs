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
}

impl PreparedKey {
    /// Encodes `key`, which may be any bytes; SLS expects UTF-8 of at most 128 bytes.
    pub fn new(key: &[u8]) -> Self {
        let mut head = Vec::with_capacity(key.len() + 4);
        head.push(tag::PAIR_KEY);
        put_varint(&mut head, key.len() as u64);
        head.extend_from_slice(key);
        head.push(tag::PAIR_VALUE);
        Self { head: head.into_boxed_slice() }
    }
}

/// A field name that [`LogGroupWriter::log`] can encode: a [`PreparedKey`] or plain bytes.
pub trait FieldKey {
    /// Bytes of the `Content` message before the length of the value.
    fn head_len(&self) -> usize;
    /// Appends those bytes.
    fn put_head(&self, out: &mut Vec<u8>);
}

impl FieldKey for PreparedKey {
    #[inline]
    fn head_len(&self) -> usize {
        self.head.len()
    }
    #[inline]
    fn put_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
    }
}

impl FieldKey for [u8] {
    #[inline]
    fn head_len(&self) -> usize {
        2 + varint_len(self.len() as u64) + self.len()
    }
    #[inline]
    fn put_head(&self, out: &mut Vec<u8>) {
        out.push(tag::PAIR_KEY);
        put_varint(out, self.len() as u64);
        out.extend_from_slice(self);
        out.push(tag::PAIR_VALUE);
    }
}

/// A log group under construction.
#[derive(Debug, Default)]
pub struct LogGroupWriter {
    buf: Vec<u8>,
    logs: usize,
}

impl LogGroupWriter {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty group whose buffer already holds `bytes` of capacity.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buf: Vec::with_capacity(bytes), logs: 0 }
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
        self.buf.reserve(log_len + 1 + 10);
        self.buf.push(tag::GROUP_LOG);
        put_varint(&mut self.buf, log_len as u64);
        self.buf.push(tag::LOG_TIME);
        put_varint(&mut self.buf, u64::from(time));
        for (key, value) in fields {
            let value_len = value.len() as u64;
            let content = key.head_len() + varint_len(value_len) + value.len();
            self.buf.push(tag::LOG_CONTENT);
            put_varint(&mut self.buf, content as u64);
            key.put_head(&mut self.buf);
            put_varint(&mut self.buf, value_len);
            self.buf.extend_from_slice(value);
        }
        if let Some(nanos) = nanos {
            self.buf.push(tag::LOG_TIME_NS);
            self.buf.extend_from_slice(&nanos.to_le_bytes());
        }
        self.logs += 1;
    }

    /// Adds a group tag; the server shows it as `__tag__:<key>`.
    pub fn tag(&mut self, key: &[u8], value: &[u8]) {
        let len = 2
            + varint_len(key.len() as u64)
            + key.len()
            + varint_len(value.len() as u64)
            + value.len();
        self.buf.push(tag::GROUP_TAG);
        put_varint(&mut self.buf, len as u64);
        put_bytes(&mut self.buf, tag::PAIR_KEY, key);
        put_bytes(&mut self.buf, tag::PAIR_VALUE, value);
    }

    /// Sets `__topic__`.
    pub fn topic(&mut self, topic: &[u8]) {
        put_bytes(&mut self.buf, tag::GROUP_TOPIC, topic);
    }

    /// Sets `__source__`, by custom the address of the machine.
    pub fn source(&mut self, source: &[u8]) {
        put_bytes(&mut self.buf, tag::GROUP_SOURCE, source);
    }

    /// Sets the machine's unique id.
    pub fn machine_uuid(&mut self, uuid: &[u8]) {
        put_bytes(&mut self.buf, tag::GROUP_MACHINE_UUID, uuid);
    }

    /// Logs appended since the last [`clear`](Self::clear).
    pub fn logs(&self) -> usize {
        self.logs
    }

    /// Encoded size so far, in bytes.
    pub fn len_bytes(&self) -> usize {
        self.buf.len()
    }

    /// True when nothing at all has been written.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// The encoded group. Protobuf fields may come in any order, so the group is complete after
    /// every call above.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf
    }

    /// Gives the buffer away and starts an empty group without capacity.
    pub fn take(&mut self) -> Vec<u8> {
        self.logs = 0;
        std::mem::take(&mut self.buf)
    }

    /// Starts an empty group in the same buffer.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.logs = 0;
    }
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

#[inline]
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn varint_len(value: u64) -> usize {
    // One byte for each started group of seven bits; zero still takes one.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;

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
