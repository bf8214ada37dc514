/** Counts over time, as the histogram draws and reads them. */

import type { Bucket } from '../api/types';
import type { Interval } from '../time/range';

/** The bucket that holds an instant, or null outside of all. */
export function bucketAt(buckets: readonly Bucket[], seconds: number): Bucket | null {
  let low = 0;
  let high = buckets.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const bucket = buckets[middle];
    if (!bucket) return null;
    if (seconds < bucket.from) high = middle - 1;
    else if (seconds >= bucket.to) low = middle + 1;
    else return bucket;
  }
  return null;
}

/**
 * What a brushed stretch means: whole buckets, so that the count shown is the count found. Inside
 * a single bucket the stretch itself, because otherwise one could never look closer.
 */
export function brushed(buckets: readonly Bucket[], a: number, b: number): Interval | null {
  const start = Math.min(a, b);
  const end = Math.max(a, b);
  const first = buckets[0];
  const last = buckets.at(-1);
  if (!first || !last || end <= first.from || start >= last.to) return null;
  const startBucket = bucketAt(buckets, Math.max(start, first.from));
  const endBucket = bucketAt(buckets, Math.min(end, last.to - 1));
  if (!startBucket || !endBucket) return { from: Math.floor(start), to: Math.ceil(end) };
  if (startBucket === endBucket) {
    const from = Math.max(Math.floor(start), startBucket.from);
    return { from, to: Math.max(Math.min(Math.ceil(end), startBucket.to), from + 1) };
  }
  return { from: startBucket.from, to: endBucket.to };
}
