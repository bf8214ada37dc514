//! Pages, limits and progress.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;

/// What a page shows of a row: its time in seconds and its group.
fn shown(result: &SearchResult) -> Vec<(i64, String)> {
    let rows = result.rows.iter();
    rows.map(|row| (row.time_nanos / 1_000_000_000, row.fields[0].1.clone())).collect()
}

/// Rows of one group at the given seconds; the field `k` names row and group.
fn group(seq: u64, seconds: &[i64]) -> Vec<SampleRow> {
    let rows = (0..).zip(seconds).map(|(offset, &secs)| {
        let mut row = row(secs, &[("k", &format!("x {seq}.{offset}"))]).seq(seq);
        row.offset = offset;
        row
    });
    rows.collect()
}

#[test]
fn rows_of_one_time_come_in_the_order_of_arrival() {
    let pieces = [
        SamplePiece::new(&group(2, &[5, 5, 4]), 2, &[]),
        SamplePiece::new(&group(1, &[5, 6]), 1, &[]),
    ];
    let names = |request: &Request| -> Vec<String> {
        let result = search_in(&pieces, &rules(), request, &Limits::none()).expect("a page");
        shown(&result).into_iter().map(|(_, name)| name).collect()
    };
    let ascending = ["x 2.2", "x 1.0", "x 2.0", "x 2.1", "x 1.1"];
    assert_eq!(names(&request("x")), ascending);
    let mut descending = ascending;
    descending.reverse();
    assert_eq!(names(&Request { reverse: true, ..request("x") }), descending);
    assert_eq!(names(&Request { offset: 1, line: 2, ..request("x") }), ascending[1..3]);
    assert_eq!(names(&Request { offset: 5, ..request("x") }), [""; 0]);
    assert_eq!(names(&Request { line: 0, ..request("x") }), [""; 0]);
}

#[test]
fn a_page_too_deep_is_refused() {
    let request = Request { offset: 995, line: 10, ..request("x") };
    let limits = Limits { max_window_rows: 1000, ..Limits::none() };
    let error = search_in::<SamplePiece>(&[], &rules(), &request, &limits);
    assert!(matches!(error, Err(QueryError::PageTooDeep { asked: 1005, limit: 1000 })));
    let request = Request { offset: u64::MAX, ..request };
    assert!(search_in::<SamplePiece>(&[], &rules(), &request, &limits).is_err());
}

#[test]
fn pieces_past_a_full_page_are_not_read() {
    let pieces: Vec<_> = (0..10)
        .map(|at| SamplePiece::new(&group(at as u64, &[10 * at, 10 * at + 1]), 2, &[]))
        .collect();
    for reverse in [false, true] {
        let request = Request { line: 3, reverse, ..request("x") };
        let result = search_in(&pieces, &rules(), &request, &Limits::none()).expect("a page");
        assert_eq!(result.rows.len(), 3);
        assert_eq!((result.progress, result.processed_rows), (Progress::Complete, 4));
    }
}

#[test]
fn a_deadline_ends_the_scan_with_what_was_found() {
    let piece = SamplePiece::new(&group(1, &[1, 2, 3, 4, 5, 6]), 2, &[]);
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 2;
    let pieces = [piece];
    let result = search_in(&pieces, &rules(), &request("x"), &Limits::until(&stop)).expect("rows");
    assert_eq!(shown(&result).len(), 4);
    assert_eq!((result.progress, result.processed_rows), (Progress::Incomplete, 4));
}

#[test]
fn bounds_on_rows_and_bytes_end_the_scan() {
    let pieces = [SamplePiece::new(&group(1, &[1, 2, 3, 4, 5, 6]), 2, &[])];
    let limits =
        [Limits { max_rows: 3, ..Limits::none() }, Limits { max_bytes: 12, ..Limits::none() }];
    for limits in limits {
        let result = search_in(&pieces, &rules(), &request("x"), &limits).expect("rows");
        assert_eq!((result.progress, result.processed_rows), (Progress::Incomplete, 4));
        assert_eq!(result.processed_bytes, 20, "five bytes in each of four rows");
    }
    let limits = Limits { max_rows: 0, ..Limits::none() };
    let result = search_in(&pieces, &rules(), &request("x"), &limits).expect("no rows");
    assert_eq!((result.rows.len(), result.progress), (0, Progress::Incomplete));
}

#[test]
fn a_stopped_histogram_says_which_counts_are_open() {
    let pieces = [
        SamplePiece::new(&group(1, &[0, 1]), 2, &[]),
        SamplePiece::new(&group(2, &[3, 4]), 2, &[]),
    ];
    let range = store::TimeRange { from_nanos: 0, to_nanos: 6_000_000_000 };
    let request = Request { range, ..request("x") };
    let limits = Limits { max_rows: 2, ..Limits::none() };
    let histogram = histogram_of(&pieces, &rules(), &request, &limits).expect("counts");
    let open: Vec<_> = histogram
        .buckets
        .iter()
        .filter(|bucket| bucket.progress == Progress::Incomplete)
        .map(|bucket| bucket.from_secs)
        .collect();
    assert_eq!(open, [3, 4]);
    assert_eq!((histogram.count, histogram.progress), (2, Progress::Incomplete));
}

proptest! {
    #[test]
    fn any_page_is_the_slice_of_the_whole_ordered_result(
        pieces in proptest::collection::vec(
            proptest::collection::vec((0i64..8, 0u64..4, 0u16..2, any::<bool>()), 0..12),
            0..5,
        ),
        block_rows in 1usize..5,
        offset in 0u64..12,
        line in 0u64..12,
        reverse in any::<bool>(),
        from in 0i64..4,
        len in 1i64..8,
        any_field in any::<bool>(),
    ) {
        let mut offset_of_row = 0;
        let pieces: Vec<Vec<SampleRow>> = pieces.iter().map(|rows| rows.iter().map(
            |&(secs, seq, shard, found)| {
                offset_of_row += 1;
                let text = format!("{} {offset_of_row}", if found { "x" } else { "y" });
                let row = row(secs, &[("k", &text)]).seq(seq);
                SampleRow { offset: offset_of_row, shard, ..row }
            }).collect()).collect();
        let mut expected: Vec<_> = pieces.iter().flatten().filter(|row| {
            let secs = row.row.time_nanos / 1_000_000_000;
            row.row.fields[0].1.starts_with('x') && (from..from + len).contains(&secs)
        }).collect();
        expected.sort_by_key(|row| (row.row.time_nanos, row.seq, row.offset, row.shard));
        if reverse {
            expected.reverse();
        }
        let expected: Vec<_> = expected.into_iter().skip(offset as usize).take(line as usize)
            .map(|row| row.row.clone()).collect();

        let mut rules = rules();
        let text = TextRule::with_default_delimiters();
        rules.keys.insert("k".into(), KeyRule::new(KeyKind::Text(text)));
        let sources: Vec<_> =
            pieces.iter().map(|rows| SamplePiece::new(rows, block_rows, &[])).collect();
        let range = store::TimeRange {
            from_nanos: from * 1_000_000_000,
            to_nanos: (from + len) * 1_000_000_000,
        };
        let query = if any_field { "x" } else { "k:x" };
        let request = Request { offset, line, reverse, range, ..request(query) };
        let result = search_in(&sources, &rules, &request, &Limits::none())
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(result.rows, expected);
    }
}
