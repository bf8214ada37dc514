//! The ways of taking a record apart, of which a configuration has one.

use super::apsara::ApsaraParser;
use super::delimiter::DelimiterParser;
use super::fields::{FieldList, KnownNames, Name, Piece};
use super::json::JsonParser;
use super::regex::several::Several;
use super::{CONTENT, Fault, LogTime, RegexParser};
use sls::log_group::PreparedKey;

/// How records become fields.
#[derive(Clone, Debug)]
pub(super) enum Cutter {
    /// Simple mode: the record is one field.
    Whole(Box<Whole>),
    /// One field for each group of a pattern.
    Regex(Box<RegexParser>),
    /// The same, with the first of several patterns that matches.
    Several(Box<Several>),
    /// One field for each member of an object.
    Json(Box<JsonParser>),
    /// One field for each column.
    Delimiter(Box<DelimiterParser>),
    /// Apsara logs.
    Apsara(Box<ApsaraParser>),
}

/// The one field of simple mode.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) key: PreparedKey,
    names: KnownNames,
}

impl Cutter {
    /// Simple mode.
    pub(super) fn whole() -> Self {
        let mut names = KnownNames::default();
        names.add(CONTENT.as_bytes());
        Self::Whole(Box::new(Whole { key: PreparedKey::new(CONTENT.as_bytes()), names }))
    }

    /// The names that the fields of the last record refer to.
    #[inline]
    pub(super) fn known(&self) -> &KnownNames {
        match self {
            Self::Whole(whole) => &whole.names,
            Self::Regex(parser) => parser.names(),
            Self::Several(parser) => parser.known(),
            Self::Json(parser) => parser.known(),
            Self::Delimiter(parser) => parser.known(),
            Self::Apsara(parser) => parser.known(),
        }
    }

    /// Whether a record can have a field named `key`.
    pub(super) fn may_have(&self, key: &[u8]) -> bool {
        match self {
            Self::Whole(_) | Self::Regex(_) => self.known().find(key).is_some(),
            Self::Several(parser) => parser.may_have(key),
            Self::Json(_) | Self::Apsara(_) => true,
            Self::Delimiter(parser) => parser.may_have(key),
        }
    }

    /// Lists the fields of `record`, which was read at `now`. Gives the time of a log that has no
    /// other one.
    #[inline]
    pub(super) fn cut(
        &mut self,
        record: &[u8],
        now: LogTime,
        list: &mut FieldList,
    ) -> Result<LogTime, Fault> {
        match self {
            Self::Whole(_) => list.push(Name::Known(0), Piece::record(0..record.len())),
            Self::Regex(parser) => {
                parser.cut(record)?;
                parser.list(list);
            }
            Self::Json(parser) => {
                parser.cut(record, list)?;
                if list.fields.is_empty() {
                    return Err(Fault::Empty);
                }
            }
            Self::Several(parser) => parser.cut(record, list)?,
            Self::Delimiter(parser) => parser.cut(record, list)?,
            Self::Apsara(parser) => return parser.cut(record, now, list),
        }
        Ok(now)
    }
}
