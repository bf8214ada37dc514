//! What of a logstore is searchable, and how its text is cut into tokens.
//!
//! These are the facts of the logstore's index configuration, checked and with defaults filled
//! in. Reading and writing the wire form of that configuration belongs to the server.

use std::collections::BTreeMap;

/// The delimiters a new index proposes: space, tab, line ends and common punctuation.
pub const DEFAULT_DELIMITERS: &str = ", '\";=()[]{}?@&<>/:\n\t\r";

/// The searchable parts of one logstore.
///
/// A field with an entry in `keys` follows that entry, also for words without a field name; every
/// other field follows `line`. `__topic__`, `__source__` and every `__tag__:…` are searchable
/// without being listed: as one token each, ignoring case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexRules {
    /// The full-text index, over all fields of a row together.
    pub line: Option<LineRule>,
    /// The field indexes by field name.
    pub keys: BTreeMap<String, KeyRule>,
}

/// How text is cut and compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextRule {
    /// The characters that separate tokens. Empty means that a whole value is one token.
    pub tokens: Vec<char>,
    /// Whether `Error` and `error` are different tokens.
    pub case_sensitive: bool,
    /// Whether Chinese is cut into words. A run of Chinese characters then stands apart from the
    /// letters around it, and any part of the run is found; otherwise such characters are letters
    /// like any other.
    pub chn: bool,
}

impl TextRule {
    /// The default delimiters, ignoring case, Chinese not cut.
    pub fn with_default_delimiters() -> Self {
        Self { tokens: DEFAULT_DELIMITERS.chars().collect(), ..Self::default() }
    }
}

/// The full-text index of a logstore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineRule {
    /// How values are cut.
    pub text: TextRule,
    /// When not empty, only these fields are found by words without a field name.
    pub include_keys: Vec<String>,
    /// These fields are not found by words without a field name.
    pub exclude_keys: Vec<String>,
}

/// The index of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRule {
    /// What the field's values are.
    pub kind: KeyKind,
    /// Another name for the field in SQL; search does not know it.
    pub alias: Option<String>,
    /// Whether SQL may use the field.
    pub doc_value: bool,
}

impl KeyRule {
    /// A field of this kind, usable in SQL, without alias.
    pub fn new(kind: KeyKind) -> Self {
        Self { kind, alias: None, doc_value: true }
    }
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyKind {
    /// Text, searched by token.
    Text(TextRule),
    /// Whole numbers of 64 bits. A value that is not one is not indexed: no range finds it.
    Long,
    /// Floating-point numbers of 64 bits, with the same rule for other values.
    Double,
    /// A JSON object whose leaves are fields of their own, named by their path.
    Json(JsonRule),
}

/// The index of a JSON field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonRule {
    /// How the text as a whole is cut, and every text leaf that has no entry of its own.
    pub text: TextRule,
    /// The leaves with a type of their own, by dotted path below the field (`a.b`).
    pub json_keys: BTreeMap<String, LeafRule>,
    /// Whether leaves without an entry are searchable, as text.
    pub index_all: bool,
    /// How many steps below the field `index_all` reaches; `None` is without limit.
    pub max_depth: Option<u32>,
}

/// The index of one JSON leaf.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafRule {
    /// What the leaf's values are.
    pub kind: LeafKind,
    /// Another name for the leaf in SQL.
    pub alias: Option<String>,
    /// Whether SQL may use the leaf.
    pub doc_value: bool,
}

/// The type of a JSON leaf.
#[derive(Clone, Debug, PartialEq)]
pub enum LeafKind {
    /// Text, searched by token.
    Text(TextRule),
    /// Whole numbers of 64 bits.
    Long,
    /// Floating-point numbers of 64 bits.
    Double,
}
