import type { ConsoleApi } from '../api/client';
import { asApiError, isAbort, type ApiError } from '../api/error';
import type { Bucket, LogsAnswer, LogsMeta, LogsRequest, Row } from '../api/types';
import { nextPage, PAGE_ROWS } from '../rows/page';
import { FieldTally } from '../rows/tally';
import { resolveRange, type Interval, type TimeRange } from '../time/range';

export interface SearchTarget {
  readonly project: string;
  readonly logstore: string;
  readonly query: string;
  readonly range: TimeRange;
}

/** `idle` before the first run, `ready` also while older rows or a refresh are under way. */
export type Phase = 'idle' | 'loading' | 'ready' | 'failed';

/** An incomplete answer is asked for again, as the SDKs do. */
const INCOMPLETE_RETRIES = 5;
const INCOMPLETE_PAUSE_MILLIS = 500;

type Pause = (millis: number) => Promise<void>;

/** One search: its rows, its histogram, its older pages and what arrived since. */
export class SearchSession {
  phase: Phase = $state('idle');
  error: ApiError | null = $state.raw(null);
  /** A refresh or an older page that failed; what is on the screen stays. */
  laterError: ApiError | null = $state.raw(null);
  rows: readonly Row[] = $state.raw([]);
  meta: LogsMeta | null = $state.raw(null);
  buckets: readonly Bucket[] = $state.raw([]);
  /** What the rows and the histogram cover. */
  interval: Interval | null = $state.raw(null);
  /** Rows read so far by the service, over all pages of this search. */
  scannedRows = $state(0);
  elapsedMillis = $state(0);
  /** Whether there are no older rows to load. */
  exhausted = $state(false);
  loadingMore = $state(false);
  /** Lines that arrived after the loaded ones and are not shown yet. */
  freshRows = $state(0);
  /** Changes with every replacement of the rows, not with older pages. */
  generation = $state(0);
  /** The query that the rows belong to. */
  shownQuery = $state('');
  tally: FieldTally = new FieldTally();
  /** Changes whenever the tally does. */
  tallyVersion = $state(0);

  #api: ConsoleApi;
  #pause: Pause;
  #target: SearchTarget | null = null;
  #running: AbortController | null = null;
  #paging: AbortController | null = null;

  constructor(api: ConsoleApi, pause: Pause = (millis) => new Promise((done) => setTimeout(done, millis))) {
    this.#api = api;
    this.#pause = pause;
  }

  /** Lines in the whole range by the histogram, or null while it is not known. */
  get total(): number | null {
    return this.buckets.length === 0 ? null : sum(this.buckets);
  }

