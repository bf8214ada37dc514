//! Cuts a finished batch in two at a record boundary, again and again if need be, for when the
//! service will not take it whole: it is too large, or some record in it is refused.
//!
//! While a batch is filled, [`Cut`]s are noted every few KiB. They make cutting a matter of copying:
//! a log group is its logs, one after the other, and behind them the labels that every part needs.

/// Encoded bytes between two cuts, at least.
pub(crate) const CUT_EVERY_BYTES: usize = 8 * 1024;

/// A place behind a record where a batch can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes of the log group in front of it.
    pub group_bytes: usize,
    /// Logs in front of it.
    pub logs: usize,
    /// The offset in the file behind the record.
    pub position: u64,
}

/// A batch, or a part of one: what it holds and where it can be cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Offset of the first byte in the file.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
    /// Number of logs.
    pub logs: usize,
    /// Bytes of the log group that are logs; the labels are behind them.
    pub logs_bytes: usize,
    /// Where it can be cut, in order; each leaves at least one log on both sides.
    pub cuts: Vec<Cut>,
}

impl Piece {
    /// Whether there is a place to cut.
    pub fn can_split(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// Two parts of about the same size, each with its log group, or `None` when there is no place
    /// to cut. `group` is the encoded log group of this piece.
    pub fn split(&self, group: &[u8]) -> Option<[(Piece, Vec<u8>); 2]> {
        let middle = self.logs_bytes / 2;
        let distance = |cut: &Cut| cut.group_bytes.abs_diff(middle);
        let at = (0..self.cuts.len()).min_by_key(|at| distance(&self.cuts[*at]))?;
        let cut = self.cuts[at];
        let labels = &group[self.logs_bytes..];
        let first = Piece {
            start: self.start,
            end: cut.position,
            logs: cut.logs,
            logs_bytes: cut.group_bytes,
            cuts: self.cuts[..at].to_vec(),
        };
        let behind = self.cuts[at + 1..].iter().map(|later| Cut {
            group_bytes: later.group_bytes - cut.group_bytes,
            logs: later.logs - cut.logs,
            position: later.position,
        });
        let second = Piece {
            start: cut.position,
            end: self.end,
            logs: self.logs - cut.logs,
            logs_bytes: self.logs_bytes - cut.group_bytes,
            cuts: behind.collect(),
        };
        let first_group = [&group[..cut.group_bytes], labels].concat();
        let second_group = [&group[cut.group_bytes..self.logs_bytes], labels].concat();
        Some([(first, first_group), (second, second_group)])
    }
}
