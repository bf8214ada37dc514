//! What the agent may take: memory, bytes in a second, and which logs are too long or too old.

use super::reader::Reader;
use super::values::{bytes, number};
use super::{SettingsError, refuse};
use crate::supervisor::Limits;

/// Memory between read and acknowledgement, unless a setting says otherwise.
const MEMORY_BYTES: usize = 2 * 1024 * 1024;

/// A record is charged twice while it becomes a batch, and must not wait for ever.
const RECORDS_IN_MEMORY: usize = 3;

/// Less leaves no room for a batch.
const MIN_MEMORY_BYTES: usize = 1024 * 1024;

/// Bytes between read and acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    bytes: usize,
    /// As much as long records may make of it.
    most: usize,
}

/// What is set, or an eighth of what the container or Logtail's own limit allows, as far as the
/// default reaches.
pub(super) fn memory(reader: &mut Reader<'_>) -> Result<Memory, SettingsError> {
    const MEGABYTE: u64 = 1024 * 1024;
    let at_least = |floor: f64| move |text: &str| text.parse().is_ok_and(|it: f64| it >= floor);
    let megabytes = |text: &str| {
        let number: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
        // Logtail raises the 80 and 100 of its old files.
        if number <= 0.0 { Err("is not above 0".to_owned()) } else { Ok(number.max(200.0) as u64) }
    };
    let known = reader.lenient("mem_usage_limit", at_least(384.0), megabytes);
    if let Some(text) = reader.text("SIDETAIL_AGENT_MEMORY_BYTES") {
        let set = bytes(&text).and_then(|bytes| match bytes {
            0..MIN_MEMORY_BYTES => Err("less than 1 MiB leaves no room for a batch".to_owned()),
            _ => Ok(Memory { bytes, most: bytes }),
        });
        return set.map_err(|why| refuse("SIDETAIL_AGENT_MEMORY_BYTES", why));
    }
    let container = reader.given.memory_limit;
    let Some(limit) =
        known.map(|it| it.saturating_mul(MEGABYTE)).into_iter().chain(container).min()
    else {
        return Ok(Memory { bytes: MEMORY_BYTES, most: usize::MAX });
    };
    let eighth = usize::try_from(limit / 8).unwrap_or(usize::MAX);
    let bytes = eighth.clamp(MIN_MEMORY_BYTES, MEMORY_BYTES);
    if bytes != MEMORY_BYTES {
        let from = format!("an eighth of the container's {limit} bytes");
        reader.note("SIDETAIL_AGENT_MEMORY_BYTES", &bytes.to_string(), &from);
    }
    Ok(Memory { bytes, most: eighth.max(bytes) })
}

/// Which logs are too long or too old, and the memory that this takes.
pub(super) fn limits(reader: &mut Reader<'_>, memory: Memory) -> (Limits, usize) {
    let mut memory_bytes = memory.bytes;
    let any = |_: &str| true;
    let mut limits = Limits::default();
    let most = |text: &str| number(text, 10 * 1024, 8 * 1024 * 1024);
    if let Some(bytes) = reader.lenient("max_read_buffer_size", any, most) {
        let wanted = bytes.saturating_mul(RECORDS_IN_MEMORY).min(memory.most);
        if wanted > memory_bytes {
            memory_bytes = wanted;
            let shown = memory_bytes.to_string();
            reader.note("SIDETAIL_AGENT_MEMORY_BYTES", &shown, "max_read_buffer_size");
        }
        let room = memory_bytes / RECORDS_IN_MEMORY;
        if bytes > room {
            reader.warnings.push(format!(
                "max_read_buffer_size: records end at {room} bytes instead of {bytes}, as there \
                 are {memory_bytes} bytes of memory for logs; set SIDETAIL_AGENT_MEMORY_BYTES to \
                 {} or give the container more memory",
                bytes.saturating_mul(RECORDS_IN_MEMORY)
            ));
        }
        limits.max_record_bytes = bytes.min(room);
    }
    let age = |text: &str| number(text, 0, u32::MAX as usize).map(|seconds| seconds as u32);
    if let Some(seconds) = reader.lenient("ilogtail_discard_interval", any, age) {
        limits.max_age_seconds = Some(seconds);
    }
    let flag = |text: &str| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    };
    if reader.lenient("discard_old_data", any, flag) == Some(false) {
        limits.max_age_seconds = None;
    }
    (limits, memory_bytes)
}

/// Bytes in a second. From a certain number on they count as no limit (`agent` 1.3).
pub(super) fn pace(reader: &mut Reader<'_>) -> Option<u64> {
    const NO_LIMIT: u64 = 30 << 20;
    const FLOOR: u64 = 1 << 20;
    let at_floor = |text: &str| text.parse().is_ok_and(|it: u64| it >= FLOOR);
    let rate = |text: &str| number(text, 1, usize::MAX).map(|it| it as u64);
    reader.lenient("max_bytes_per_sec", at_floor, rate).filter(|rate| *rate < NO_LIMIT)
}
