//! The account of every line: what was written against what is found.

use std::collections::HashMap;
use std::path::Path;

/// The outcome of comparing two collections of lines as multisets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Lines written.
    pub written: usize,
    /// Lines found, copies included.
    pub found: usize,
    /// Lines written and not found, with how many copies are missing.
    pub lost: Vec<(String, usize)>,
    /// Lines found more often than written, with the surplus.
    pub duplicated: Vec<(String, usize)>,
}

impl Account {
    /// Compares what was written with what is found. A line that was never written counts as
    /// duplicated: it is there and should not be.
    pub fn of(
        written: impl IntoIterator<Item = String>,
        found: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut account = Self::default();
        let mut balance: HashMap<String, i64> = HashMap::new();
        for line in written {
            account.written += 1;
            *balance.entry(line).or_default() += 1;
        }
        for line in found {
            account.found += 1;
            *balance.entry(line).or_default() -= 1;
        }
        for (line, count) in balance {
            match count {
                1.. => account.lost.push((line, count as usize)),
                ..=-1 => account.duplicated.push((line, count.unsigned_abs() as usize)),
                0 => {}
            }
        }
        account.lost.sort();
        account.duplicated.sort();
        account
    }

    /// Copies missing.
    pub fn lost_count(&self) -> usize {
        self.lost.iter().map(|(_, count)| count).sum()
    }

    /// Copies too many.
    pub fn duplicated_count(&self) -> usize {
        self.duplicated.iter().map(|(_, count)| count).sum()
    }
}

/// The complete lines of a file, without their newlines. A last line without one is left out.
pub fn complete_lines(path: &Path) -> std::io::Result<Vec<String>> {
    let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    Ok(text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &[&str], found: &[&str], lost: &[(&str, usize)], double: &[(&str, usize)]) {
        let owned = |lines: &[&str]| lines.iter().map(|line| line.to_string()).collect::<Vec<_>>();
        let named = |lines: &[(&str, usize)]| {
            lines.iter().map(|(line, count)| (line.to_string(), *count)).collect::<Vec<_>>()
        };
        let account = Account::of(owned(written), owned(found));
        assert_eq!(account.lost, named(lost));
        assert_eq!(account.duplicated, named(double));
    }

    #[test]
    fn the_account_names_each_line_that_is_missing_or_double() {
        check(&["a", "b"], &["b", "a"], &[], &[]);
        check(&["a", "b", "b"], &["b", "c"], &[("a", 1), ("b", 1)], &[("c", 1)]);
        check(&["a"], &["a", "a", "a"], &[], &[("a", 2)]);
    }
}
