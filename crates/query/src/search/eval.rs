//! Evaluates a plan on one block of rows, column by column.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::record_batch::RecordBatch;
use store::columns::{REST, Rest, SOURCE, TOPIC, is_fixed};

use super::plan::Plan;
use super::rows::RowSet;
use super::value::ValueTest;
use crate::error::QueryError;

/// Rows in columns, with the values that have no column.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    batch: &'a RecordBatch,
    rest: Vec<RestValue>,
}

#[derive(Debug)]
struct RestValue {
    row: usize,
    name: String,
    value: String,
}

impl<'a> Block<'a> {
    /// The rows `among` those of `batch`; others are never looked at.
    pub(crate) fn new(batch: &'a RecordBatch, among: &RowSet) -> Result<Self, QueryError> {
        let mut rest = Vec::new();
        let column = text_column(batch, REST)?;
        if column.null_count() < column.len() {
            for row in among.iter().filter(|&row| column.is_valid(row)) {
                let pairs = Rest::decode(column.value(row)).map_err(|_| wrong(REST))?;
                let pairs = pairs.0.into_iter();
                rest.extend(pairs.map(|(name, value)| RestValue { row, name, value }));
            }
        }
        Ok(Self { batch, rest })
    }

    /// The rows of `among` that `plan` selects.
    pub(crate) fn select(&self, plan: &Plan, among: &RowSet) -> Result<RowSet, QueryError> {
        Ok(match plan {
            Plan::All => among.clone(),
            Plan::Every(parts) => {
                let mut selected = among.clone();
                for part in parts {
                    if !selected.is_empty() {
                        selected = self.select(part, &selected)?;
                    }
                }
                selected
            }
            Plan::Some(parts) => {
                let mut open = among.clone();
                for part in parts {
                    if !open.is_empty() {
                        open.remove(&self.select(part, &open)?);
                    }
                }
                without(among, &open)
            }
            Plan::Not(part) => without(among, &self.select(part, among)?),
            Plan::Field(name, test) => {
                let mut selected = match self.field(name)? {
                    Some(column) => test.select(column, among),
                    None => RowSet::none(among.block_len()),
                };
                self.add_rest(&mut selected, among, |other| (other == name).then_some(test));
                selected
            }
            Plan::Anywhere(anywhere) => {
                let mut open = among.clone();
                for (field, column) in self.batch.schema_ref().fields().iter().zip(self.columns()) {
                    if !is_searched(field.name()) || open.is_empty() {
                        continue;
                    }
                    if let Some(test) = anywhere.test_of(field.name()) {
                        let column = as_text(field.name(), column)?;
                        open.remove(&test.select(column, &open));
                    }
                }
                let mut selected = without(among, &open);
                self.add_rest(&mut selected, among, |name| anywhere.test_of(name));
                selected
            }
        })
    }

    /// Adds the rows of `among` where a value without a column passes the test of its name.
    fn add_rest<'t>(
        &self,
        selected: &mut RowSet,
        among: &RowSet,
        test_of: impl Fn(&str) -> Option<&'t ValueTest>,
    ) {
        for RestValue { row, name, value } in &self.rest {
            if among.contains(*row)
                && !selected.contains(*row)
                && test_of(name).is_some_and(|test| test.matches(value))
            {
                selected.insert(*row);
            }
        }
    }

    fn field(&self, name: &str) -> Result<Option<&'a StringArray>, QueryError> {
        let column = self.batch.column_by_name(name).filter(|_| is_searched(name));
        column.map(|column| as_text(name, column)).transpose()
    }

    fn columns(&self) -> &'a [ArrayRef] {
        self.batch.columns()
    }
}

/// Whether the column of this name holds a searchable field. A field that is named like one of
/// the other fixed columns has no column.
fn is_searched(name: &str) -> bool {
    !is_fixed(name) || name == TOPIC || name == SOURCE
}

fn without(among: &RowSet, taken: &RowSet) -> RowSet {
    let mut left = among.clone();
    left.remove(taken);
    left
}

/// The text column of this name, which every piece has.
pub(crate) fn text_column<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a StringArray, QueryError> {
    as_text(name, batch.column_by_name(name).ok_or_else(|| wrong(name))?)
}

fn as_text<'a>(name: &str, column: &'a ArrayRef) -> Result<&'a StringArray, QueryError> {
    column.as_string_opt::<i32>().ok_or_else(|| wrong(name))
}

pub(crate) fn wrong(name: &str) -> QueryError {
    QueryError::Column { column: name.to_owned() }
}
