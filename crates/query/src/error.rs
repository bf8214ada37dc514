//! Why a query has no answer.

use std::fmt;

/// A place in the query text, for people: lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes before the place.
    pub byte: usize,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// The position of byte `byte` of `text`; a byte past the end is the end.
    pub(crate) fn in_text(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            byte: before.len(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A query that could not be answered.
///
/// All but the last three, which are the store's, are the asker's to correct: the message says how.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is not a query.
    #[error("{at}: expected {expected}, found {found}")]
    Syntax {
        /// Where the text stops making sense.
        at: Position,
        /// What would have made sense there, and how to write it.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The query has more conditions or deeper parentheses than are answered.
    #[error("{at}: the query has more than {limit} {what}; split it into several queries")]
    TooLarge {
        /// Where the limit is passed.
        at: Position,
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// The query asks for a field that has no index.
    #[error(
        "{at}: key ({key}) is not config as key value config; add an index for the field, or \
         search for the value alone"
    )]
    FieldNotIndexed {
        /// Where the field is named.
        at: Position,
        /// The field.
        key: String,
    },
    /// A word stands alone, but the logstore has neither a full-text index nor a text field.
    #[error("{at}: the logstore has no full text index; name an indexed field, as in `key:value`")]
    NoFullText {
        /// Where the word stands.
        at: Position,
    },
    /// The condition does not fit the field's type.
    #[error("{at}: field {key} is indexed as {kind}: {problem}")]
    WrongType {
        /// Where the condition stands.
        at: Position,
        /// The field.
        key: String,
        /// The type of its index.
        kind: &'static str,
        /// What does not fit, and what would.
        problem: String,
    },
    /// The query has an SQL part.
    #[error("{at}: sql analysis is not built yet; remove the part from `|` on to search")]
    AnalysisUnsupported {
        /// Where the SQL starts.
        at: Position,
    },
    /// The page asked for lies too deep in the result.
    #[error(
        "offset + line is {asked}, more than the {limit} rows a search orders; narrow the time \
         range instead"
    )]
    PageTooDeep {
        /// Offset and line together.
        asked: u64,
        /// The most that is allowed, see [`crate::Limits::max_window_rows`].
        limit: u64,
    },
    /// The time range is empty or backwards.
    #[error("the time range is empty: from {from_nanos} ns must be before to {to_nanos} ns")]
    EmptyTimeRange {
        /// Begin, inclusive.
        from_nanos: i64,
        /// End, exclusive.
        to_nanos: i64,
    },
    /// A piece of the snapshot could not be read; the same query may work later.
    #[error(transparent)]
    Store(#[from] store::ReadError),
    /// A piece of the snapshot lacks a column every piece has, or has it in another type.
    #[error("column {column} of a piece is missing or not of the type the store promises")]
    Column {
        /// The column.
        column: String,
    },
    /// A row that was found could not be read back.
    #[error("a row that was found cannot be read: {reason}")]
    Row {
        /// What is wrong.
        reason: String,
    },
}

impl QueryError {
    /// Whether the query or the request is to blame, and not what is stored.
    pub fn is_askers(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Column { .. } | Self::Row { .. })
    }

    /// The place in the query text the error speaks about, when there is one.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { at, .. }
            | Self::TooLarge { at, .. }
            | Self::FieldNotIndexed { at, .. }
            | Self::NoFullText { at }
            | Self::WrongType { at, .. }
            | Self::AnalysisUnsupported { at } => Some(*at),
            Self::PageTooDeep { .. }
            | Self::EmptyTimeRange { .. }
            | Self::Store(_)
            | Self::Column { .. }
            | Self::Row { .. } => None,
        }
    }
}
