//! The search expression as written: what is asked, before any index is known.

use crate::error::Position;

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Every row.
    All,
    /// The rows that meet a condition.
    Is(Condition),
    /// The rows that all parts select. At least two parts.
    And(Vec<Expr>),
    /// The rows that some part selects. At least two parts.
    Or(Vec<Expr>),
    /// The rows the part does not select.
    Not(Box<Expr>),
}

impl Expr {
    /// Calls `visit` for every condition, in the order written, and says whether an odd number of
    /// `not` stands over it.
    pub fn for_each_condition<'a>(&'a self, visit: &mut impl FnMut(&'a Condition, bool)) {
        self.walk(false, visit);
    }

    fn walk<'a>(&'a self, negated: bool, visit: &mut impl FnMut(&'a Condition, bool)) {
        match self {
            Self::All => {}
            Self::Is(condition) => visit(condition, negated),
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().for_each(|part| part.walk(negated, visit));
            }
            Self::Not(part) => part.walk(!negated, visit),
        }
    }

    /// Whether a true phrase (`#"…"`) is asked for. SLS marks such answers with another mode.
    pub fn has_phrase(&self) -> bool {
        let mut found = false;
        self.for_each_condition(&mut |condition, _| {
            found |= matches!(condition.test, Test::Phrase(_));
        });
        found
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field it is about; `None` is any field.
    pub field: Option<Field>,
    /// What must hold.
    pub test: Test,
    /// Where the condition starts in the query.
    pub at: Position,
}

/// A field name, with `source` written out as `__source__`; a tag is `__tag__:<key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(pub String);

/// What a condition asks of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// All tokens of the pattern occur, in any order.
    Tokens(Pattern),
    /// As [`Test::Tokens`], and the value contains the text itself.
    Phrase(String),
    /// The field is there.
    Exists,
    /// The field is there and empty.
    Empty,
    /// The field is a number within the range.
    Within(NumberRange),
}

/// Text to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The text, escapes resolved.
    pub text: String,
    /// Whether `*` and `?` in it stand for any characters; they do only outside quotes.
    pub wild: bool,
}

impl Pattern {
    /// Text that stands for itself.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { text: text.into(), wild: false }
    }
}

/// Numbers between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberRange {
    /// The lower end.
    pub low: Bound,
    /// The upper end.
    pub high: Bound,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// No limit on this side.
    Open,
    /// Up to and with the number.
    Included(Number),
    /// Up to but without the number.
    Excluded(Number),
}

/// A number as written: whole numbers keep all their digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number of 64 bits.
    Int(i64),
    /// Any other finite number.
    Float(f64),
}

impl Number {
    /// Reads a number. What overflows, `inf` and `nan` are none.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(int) = text.parse() {
            return Some(Self::Int(int));
        }
        let digits = text.bytes().any(|b| b.is_ascii_digit());
        text.parse().ok().filter(|f: &f64| digits && f.is_finite()).map(Self::Float)
    }
}
