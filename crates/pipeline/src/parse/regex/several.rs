//! Several patterns, tried one after the other: the first that matches decides which fields a
//! record has (`agent` 2.2, `regex` as a list).

use super::RegexParser;
use crate::parse::Fault;
use crate::parse::fields::{FieldList, KnownNames};

/// Patterns in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct Several {
    parsers: Vec<RegexParser>,
    /// The one that matched last.
    matched: usize,
}

impl Several {
    /// `parsers` has at least one.
    pub(crate) fn new(parsers: Vec<RegexParser>) -> Self {
        Self { parsers, matched: 0 }
    }

    /// Whether a record can have a field of this name.
    pub(crate) fn may_have(&self, name: &[u8]) -> bool {
        self.parsers.iter().any(|parser| parser.names.find(name).is_some())
    }

    /// The names that the fields of the last record refer to.
    pub(crate) fn known(&self) -> &KnownNames {
        &self.parsers[self.matched].names
    }

    /// Cuts one record into `list`, which is empty. The fault is the first pattern's.
    pub(crate) fn cut(&mut self, record: &[u8], list: &mut FieldList) -> Result<(), Fault> {
        let mut first = None;
        for (index, parser) in self.parsers.iter_mut().enumerate() {
            match parser.cut(record) {
                Ok(()) => {
                    parser.list(list);
                    self.matched = index;
                    return Ok(());
                }
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        Err(first.unwrap_or(Fault::NoMatch))
    }
}
