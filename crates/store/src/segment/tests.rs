use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Compression;
use proptest::prelude::*;

use super::*;
use crate::batch::BatchBuilder;
use crate::blob::{BlobStore, FileBlobs};
use crate::catalog::{SegmentId, SegmentMeta};
use crate::columns::{Layout, REST, Row, RowReader, Rows, record_batches};
use crate::disk::SimDisk;
use crate::ids::{Seq, StoreId};
use crate::limits::{GRANULE_ROWS, KEY_COLUMNS};

/// A stored segment with these bytes.
fn segment(file: &[u8]) -> Segment {
    let blobs = FileBlobs::open(Arc::new(SimDisk::new()), Path::new("/segments")).unwrap();
    blobs.put_new("a.parquet", file).unwrap();
    let meta = SegmentMeta {
        store: StoreId(1),
        id: SegmentId(1),
        format: FORMAT,
        blob: "a.parquet".to_owned(),
        bytes: file.len() as u64,
        crc32c: 0,
        rows: 0,
        min_time_nanos: 0,
        max_time_nanos: 0,
        min_received_nanos: 0,
        max_received_nanos: 0,
        shards: Vec::new(),
    };
    Segment::new(meta, Arc::new(blobs))
}

fn stored(groups: &[Rows]) -> Segment {
    let layout = Layout::choose(groups.iter());
    segment(&encode(&layout, &groups.iter().collect::<Vec<_>>()).unwrap())
}

fn in_memory(groups: &[Rows]) -> Vec<RecordBatch> {
    let layout = Layout::choose(groups.iter());
    record_batches(&layout, groups.iter()).map(Result::unwrap).collect()
}

fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        assert!(batch.num_rows() <= GRANULE_ROWS);
        let reader = RowReader::new(batch).unwrap();
        rows.extend((0..batch.num_rows()).map(|row| reader.row(row).unwrap()));
    }
    rows
}

fn read(segment: &Segment) -> Vec<RecordBatch> {
    segment.read(None).map(Result::unwrap).collect()
}

/// One group; its rows as (time, fields).
fn group(tags: &[(&str, &str)], fields: &[(i64, Vec<(String, String)>)]) -> Rows {
    let mut rows = BatchBuilder::new();
    rows.topic("topic").source("");
    for (key, value) in tags {
        rows.tag(key, value);
    }
    for (time, row) in fields {
        rows.begin_row(*time);
        for (key, value) in row {
            rows.field(key, value);
        }
    }
    Rows { shard: 2, seq: Seq(9), received_nanos: -1, batch: rows.finish() }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// What a row must read back as, straight from the group.
fn expected(groups: &[Rows]) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in groups {
        let batch = &group.batch;
        for row in 0..batch.rows() {
            let fields =
                batch.row(row).map(|(key, value)| (batch.keys()[key].clone(), value.to_owned()));
            rows.push(Row {
                time_nanos: batch.time_nanos(row),
                received_nanos: group.received_nanos,
                shard: group.shard,
                seq: group.seq,
                offset: row as u32,
                topic: batch.topic().to_owned(),
                source: batch.source().to_owned(),
                tags: batch.tags().to_vec(),
                fields: fields.collect(),
            });
        }
    }
    rows
}

fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let values = batch.column_by_name(column)?.as_string::<i32>();
    values.is_valid(row).then(|| values.value(row).to_owned())
}