  /** Runs a search from the start; `quiet` keeps the old rows on the screen until it answers. */
  async run(target: SearchTarget, loudness: 'loud' | 'quiet' = 'loud'): Promise<void> {
    this.#running?.abort();
    this.#paging?.abort();
    const call = new AbortController();
    this.#running = call;
    this.#target = target;
    const interval = resolveRange(target.range, this.#api.serverNow());
    if (loudness === 'loud') {
      this.phase = 'loading';
      this.error = null;
    }
    try {
      const [answer, buckets] = await Promise.all([
        this.#logs(target, { ...interval, offset: 0 }, call.signal),
        this.#api.histogram(target.project, target.logstore, { ...interval, query: target.query }, call.signal),
      ]);
      if (call.signal.aborted) return;
      this.#replace(target, interval, answer, buckets);
    } catch (error) {
      if (isAbort(error) || call.signal.aborted) return;
      if (loudness === 'quiet') this.laterError = asApiError(error);
      else this.#fail(target, asApiError(error));
    }
  }

  /** Loads the next older page; does nothing while one is under way or none is left. */
  async loadMore(): Promise<void> {
    const target = this.#target;
    const interval = this.interval;
    if (!target || !interval || this.phase !== 'ready' || this.loadingMore || this.exhausted) return;
    const call = new AbortController();
    this.#paging = call;
    this.loadingMore = true;
    try {
      const answer = await this.#logs(target, nextPage(interval, this.rows), call.signal);
      if (call.signal.aborted) return;
      this.rows = [...this.rows, ...answer.data];
      this.scannedRows += answer.meta.processedRows ?? 0;
      this.elapsedMillis = answer.meta.elapsedMillisecond ?? 0;
      this.exhausted = answer.data.length < PAGE_ROWS;
      this.laterError = null;
      this.#count(answer.data);
    } catch (error) {
      if (!isAbort(error) && !call.signal.aborted) this.laterError = asApiError(error);
    } finally {
      if (this.#paging === call) this.loadingMore = false;
    }
  }

  /**
   * The beat of the automatic refresh. What somebody is reading is not moved: then only the
   * number of new lines is found out.
   */
  async refresh(attention: 'reading' | 'at the top'): Promise<void> {
    const target = this.#target;
    if (!target || this.phase !== 'ready') return;
    if (attention === 'at the top') {
      await this.run(target, 'quiet');
      return;
    }
    const interval = this.interval;
    const known = this.total;
    const running = this.#running;
    if (!interval || known === null) return;
    try {
      const { to } = resolveRange(target.range, this.#api.serverNow());
      const buckets = await this.#api.histogram(
        target.project,
        target.logstore,
        { from: interval.from, to: Math.max(to, interval.to), query: target.query },
        running?.signal,
      );
      if (running === this.#running) {
        this.freshRows = Math.max(0, sum(buckets) - known);
        this.laterError = null;
      }
    } catch (error) {
      if (!isAbort(error) && running === this.#running) this.laterError = asApiError(error);
    }
  }

  /** Forgets everything and stops what is under way. */
  clear(): void {
    this.#running?.abort();
    this.#paging?.abort();
    this.#running = null;
    this.#target = null;
    this.phase = 'idle';
    this.error = null;
    this.#reset([]);
    this.buckets = [];
    this.interval = null;
    this.meta = null;
  }

  async #logs(
    target: SearchTarget,
    page: { from: number; to: number; offset: number },
    signal: AbortSignal,
  ): Promise<LogsAnswer> {
    const request: LogsRequest = { ...page, query: target.query, line: PAGE_ROWS, reverse: true };
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#api.logs(target.project, target.logstore, request, signal);
      if (answer.meta.progress !== 'Incomplete' || attempt >= INCOMPLETE_RETRIES) return answer;
      await this.#pause(INCOMPLETE_PAUSE_MILLIS);
      signal.throwIfAborted();
    }
  }

  #replace(target: SearchTarget, interval: Interval, answer: LogsAnswer, buckets: readonly Bucket[]): void {
    this.#reset(answer.data);
    this.meta = answer.meta;
    this.buckets = buckets;
    this.interval = interval;
    this.shownQuery = target.query;
    this.scannedRows = answer.meta.processedRows ?? 0;
    this.elapsedMillis = answer.meta.elapsedMillisecond ?? 0;
    // An SQL result is one page: the service takes no offset with SQL.
    this.exhausted = answer.meta.hasSQL === true || answer.data.length < PAGE_ROWS;
    this.phase = 'ready';
    this.error = null;
  }

  #fail(target: SearchTarget, error: ApiError): void {
    this.#reset([]);
    this.buckets = [];
    this.interval = null;
    this.meta = null;
    this.shownQuery = target.query;
    this.error = error;
    this.phase = 'failed';
  }

  #reset(rows: readonly Row[]): void {
    this.rows = rows;
    this.generation++;
    this.freshRows = 0;
    this.laterError = null;
    this.loadingMore = false;
    this.tally = new FieldTally();
    this.#count(rows);
  }

  #count(rows: readonly Row[]): void {
    this.tally.add(rows);
    this.tallyVersion++;
  }
}

function sum(buckets: readonly Bucket[]): number {
  return buckets.reduce((total, bucket) => total + bucket.count, 0);
}
