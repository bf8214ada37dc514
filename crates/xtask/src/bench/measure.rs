//! What `/proc` tells of a process while it lives.

use std::time::Duration;

/// CPU time of a process and its peak of resident memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) peak_rss_bytes: u64,
    /// Bytes that the process has read so far.
    pub(super) read_bytes: u64,
}

impl Usage {
    /// The larger of each figure.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.max(other.cpu),
            peak_rss_bytes: self.peak_rss_bytes.max(other.peak_rss_bytes),
            read_bytes: self.read_bytes.max(other.read_bytes),
        }
    }
}

/// Reads all of it; `None` once the process has ended.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let text = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    // Nanoseconds on a CPU, one file for each thread, where `stat` counts in hundredths of a
    // second. A thread that has ended is missing.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let nanos: u64 = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    let number = |text: &str, key: &str| -> Option<u64> {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
    };
    let peak_kib = number(&text("status")?, "VmHWM:")?;
    Some(Usage {
        cpu: Duration::from_nanos(nanos),
        peak_rss_bytes: peak_kib * 1024,
        read_bytes: number(&text("io")?, "rchar:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_used_something_and_none_has_not() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.peak_rss_bytes > 0 && usage.cpu > Duration::ZERO && usage.read_bytes > 0);
        assert!(super::usage(u32::MAX).is_none());
    }
}
