/** How the next page of older rows is asked for. */

import type { Row } from '../api/types';
import type { Interval } from '../time/range';
import { rowSeconds } from './parts';

/** GetLogs returns at most 100 rows. */
export const PAGE_ROWS = 100;

export interface PageRequest extends Interval {
  readonly offset: number;
}

/**
 * Continues below the oldest loaded second instead of counting rows from the newest: lines that
 * arrive meanwhile do not shift the pages, and a deep page costs no more than the first.
 * Needs rows sorted newest first, as the service returns them; where they are not, it counts.
 */
export function nextPage(range: Interval, rows: readonly Row[]): PageRequest {
  const last = rows.at(-1);
  if (last === undefined) return { ...range, offset: 0 };
  const oldest = rowSeconds(last);
  let offset = 0;
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i];
    if (row === undefined || rowSeconds(row) !== oldest) break;
    offset++;
  }
  const inside = oldest >= range.from && oldest < range.to;
  if (!inside || !isNewestFirst(rows)) return { ...range, offset: rows.length };
  return { from: range.from, to: oldest + 1, offset };
}

function isNewestFirst(rows: readonly Row[]): boolean {
  let previous = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const seconds = rowSeconds(row);
    if (seconds > previous) return false;
    previous = seconds;
  }
  return true;
}
