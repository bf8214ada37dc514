//! Numbered lines: of many files in any order, or of one file in its order, and each once.

use super::Judge;
use sls::log_group::LogGroup;

/// Marks the numbers that have arrived.
#[derive(Debug)]
pub(crate) struct Sequence {
    seen: Vec<bool>,
    records: u64,
}

impl Sequence {
    /// Expects the numbers below `total` in the first field of each log.
    pub(crate) fn new(total: usize) -> Self {
        Self { seen: vec![false; total], records: 0 }
    }
}

impl Judge for Sequence {
    fn take(&mut self, raw: &[u8]) -> Result<(), String> {
        let group = LogGroup::parse(raw).map_err(|error| error.to_string())?;
        for log in group.logs() {
            let number = number(log.contents().next().map(|(_, value)| value))?;
            match usize::try_from(number).ok().and_then(|number| self.seen.get_mut(number)) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(format!("line {number} came twice")),
                None => return Err(format!("there is no line {number}")),
            }
            self.records += 1;
        }
        Ok(())
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn is_complete(&self) -> bool {
        self.records == self.seen.len() as u64
    }
}

/// The number with which the first field of a log begins.
fn number(value: Option<&[u8]>) -> Result<u64, String> {
    let value = value.unwrap_or_default();
    let word = value.split(|byte| *byte == b' ').next().unwrap_or_default();
    let number = std::str::from_utf8(word).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{} is no number of a line", value.escape_ascii()))
}

/// Counts the numbers up.
#[derive(Debug)]
pub(crate) struct Ordered {
    next: u64,
    end: u64,
    records: u64,
}

impl Ordered {
    /// Expects the numbers from `first` to below `end`.
    pub(crate) fn new(first: u64, end: u64) -> Self {
        Self { next: first, end, records: 0 }
    }
}

impl Judge for Ordered {
    fn take(&mut self, raw: &[u8]) -> Result<(), String> {
        let group = LogGroup::parse(raw).map_err(|error| error.to_string())?;
        for log in group.logs() {
            let number = number(log.contents().next().map(|(_, value)| value))?;
            if number != self.next || number >= self.end {
                return Err(format!("line {number} came where {} was due", self.next));
            }
            self.next += 1;
            self.records += 1;
        }
        Ok(())
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn is_complete(&self) -> bool {
        self.next == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sls::log_group::LogGroupWriter;

    fn group(number: &str) -> Vec<u8> {
        let mut group = LogGroupWriter::new();
        group.log(1, None, [(&b"seq"[..], number.as_bytes())].into_iter());
        group.take()
    }

    #[test]
    fn numbers_are_counted_up() {
        let mut ordered = Ordered::new(7, 9);
        assert!(ordered.take(&group("8")).is_err());
        ordered.take(&group("0007 and more")).unwrap();
        assert!(ordered.take(&group("7")).is_err() && !ordered.is_complete());
        ordered.take(&group("8")).unwrap();
        assert!(ordered.is_complete() && ordered.take(&group("9")).is_err());
        assert_eq!(ordered.records(), 2);
    }

    #[test]
    fn every_number_is_taken_once() {
        let mut sequence = Sequence::new(2);
        sequence.take(&group("1")).unwrap();
        assert!(!sequence.is_complete());
        assert!(sequence.take(&group("1")).is_err());
        assert!(sequence.take(&group("2")).is_err());
        sequence.take(&group("0")).unwrap();
        assert!(sequence.is_complete());
    }
}
