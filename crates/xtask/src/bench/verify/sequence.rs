//! Numbered lines that come from many files in any order: each once.

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
            let value = log.contents().next().map(|(_, value)| value).unwrap_or_default();
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            let seen = number.and_then(|number: usize| self.seen.get_mut(number));
            match seen {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(format!("line {number:?} came twice")),
                None => return Err(format!("{} is no number of a line", value.escape_ascii())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use sls::log_group::LogGroupWriter;

    #[test]
    fn every_number_is_taken_once() {
        let group = |number: &str| {
            let mut group = LogGroupWriter::new();
            group.log(1, None, [(&b"seq"[..], number.as_bytes())].into_iter());
            group.take()
        };
        let mut sequence = Sequence::new(2);
        sequence.take(&group("1")).unwrap();
        assert!(!sequence.is_complete());
        assert!(sequence.take(&group("1")).is_err());
        assert!(sequence.take(&group("2")).is_err());
        sequence.take(&group("0")).unwrap();
        assert!(sequence.is_complete());
    }
}
