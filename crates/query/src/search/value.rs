//! What is asked of the value of one field.

use arrow::array::{Array, StringArray};

use super::json::any_leaf;
use super::needle::Needle;
use super::number::{DoubleRange, LongRange};
use super::rows::RowSet;
use super::term::Term;

/// A test of one value. A field that is not there passes none.
#[derive(Clone, Debug)]
pub(crate) enum ValueTest {
    /// Any value.
    Present,
    /// The empty value.
    Empty,
    /// All the tokens.
    Tokens(Vec<Term>),
    /// All the tokens, and the text they come from.
    Phrase {
        /// The tokens.
        terms: Vec<Term>,
        /// The text.
        text: Needle,
    },
    /// A whole number.
    Long(LongRange),
    /// A floating-point number.
    Double(DoubleRange),
    /// JSON with a leaf at the path that passes the test.
    Leaf {
        /// The names from the top, with dots between them.
        path: String,
        /// What is asked of the leaf.
        test: Box<ValueTest>,
    },
}

impl ValueTest {
    /// Whether `value` passes.
    pub(crate) fn matches(&self, value: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Empty => value.is_empty(),
            Self::Tokens(terms) => terms.iter().all(|term| term.matches(value)),
            Self::Phrase { terms, text } => {
                text.is_in(value) && terms.iter().all(|term| term.matches(value))
            }
            Self::Long(range) => range.holds(value),
            Self::Double(range) => range.holds(value),
            Self::Leaf { path, test } => any_leaf(value, path, |leaf| test.matches(leaf)),
        }
    }

    /// The rows of `among` whose value passes.
    pub(crate) fn select(&self, column: &StringArray, among: &RowSet) -> RowSet {
        match self {
            Self::Tokens(terms) | Self::Phrase { terms, .. } if !terms.is_empty() => {
                let mut selected = among.clone();
                for term in terms {
                    if !selected.is_empty() {
                        selected = term.select(column, &selected);
                    }
                }
                match self {
                    Self::Phrase { text, .. } => each(column, &selected, |value| text.is_in(value)),
                    _ => selected,
                }
            }
            _ => each(column, among, |value| self.matches(value)),
        }
    }

    /// How dear the test is for each row, relative to the others.
    pub(crate) fn cost(&self) -> u8 {
        match self {
            Self::Present | Self::Empty => 0,
            Self::Tokens(_) => 1,
            Self::Phrase { .. } | Self::Long(_) => 2,
            Self::Double(_) => 3,
            Self::Leaf { .. } => 9,
        }
    }
}

/// The rows of `among` that have a value, and one that `passes`.
fn each(column: &StringArray, among: &RowSet, passes: impl Fn(&str) -> bool) -> RowSet {
    let mut selected = RowSet::none(among.block_len());
    among
        .iter()
        .filter(|&row| column.is_valid(row) && passes(column.value(row)))
        .for_each(|row| selected.insert(row));
    selected
}
