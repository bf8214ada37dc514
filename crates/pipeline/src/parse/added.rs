//! The fields that a configuration adds to those of a record: the record itself, its time as a
//! number, and where in its file it stood.

use super::LogTime;
use super::fields::{FieldList, KnownNames, Piece, acceptable};
use sls::collect::{PreciseTime, PreciseUnit};

/// The fields to add.
#[derive(Clone, Debug, Default)]
pub(super) struct AddedFields {
    /// Carries the whole record beside what was made of it.
    pub(super) raw: Option<Box<[u8]>>,
    pub(super) precise: Option<PreciseField>,
    pub(super) offset: Option<OffsetField>,
}

/// The field that repeats the time of a log as a number (`precise_timestamp`).
#[derive(Clone, Debug)]
pub(super) struct PreciseField {
    name: Box<[u8]>,
    nanos_in_unit: u64,
    /// The log itself carries its nanoseconds, too.
    keeps_nanos: bool,
}

/// The field that says where in its file a log stood.
#[derive(Clone, Debug)]
pub(super) struct OffsetField {
    pub(super) name: Box<[u8]>,
    /// Of the record that comes next.
    pub(super) bytes: u64,
}

impl PreciseField {
    pub(super) fn new(rule: &PreciseTime, keeps_nanos: bool) -> Self {
        let nanos_in_unit = match rule.unit {
            PreciseUnit::Millis => 1_000_000,
            PreciseUnit::Micros => 1_000,
            PreciseUnit::Nanos => 1,
        };
        Self { name: own_name(&rule.key), nanos_in_unit, keeps_nanos }
    }
}

impl AddedFields {
    /// Whether nothing is added.
    pub(super) fn is_empty(&self) -> bool {
        self.raw.is_none() && self.precise.is_none() && self.offset.is_none()
    }

    /// Whether one that a filter or a time can look at is named `key`.
    pub(super) fn may_have(&self, key: &[u8]) -> bool {
        self.raw.as_deref() == Some(key) || self.offset.as_ref().is_some_and(|it| *it.name == *key)
    }

    /// Lists the whole record, if that is wanted.
    #[inline]
    pub(super) fn list_raw(&self, list: &mut FieldList, record: &[u8], known: &KnownNames) {
        if let Some(name) = &self.raw {
            list.put(name, Piece::record(0..record.len()), record, known);
        }
    }

    /// Lists the time of the log, if that is wanted; gives the time that the log itself has.
    #[inline]
    pub(super) fn list_time(
        &self,
        list: &mut FieldList,
        mut time: LogTime,
        record: &[u8],
        known: &KnownNames,
    ) -> LogTime {
        if let Some(precise) = &self.precise {
            let nanos = u64::from(time.seconds) * 1_000_000_000 + time.nanos.map_or(0, u64::from);
            let value = list.number(nanos / precise.nanos_in_unit);
            list.put(&precise.name, value, record, known);
            time.nanos = time.nanos.filter(|_| precise.keeps_nanos);
        }
        time
    }

    /// Lists where the log stood, if that is wanted. A log without fields stays one.
    #[inline]
    pub(super) fn list_offset(&self, list: &mut FieldList, record: &[u8], known: &KnownNames) {
        if let Some(offset) = &self.offset
            && !list.fields.is_empty()
        {
            let value = list.number(offset.bytes);
            list.put(&offset.name, value, record, known);
        }
    }
}

/// The name of a field that the configuration adds, as the service takes it.
pub(super) fn own_name(name: &str) -> Box<[u8]> {
    let name = name.as_bytes();
    acceptable(name).unwrap_or(name.into()).into()
}
