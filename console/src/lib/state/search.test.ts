import { describe, expect, it, vi } from 'vitest';
import { ConsoleApi } from '../api/client';
import { ApiError } from '../api/error';
import type { Bucket, LogsAnswer, LogsRequest, Row } from '../api/types';
import { SearchSession, type SearchTarget } from './search.svelte';

const TARGET: SearchTarget = { project: 'p', logstore: 'l', query: '', range: { kind: 'relative', seconds: 1000 } };
const NOW = 10_000;

/** A logstore with one row in each second before now. */
class FakeApi extends ConsoleApi {
  rows: number[] = [];
  requests: LogsRequest[] = [];
  progress = ['Complete'];
  failure: ApiError | null = null;
  now = NOW;

  constructor(rows: number) {
    super(() => Promise.reject(new Error('no network')));
    this.rows = Array.from({ length: rows }, (_, i) => NOW - i);
  }

  override serverNow(): number {
    return this.now;
  }

  override async logs(_p: string, _l: string, request: LogsRequest): Promise<LogsAnswer> {
    if (this.failure) throw this.failure;
    this.requests.push(request);
    const found = this.rows.filter((time) => time >= request.from && time < request.to);
    const data = found.slice(request.offset, request.offset + request.line).map((time): Row => ({ __time__: String(time) }));
    const progress = this.progress.length > 1 ? this.progress.shift() : this.progress[0];
    return { meta: { progress: progress ?? '', count: data.length, processedRows: found.length, elapsedMillisecond: 3 }, data };
  }

  override async histogram(_p: string, _l: string, request: { from: number; to: number }): Promise<readonly Bucket[]> {
    if (this.failure) throw this.failure;
    const count = this.rows.filter((time) => time >= request.from && time < request.to).length;
    return [{ from: request.from, to: request.to, count }];
  }
}

describe('a search', () => {
  it('shows the newest rows, the total and what it cost', async () => {
    const session = new SearchSession(new FakeApi(250));
    await session.run(TARGET);
    expect(session.phase).toBe('ready');
    expect(session.rows).toHaveLength(100);
    expect(session.rows[0]).toEqual({ __time__: String(NOW) });
    expect([session.total, session.scannedRows, session.elapsedMillis, session.exhausted]).toEqual([250, 250, 3, false]);
  });

  it('loads older pages until there are none', async () => {
    const session = new SearchSession(new FakeApi(250));
    await session.run(TARGET);
    await session.loadMore();
    await session.loadMore();
    await session.loadMore();
    expect(session.rows.map((row) => Number(row['__time__']))).toEqual(Array.from({ length: 250 }, (_, i) => NOW - i));
    expect(session.exhausted).toBe(true);
    expect(session.tally.rows).toBe(250);
  });

  it('asks again for an incomplete answer', async () => {
    const api = new FakeApi(5);
    api.progress = ['Incomplete', 'Incomplete', 'Complete'];
    const pause = vi.fn(async () => {});
    const session = new SearchSession(api, pause);
    await session.run(TARGET);
    expect(pause).toHaveBeenCalledTimes(2);
    expect(session.meta?.progress).toBe('Complete');
  });

  it('says in the end that an answer stayed incomplete', async () => {
    const api = new FakeApi(5);
    api.progress = ['Incomplete'];
    const session = new SearchSession(api, async () => {});
    await session.run(TARGET);
    expect(api.requests).toHaveLength(6);
    expect(session.meta?.progress).toBe('Incomplete');
  });

  it('shows the answer of the last run only', async () => {
    const api = new FakeApi(3);
    const session = new SearchSession(api);
    const first = session.run({ ...TARGET, query: 'first' });
    const second = session.run({ ...TARGET, query: 'second' });
    await Promise.all([first, second]);
    expect(session.shownQuery).toBe('second');
  });

  it('keeps the error of a failed run', async () => {
    const api = new FakeApi(3);
    api.failure = new ApiError(400, 'InvalidQueryString', 'column 2');
    const session = new SearchSession(api);
    await session.run({ ...TARGET, query: '((' });
    expect([session.phase, session.error?.code, session.shownQuery]).toEqual(['failed', 'InvalidQueryString', '((']);
  });
});

describe('the automatic refresh', () => {
  it('replaces the rows when nobody reads', async () => {
    const api = new FakeApi(3);
    const session = new SearchSession(api);
    await session.run(TARGET);
    api.now = NOW + 5;
    api.rows = [NOW + 5, ...api.rows];
    await session.refresh('at the top');
    expect(session.rows).toHaveLength(4);
    expect(session.freshRows).toBe(0);
  });

  it('moves nothing while somebody reads, and counts what is new', async () => {
    const api = new FakeApi(3);
    const session = new SearchSession(api);
    await session.run(TARGET);
    const { rows, generation } = session;
    api.now = NOW + 5;
    api.rows = [NOW + 5, NOW + 4, ...api.rows];
    await session.refresh('reading');
    expect(session.rows).toBe(rows);
    expect(session.generation).toBe(generation);
    expect(session.freshRows).toBe(2);
  });

  it('leaves the rows on the screen when it fails', async () => {
    const api = new FakeApi(3);
    const session = new SearchSession(api);
    await session.run(TARGET);
    api.failure = new ApiError(503, 'ServerBusy', 'busy');
    await session.refresh('at the top');
    await session.refresh('reading');
    expect([session.phase, session.rows.length, session.laterError?.code]).toEqual(['ready', 3, 'ServerBusy']);
  });
});
