//! How many rows are selected in each part of a time range.

use store::TimeRange;

use crate::error::QueryError;
use crate::limits::Limits;
use crate::request::{Bucket, Histogram, Progress, Request};
use crate::search::{Plan, Scan, Source, times};

const NANOS: i64 = 1_000_000_000;

/// The most sub-intervals of a histogram, not counting a cut one at the beginning.
const MAX_BUCKETS: i64 = 60;

/// The lengths a sub-interval can have, in seconds, up to a day. All divide a day, so that their
/// edges fall on the same times every day.
const STEPS: [i64; 22] = [
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400,
    21_600, 28_800, 43_200, 86_400,
];

/// Counts the rows of `pieces` that `plan` selects.
pub(crate) fn count<S: Source>(
    pieces: &[S],
    plan: &Plan,
    request: &Request,
    limits: &Limits<'_>,
) -> Result<Histogram, QueryError> {
    let mut scan = Scan::new(plan, request, limits);
    let columns = scan.columns();
    let mut buckets = Buckets::over(request.range);
    for piece in pieces {
        let mut batches = match scan.stopped {
            false => Some(piece.read(columns.as_deref())),
            true => None,
        };
        let finished = loop {
            let Some(batches) = &mut batches else { break false };
            let Some(batch) = batches.next().transpose()? else { break true };
            if !scan.may_go_on() {
                break false;
            }
            let selected = scan.select(&batch, request.range)?;
            let times = times(&batch)?;
            selected.iter().for_each(|row| buckets.add(times[row]));
        };
        if !finished {
            buckets.leave_open(piece.min_time_nanos(), piece.max_time_nanos());
        }
    }
    let progress = match scan.stopped {
        true => Progress::Incomplete,
        false => Progress::Complete,
    };
    Ok(Histogram {
        count: buckets.buckets.iter().map(|bucket| bucket.count).sum(),
        buckets: buckets.buckets,
        progress,
        processed_rows: scan.rows,
        processed_bytes: scan.bytes,
    })
}

/// The seconds of a sub-interval for a range: the shortest of the [`STEPS`], or else of whole
/// days, that cuts it into at most [`MAX_BUCKETS`].
fn step_secs(range_secs: i64) -> i64 {
    let fits = |step: &i64| range_secs <= step.saturating_mul(MAX_BUCKETS);
    let day = STEPS[STEPS.len() - 1];
    STEPS.into_iter().find(fits).unwrap_or_else(|| {
        let days = (range_secs - 1) / day.saturating_mul(MAX_BUCKETS) + 1;
        days.saturating_mul(day)
    })
}

/// Sub-intervals of equal length with their edges at multiples of it, since 1970 in UTC; the
/// first and the last are cut off at the ends of the range. So a range that moves with the clock
/// keeps its edges.
#[derive(Debug)]
struct Buckets {
    step_secs: i64,
    /// The number of the first sub-interval, counted from 1970.
    first: i64,
    buckets: Vec<Bucket>,
}

impl Buckets {
    fn over(range: TimeRange) -> Self {
        let from = range.from_nanos.div_euclid(NANOS);
        let to = range.to_nanos.div_euclid(NANOS);
        // A range may end within a second; that second is shown whole.
        let to = to + i64::from(range.to_nanos.rem_euclid(NANOS) > 0);
        let step_secs = step_secs(to - from);
        let first = from.div_euclid(step_secs);
        let bucket = |number: i64| Bucket {
            from_secs: (number * step_secs).max(from),
            to_secs: ((number + 1) * step_secs).min(to),
            count: 0,
            progress: Progress::Complete,
        };
        let numbers = first..=(to - 1).div_euclid(step_secs);
        Self { step_secs, first, buckets: numbers.map(bucket).collect() }
    }

    /// The place of the sub-interval a time is in; one of the outer ones for times outside.
    fn index(&self, time_nanos: i64) -> usize {
        let number = time_nanos.div_euclid(NANOS).div_euclid(self.step_secs);
        let index = usize::try_from(number - self.first).unwrap_or(0);
        index.min(self.buckets.len() - 1)
    }

    fn add(&mut self, time_nanos: i64) {
        let index = self.index(time_nanos);
        self.buckets[index].count += 1;
    }

    /// Marks the counts that rows between the two times, both included, could still raise.
    fn leave_open(&mut self, min_nanos: i64, max_nanos: i64) {
        let open = self.index(min_nanos)..=self.index(max_nanos);
        for bucket in &mut self.buckets[open] {
            bucket.progress = Progress::Incomplete;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn over(from_secs: i64, to_secs: i64) -> Buckets {
        Buckets::over(TimeRange { from_nanos: from_secs * NANOS, to_nanos: to_secs * NANOS })
    }

    fn check(from_secs: i64, to_secs: i64, edges: &[i64]) {
        let buckets = over(from_secs, to_secs).buckets;
        let mut found: Vec<_> = buckets.iter().map(|bucket| bucket.from_secs).collect();
        found.extend(buckets.last().map(|bucket| bucket.to_secs));
        assert_eq!(found, edges);
    }

    #[test]
    fn inner_edges_are_multiples_of_a_round_length() {
        check(10, 13, &[10, 11, 12, 13]);
        check(1, 5, &[1, 2, 3, 4, 5]);
        let quarter_hour = over(1_700_000_007, 1_700_000_907);
        assert_eq!(quarter_hour.step_secs, 15);
        assert_eq!(quarter_hour.buckets.len(), 61);
        assert_eq!(quarter_hour.buckets[0].to_secs % 15, 0);
        assert_eq!(step_secs(3600), 60);
        assert_eq!(step_secs(86_400), 1800);
        assert_eq!(step_secs(7 * 86_400), 10_800);
        assert_eq!(step_secs(90 * 86_400), 2 * 86_400);
    }

    #[test]
    fn a_part_of_a_second_is_a_second() {
        let buckets = Buckets::over(TimeRange { from_nanos: 1, to_nanos: NANOS + 1 }).buckets;
        assert_eq!(buckets.len(), 2);
    }

    proptest! {
        #[test]
        fn buckets_cover_the_range_without_gaps(
            from in -2_000_000_000i64..4_000_000_000,
            len in 1i64..4_000_000_000,
            at in 0.0..1.0f64,
        ) {
            let buckets = over(from, from + len);
            prop_assert!(buckets.buckets.len() as i64 <= MAX_BUCKETS + 1);
            prop_assert_eq!(buckets.buckets[0].from_secs, from);
            prop_assert_eq!(buckets.buckets[buckets.buckets.len() - 1].to_secs, from + len);
            for pair in buckets.buckets.windows(2) {
                prop_assert_eq!(pair[0].to_secs, pair[1].from_secs);
            }
            let time_secs = from + (len as f64 * at) as i64;
            let bucket = buckets.buckets[buckets.index(time_secs * NANOS)];
            prop_assert!(bucket.from_secs <= time_secs && time_secs < bucket.to_secs);
        }
    }
}
