//! Why a record has no fields.

/// Why a record has no fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The pattern does not match the whole record.
    NoMatch,
    /// Matching took too many steps and was given up.
    Limit,
    /// The configuration has more field names than the pattern has groups.
    TooFewGroups,
    /// There is nothing in the record but blanks.
    Blank,
    /// The record is a JSON object without members.
    Empty,
    /// The record is no JSON object.
    NotObject,
    /// The record begins as a JSON object and does not go on as one.
    NotJson,
    /// A string of a JSON object has an escape that means nothing.
    BadEscape,
    /// A quote of a delimited record stands where none may, or is never closed.
    BadQuote,
    /// A delimited record has fewer columns than the configuration has names.
    TooFewColumns,
    /// An Apsara record does not begin with a time.
    NoTime,
    /// The record is longer than any that is taken apart.
    TooLong,
}

impl Fault {
    /// The word used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoMatch => "no_match",
            Self::Limit => "match_limit",
            Self::TooFewGroups => "too_few_groups",
            Self::Blank => "blank",
            Self::Empty => "empty",
            Self::NotObject => "not_object",
            Self::NotJson => "not_json",
            Self::BadEscape => "bad_escape",
            Self::BadQuote => "bad_quote",
            Self::TooFewColumns => "too_few_columns",
            Self::NoTime => "no_time",
            Self::TooLong => "too_long",
        }
    }

    /// Whether a pattern of the configuration could be wrong, and not only the data.
    pub fn is_about_a_pattern(self) -> bool {
        matches!(self, Self::NoMatch | Self::Limit | Self::TooFewGroups)
    }

    /// What it means, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NoMatch => "the pattern does not match the whole record",
            Self::Limit => "matching the pattern takes too many steps",
            Self::TooFewGroups => "the pattern has fewer groups than there are names",
            Self::Blank => "the record is blank",
            Self::Empty => "the record is a JSON object without members",
            Self::NotObject => "the record is no JSON object",
            Self::NotJson => "the record begins as a JSON object and does not go on as one",
            Self::BadEscape => "a JSON string has an escape that means nothing",
            Self::BadQuote => "a quote stands where none may, or is never closed",
            Self::TooFewColumns => "the record has fewer columns than there are names",
            Self::NoTime => "the record does not begin with a time in brackets",
            Self::TooLong => "the record is longer than any that is taken apart",
        }
    }
}
