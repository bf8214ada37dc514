//! Which keys of a set of rows get a column.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::builder::Rows;
use super::{OFFSET, RECEIVED, REST, SEQ, SHAPE, SHARD, SOURCE, TAG_PREFIX, TIME, TOPIC, is_fixed};
use crate::limits::{KEY_COLUMN_NAME_BYTES, KEY_COLUMNS};

/// The columns of a segment or of a piece in memory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    schema: SchemaRef,
    /// Name to position among the key columns.
    columns: HashMap<String, usize>,
}

impl Layout {
    /// Columns for the keys that occur most, in name order; the most frequent
    /// [`KEY_COLUMNS`] of them when there are more.
    pub(crate) fn choose<'a>(rows: impl Iterator<Item = &'a Rows>) -> Layout {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for group in rows {
            group.count_names(&mut |name, count| match counts.get_mut(name) {
                Some(sum) => *sum += count,
                None if may_have_column(name) => {
                    counts.insert(name.to_owned(), count);
                }
                None => {}
            });
        }
        let mut names: Vec<(String, usize)> = counts.into_iter().collect();
        if names.len() > KEY_COLUMNS {
            names.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            names.truncate(KEY_COLUMNS);
        }
        names.sort_unstable();
        let mut fields = fixed_fields();
        fields.extend(names.iter().map(|(name, _)| Field::new(name, DataType::Utf8, true)));
        let columns = names.into_iter().enumerate().map(|(at, (name, _))| (name, at)).collect();
        Layout { schema: Arc::new(Schema::new(fields)), columns }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many key columns there are.
    pub(super) fn key_columns(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn tag(&self, key: &str) -> Option<usize> {
        self.columns.get(&tag_column(key)).copied()
    }

    pub(super) fn key(&self, key: &str) -> Option<usize> {
        self.columns.get(key).copied()
    }
}

pub(super) fn tag_column(key: &str) -> String {
    format!("{TAG_PREFIX}{key}")
}

fn may_have_column(name: &str) -> bool {
    !name.is_empty() && name.len() <= KEY_COLUMN_NAME_BYTES && !is_fixed(name)
}

fn fixed_fields() -> Vec<Field> {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    vec![
        Field::new(TIME, DataType::Int64, false),
        Field::new(RECEIVED, DataType::Int64, false),
        Field::new(SHARD, DataType::UInt16, false),
        Field::new(SEQ, DataType::UInt64, false),
        Field::new(OFFSET, DataType::UInt32, false),
        Field::new(TOPIC, DataType::Utf8, false),
        Field::new(SOURCE, DataType::Utf8, false),
        Field::new(SHAPE, dictionary, false),
        Field::new(REST, DataType::Utf8, true),
    ]
}
