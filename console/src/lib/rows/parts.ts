/** What a row is made of: the fields of the log, the tags of its group, and what SLS adds. */

import type { Row } from '../api/types';

export interface Part {
  /** The name to search by, as on the wire. */
  readonly key: string;
  /** The name to show: tags without their prefix. */
  readonly name: string;
  readonly value: string;
}

export interface RowParts {
  readonly fields: readonly Part[];
  readonly tags: readonly Part[];
  readonly meta: readonly Part[];
}

const TAG = '__tag__:';
const META = new Set(['__time__', '__time_ns_part__', '__source__', '__topic__']);
/** Meta fields that a query can name: time is chosen by the range. */
const SEARCHABLE_META = new Set(['__source__', '__topic__']);

export function rowParts(row: Row): RowParts {
  const fields: Part[] = [];
  const tags: Part[] = [];
  const meta: Part[] = [];
  for (const [key, value] of Object.entries(row)) {
    if (META.has(key)) meta.push({ key, name: key, value });
    else if (key.startsWith(TAG)) tags.push({ key, name: key.slice(TAG.length), value });
    else fields.push({ key, name: key, value });
  }
  return { fields, tags, meta };
}

export function isSearchable(key: string): boolean {
  return !META.has(key) || SEARCHABLE_META.has(key);
}

export function isMeta(key: string): boolean {
  return META.has(key);
}

export function isTag(key: string): boolean {
  return key.startsWith(TAG);
}

/** Seconds since the epoch; 0 when the row has no readable time. */
export function rowSeconds(row: Row): number {
  const seconds = Number(row['__time__']);
  return Number.isFinite(seconds) ? seconds : 0;
}

/** Nanoseconds within the second, 0 when unknown. */
export function rowNanos(row: Row): number {
  const nanos = Number(row['__time_ns_part__'] ?? 0);
  return Number.isInteger(nanos) && nanos > 0 && nanos < 1e9 ? nanos : 0;
}

/** Who wrote it, for the narrow column: the pod where it is known, else the source address. */
export function origin(row: Row): string {
  return row[`${TAG}_pod_name_`] ?? row[`${TAG}__hostname__`] ?? row['__source__'] ?? '';
}

/** Fields that repeat the time, which a line shows already. */
const TIME_FIELDS = new Set(['time', 'timestamp', '@timestamp', 'ts', 'time_local', 'datetime']);

/**
 * The fields of the collapsed line: the text of a log that is one text first, what repeats the
 * time last. Longer values are cut, because a line is as wide as the screen and no wider.
 */
export function summary(row: Row, maxChars = 320): Part[] {
  const { fields } = rowParts(row);
  const shown = [...fields].sort((a, b) => rank(a) - rank(b));
  const out: Part[] = [];
  let left = maxChars;
  for (const part of shown) {
    if (left <= 0) break;
    const value = part.value.length > left ? `${part.value.slice(0, left)}…` : part.value;
    out.push({ ...part, value });
    left -= part.name.length + value.length;
  }
  return out;
}

function rank({ key }: Part): number {
  if (key === 'content') return 0;
  return TIME_FIELDS.has(key) ? 2 : 1;
}
