//! Writes rows as a Parquet file.

use std::collections::HashSet;

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::{FORMAT, FORMAT_KEY};
use crate::columns::{Layout, OFFSET, RECEIVED, Rows, SEQ, TIME, record_batches};
use crate::limits::{GRANULE_ROWS, ROW_GROUP_ROWS};

/// Pages end by rows, so that a granule is a page of every column; this is only for very long
/// values.
const PAGE_BYTES: usize = 8 << 20;

/// A column whose first granule has more distinct values than this share gets no dictionary: it
/// would be thrown away half-way, after having cost time and made the first pages larger.
const DICTIONARY_MAX_DISTINCT: f64 = 0.5;

/// The file with all rows of `groups` in their order.
pub(crate) fn encode(layout: &Layout, groups: &[&Rows]) -> Result<Vec<u8>, ParquetError> {
    let mut batches = record_batches(layout, groups.iter().copied()).peekable();
    let properties = match batches.peek() {
        Some(Ok(first)) => properties(first),
        _ => base_properties(),
    };
    let mut file = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut file, layout.schema().clone(), Some(properties.build()))?;
    for batch in batches {
        writer
            .write(&batch.map_err(|error: ArrowError| ParquetError::External(Box::new(error)))?)?;
    }
    writer.close()?;
    Ok(file)
}

fn base_properties() -> WriterPropertiesBuilder {
    let zstd = ZstdLevel::try_new(1).expect("1 is a level of zstd");
    let mut properties = WriterProperties::builder()
        .set_created_by("sidetail".to_owned())
        .set_compression(Compression::ZSTD(zstd))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(GRANULE_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        // Text is found through the index, not through its smallest and largest value.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            FORMAT_KEY.to_owned(),
            FORMAT.to_string(),
        )]));
    for number in [TIME, RECEIVED, SEQ, OFFSET] {
        properties = properties
            .set_column_dictionary_enabled(path(number), false)
            .set_column_encoding(path(number), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(path(number), EnabledStatistics::Page);
    }
    properties
}

fn properties(first: &RecordBatch) -> WriterPropertiesBuilder {
    let mut properties = base_properties();
    for (field, column) in first.schema_ref().fields().iter().zip(first.columns()) {
        if *field.data_type() == DataType::Utf8 && is_diverse(column.as_string()) {
            properties = properties.set_column_dictionary_enabled(path(field.name()), false);
        }
    }
    properties
}

fn is_diverse(values: &StringArray) -> bool {
    let present = values.len() - values.null_count();
    let limit = (present as f64 * DICTIONARY_MAX_DISTINCT) as usize;
    let mut distinct = HashSet::new();
    // A handful of values says nothing, and costs nothing either way.
    present > 64
        && values.iter().flatten().any(|value| {
            distinct.insert(value);
            distinct.len() > limit
        })
}

/// The path of a column; a dot in a name is part of the name.
fn path(name: &str) -> ColumnPath {
    ColumnPath::new(vec![name.to_owned()])
}
