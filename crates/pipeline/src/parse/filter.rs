//! Which logs are kept (`agent` 3.8).

use super::fields::{FieldList, KnownNames, Lookup};
use super::{Engine, Match};

/// A compiled filter.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// Keeps what every one of these keeps.
    All(Vec<Filter>),
    /// Keeps what at least one of these keeps.
    Any(Vec<Filter>),
    /// Keeps what this does not keep.
    Not(Box<Filter>),
    /// Keeps logs with a field whose whole value matches.
    Field(Box<Condition>),
}

/// A field and the pattern of its value.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    field: Lookup,
    pattern: Engine,
}

impl Filter {
    /// A condition; `pattern` was compiled for whole texts.
    pub(crate) fn field(key: &str, pattern: Engine) -> Self {
        Self::Field(Box::new(Condition { field: Lookup::new(key), pattern }))
    }

    /// Whether a log with the listed fields is kept. A match that takes too many steps is none.
    pub(super) fn keeps(&mut self, list: &FieldList, record: &[u8], known: &KnownNames) -> bool {
        match self {
            Self::All(filters) => filters.iter_mut().all(|it| it.keeps(list, record, known)),
            Self::Any(filters) => filters.iter_mut().any(|it| it.keeps(list, record, known)),
            Self::Not(filter) => !filter.keeps(list, record, known),
            Self::Field(condition) => {
                let value = condition.field.value(list, record, known);
                value.is_some_and(|value| condition.pattern.is_match(value) == Match::Yes)
            }
        }
    }
}