#[test]
fn of_two_values_the_last_is_in_the_column_and_the_first_in_the_rest() {
    let groups = [group(
        &[("pod", "web")],
        &[(1, pairs(&[("a", "1"), ("b", ""), ("a", "2")])), (2, pairs(&[("b", "3")]))],
    )];
    let batch = &in_memory(&groups)[0];
    assert_eq!(text(batch, "a", 0).as_deref(), Some("2"));
    assert_eq!(text(batch, REST, 0).as_deref(), Some(r#"[["a","1"]]"#));
    assert_eq!(text(batch, "b", 0).as_deref(), Some(""), "empty is not absent");
    assert_eq!(text(batch, "a", 1), None);
    assert_eq!(text(batch, REST, 1), None);
    assert_eq!(text(batch, "__tag__:pod", 1).as_deref(), Some("web"));
}

#[test]
fn names_that_cannot_be_columns_live_in_the_rest() {
    let long = "k".repeat(300);
    let fields =
        pairs(&[("__time__", "now"), ("", "nameless"), (&long, "long"), ("__rest__", "[]")]);
    let groups =
        [group(&[("t", "tag")], &[(1, [fields, pairs(&[("__tag__:t", "field")])].concat())])];
    let batch = &in_memory(&groups)[0];
    assert_eq!(batch.num_columns(), crate::columns::FIXED.len() + 1);
    assert_eq!(text(batch, "__tag__:t", 0).as_deref(), Some("field"));
    assert_eq!(rows(&in_memory(&groups)), expected(&groups));
    assert_eq!(rows(&read(&stored(&groups))), expected(&groups));
}

#[test]
fn the_most_frequent_keys_get_the_columns_when_there_are_too_many() {
    let many = KEY_COLUMNS + 40;
    let fields: Vec<_> = (0..many)
        .flat_map(|rare| {
            // Key n occurs n + 1 times.
            (0..=rare).map(move |_| (1, vec![(format!("k{rare:04}"), rare.to_string())]))
        })
        .collect();
    let groups = [group(&[], &fields)];
    let segment = stored(&groups);
    let schema = segment.schema().unwrap();
    let keys: Vec<&str> = schema
        .fields()
        .iter()
        .skip(crate::columns::FIXED.len())
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(keys.len(), KEY_COLUMNS);
    assert_eq!((keys[0], keys[KEY_COLUMNS - 1]), ("k0040", "k0295"));
    assert_eq!(rows(&read(&segment)), expected(&groups));
}

#[test]
fn granules_end_at_their_size_and_not_with_groups() {
    let rows_of = |count: usize| {
        group(&[], &(0..count).map(|at| (at as i64, pairs(&[("k", "v")]))).collect::<Vec<_>>())
    };
    let groups = [rows_of(GRANULE_ROWS - 1), rows_of(0), rows_of(2 * GRANULE_ROWS), rows_of(2)];
    let sizes =
        |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>();
    let wanted = [GRANULE_ROWS, GRANULE_ROWS, GRANULE_ROWS, 1];
    assert_eq!(sizes(&in_memory(&groups)), wanted);
    assert_eq!(sizes(&read(&stored(&groups))), wanted);
}

#[test]
fn a_data_page_is_a_granule_and_only_repeating_text_has_a_dictionary() {
    let fields: Vec<_> = (0..3 * GRANULE_ROWS)
        .map(|at| (at as i64, pairs(&[("id", &format!("{:x}", at * 7919)), ("level", "INFO")])))
        .collect();
    let groups = [group(&[], &fields)];
    let layout = Layout::choose(groups.iter());
    let file: bytes::Bytes = encode(&layout, &[&groups[0]]).unwrap().into();
    let options = ArrowReaderOptions::new()
        .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required);
    let footer = ArrowReaderMetadata::load(&file, options).unwrap();
    let row_group = footer.metadata().row_group(0);
    let pages = &footer.metadata().offset_index().unwrap()[0];
    for (column, pages) in row_group.columns().iter().zip(pages) {
        let name = column.column_path().string();
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{name}");
        let starts: Vec<i64> =
            pages.page_locations().iter().map(|page| page.first_row_index).collect();
        assert_eq!(starts, [0, 8192, 16384], "{name}");
        let wanted = !["__time__", "__recv__", "__seq__", "__off__", "id"].contains(&name.as_str());
        assert_eq!(column.dictionary_page_offset().is_some(), wanted, "{name}");
    }
}

#[test]
fn files_of_others_and_of_later_versions_and_damaged_ones_say_what_they_are() {
    let groups = [group(&[], &[(1, pairs(&[("k", "v")]))])];
    let layout = Layout::choose(groups.iter());
    let file = encode(&layout, &[&groups[0]]).unwrap();
    let reason = |file: &[u8]| segment(file).read(None).next().unwrap().unwrap_err().to_string();
    assert!(reason(&file[..file.len() - 1]).starts_with("segment a.parquet is unreadable: "));

    let mut other = Vec::new();
    let batch = &in_memory(&groups)[0];
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut other, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.append_key_value_metadata(parquet::file::metadata::KeyValue::new(
        FORMAT_KEY.to_owned(),
        "2".to_owned(),
    ));
    writer.close().unwrap();
    assert_eq!(
        reason(&other),
        "segment a.parquet is unreadable: it has format 2, this program reads up to 1: use the program that wrote it"
    );
}

fn any_groups() -> impl Strategy<Value = Vec<Rows>> {
    // Few names, so that they repeat, collide with tags, and with what is ours.
    let name =
        prop::sample::select(vec!["a", "b", "c.d", "键", "", "__tag__:a", "__time__", "__shape__"]);
    let value = prop_oneof!["[ab\"\\\\\u{0}键]{0,3}", Just(String::new())];
    let pair = (name.prop_map(str::to_owned), value);
    let row = (any::<i64>(), prop::collection::vec(pair.clone(), 0..6));
    let tags = prop::collection::vec((prop::sample::select(vec!["a", "b", ""]), "[xy]{0,2}"), 0..4);
    let group = (tags, prop::collection::vec(row, 0..5)).prop_map(|(tags, rows)| {
        let tags: Vec<(&str, &str)> =
            tags.iter().map(|(key, value)| (*key, value.as_str())).collect();
        group(&tags, &rows)
    });
    prop::collection::vec(group, 1..5)
}

proptest! {
    #[test]
    fn every_row_reads_back_as_it_came_from_memory_and_from_a_file(groups in any_groups()) {
        prop_assert_eq!(rows(&in_memory(&groups)), expected(&groups));
        prop_assert_eq!(rows(&read(&stored(&groups))), expected(&groups));
    }
}
