/** Which fields the loaded rows have, and their most frequent values. */

import type { Row } from '../api/types';

export interface FieldCount {
  readonly key: string;
  /** Rows that have the field. */
  readonly rows: number;
  /** Different values, at most the bound below. */
  readonly distinct: number;
  /** Whether there are more different values than were kept. */
  readonly more: boolean;
}

export interface ValueCount {
  readonly value: string;
  readonly rows: number;
}

/** A field of unique identifiers must not hold every one of them a second time. */
const MAX_VALUES = 5000;
const SKIPPED = new Set(['__time__', '__time_ns_part__']);

interface Entry {
  rows: number;
  readonly values: Map<string, number>;
  more: boolean;
}

export class FieldTally {
  #fields = new Map<string, Entry>();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  add(rows: readonly Row[]): void {
    for (const row of rows) {
      this.#rows++;
      for (const key in row) {
        const value = row[key];
        if (value === undefined || SKIPPED.has(key)) continue;
        let entry = this.#fields.get(key);
        if (!entry) this.#fields.set(key, (entry = { rows: 0, values: new Map(), more: false }));
        entry.rows++;
        const seen = entry.values.get(value);
        if (seen !== undefined || entry.values.size < MAX_VALUES) entry.values.set(value, (seen ?? 0) + 1);
        else entry.more = true;
      }
    }
  }

  /** Most frequent fields first, then by name. */
  fields(): FieldCount[] {
    return [...this.#fields]
      .map(([key, entry]) => ({ key, rows: entry.rows, distinct: entry.values.size, more: entry.more }))
      .sort((a, b) => b.rows - a.rows || (a.key < b.key ? -1 : 1));
  }

  /** Most frequent values first, then by value. */
  top(key: string, limit: number): ValueCount[] {
    const entry = this.#fields.get(key);
    if (!entry) return [];
    return [...entry.values]
      .map(([value, rows]) => ({ value, rows }))
      .sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1))
      .slice(0, limit);
  }
}
