import { describe, expect, it } from 'vitest';
import type { Bucket, Row } from '../api/types';
import { brushed, bucketAt } from './buckets';
import { rowLevel } from './level';
import { origin, rowParts, summary } from './parts';
import { FieldTally } from './tally';

const ROW: Row = {
  __time__: '1700000000',
  __source__: '10.0.0.1',
  __topic__: '',
  '__tag__:_pod_name_': 'nginx-1',
  time: '14/Nov/2023',
  method: 'GET',
  status: '502',
};

describe('a row', () => {
  it('is split into fields, tags and meta', () => {
    const parts = rowParts(ROW);
    expect(parts.fields.map(({ key }) => key)).toEqual(['time', 'method', 'status']);
    expect(parts.tags).toEqual([{ key: '__tag__:_pod_name_', name: '_pod_name_', value: 'nginx-1' }]);
    expect(parts.meta.map(({ key }) => key)).toEqual(['__time__', '__source__', '__topic__']);
  });

  it('names its pod, or else where it came from', () => {
    expect(origin(ROW)).toBe('nginx-1');
    expect(origin({ __source__: '10.0.0.1' })).toBe('10.0.0.1');
  });

  it('shows its text first and what repeats the time last', () => {
    expect(summary({ ...ROW, content: 'text' }).map(({ key }) => key)).toEqual(['content', 'method', 'status', 'time']);
  });

  it('is cut to what a line can show', () => {
    expect(summary({ a: 'x'.repeat(1000), b: 'y' }, 50)).toEqual([{ key: 'a', name: 'a', value: `${'x'.repeat(50)}…` }]);
  });

  it.each([
    [{ status: '502' }, 'error'],
    [{ status: '404' }, 'warning'],
    [{ status: '200' }, 'none'],
    [{ level: 'WARN', status: '500' }, 'warning'],
    [{ content: '2026/11/22 [error] 31#31: refused' }, 'error'],
    [{ content: 'INFO started' }, 'info'],
    [{ content: 'terrors of the deep' }, 'none'],
  ] as const)('is as serious as it says: %j', (row, level) => {
    expect(rowLevel(row)).toBe(level);
  });
});

describe('the tally of fields', () => {
  it('counts rows and values over several pages', () => {
    const tally = new FieldTally();
    tally.add([{ __time__: '1', a: 'x', b: '1' }, { a: 'y' }]);
    tally.add([{ a: 'x' }]);
    expect(tally.rows).toBe(3);
    expect(tally.fields()).toEqual([
      { key: 'a', rows: 3, distinct: 2, more: false },
      { key: 'b', rows: 1, distinct: 1, more: false },
    ]);
    expect(tally.top('a', 1)).toEqual([{ value: 'x', rows: 2 }]);
    expect(tally.top('nothing', 5)).toEqual([]);
  });

  it('does not keep every value of a field of identifiers', () => {
    const tally = new FieldTally();
    tally.add(Array.from({ length: 6000 }, (_, i) => ({ id: String(i) })));
    expect(tally.fields()[0]).toEqual({ key: 'id', rows: 6000, distinct: 5000, more: true });
  });
});

describe('a brush over the histogram', () => {
  const buckets: Bucket[] = [0, 10, 20].map((from) => ({ from, to: from + 10, count: from }));

  it('finds the bucket under the pointer', () => {
    expect(bucketAt(buckets, 19.9)?.from).toBe(10);
    expect(bucketAt(buckets, 30)).toBeNull();
  });

  it('takes whole buckets', () => {
    expect(brushed(buckets, 27, 4)).toEqual({ from: 0, to: 30 });
    expect(brushed(buckets, -50, 12)).toEqual({ from: 0, to: 20 });
  });

  it('looks closer inside of one bucket', () => {
    expect(brushed(buckets, 12.2, 14.1)).toEqual({ from: 12, to: 15 });
    expect(brushed(buckets, 12.2, 12.3)).toEqual({ from: 12, to: 13 });
  });

  it('is nothing outside of the histogram', () => {
    expect(brushed(buckets, 40, 50)).toBeNull();
    expect(brushed([], 0, 5)).toBeNull();
  });
});
