//! One file of numbered lines, and the sink that takes them once each and in order.

use super::scenario::OWN_PROGRAM;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use testkit::process::{Program, Running};

/// Bytes of a line, newline included.
pub(super) const LINE_BYTES: u64 = 250;

const LIMIT: Duration = Duration::from_secs(20);

/// Starts a sink for the lines with these numbers, at any port or at this one; gives its port.
pub(super) fn sink(numbers: Range<u64>, port: Option<u16>) -> Result<(Running, u16), String> {
    let sink = Program::at(OWN_PROGRAM, "sink")
        .args(["bench-sink", "ordered"])
        .arg(format!("{}-{}", numbers.start, numbers.end))
        .args(port.map(|port| port.to_string()))
        .start()
        .map_err(|error| error.to_string())?;
    let port = sink
        .wait_line("its port", LIMIT, |line| line.strip_prefix("port ")?.parse().ok())
        .map_err(|error| error.to_string())?;
    Ok((sink, port))
}

/// Appends the lines with these numbers.
pub(super) fn append(path: &Path, numbers: Range<u64>) -> std::io::Result<()> {
    let file = File::options().append(true).create(true).open(path)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    numbers.into_iter().try_for_each(|number| file.write_all(line(number).as_bytes()))?;
    file.flush()
}

/// A line that begins with its number.
fn line(number: u64) -> String {
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let head = format!("{number:012} {hash:016x} POST /api/orders/{} 200 ", number % 9973);
    let filler = (LINE_BYTES as usize).saturating_sub(head.len() + 1);
    format!("{head}{}\n", &"request handled for a customer ".repeat(8)[..filler])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_stated_size_and_begins_with_its_number() {
        for number in [0, 1, 9972, 999_999_999] {
            let line = line(number);
            assert_eq!(line.len() as u64, LINE_BYTES);
            assert_eq!(line.split(' ').next().unwrap().parse(), Ok(number));
        }
    }
}
