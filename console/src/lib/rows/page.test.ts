import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../api/types';
import { nextPage } from './page';

interface Numbered {
  readonly time: number;
  readonly id: number;
}
const row = ({ time, id }: Numbered): Row => ({ __time__: String(time), id: String(id) });

/** The service: rows of [from, to), newest first, from an offset. */
function answer(all: readonly Numbered[], request: { from: number; to: number; offset: number }, line: number): Row[] {
  return all
    .filter(({ time }) => time >= request.from && time < request.to)
    .sort((a, b) => b.time - a.time)
    .slice(request.offset, request.offset + line)
    .map(row);
}

describe('older pages', () => {
  it('continue below the oldest second, behind its loaded rows', () => {
    const rows = [9, 8, 8, 7, 7].map((time, id) => row({ time, id }));
    expect(nextPage({ from: 0, to: 10 }, rows)).toEqual({ from: 0, to: 8, offset: 2 });
    expect(nextPage({ from: 0, to: 10 }, [])).toEqual({ from: 0, to: 10, offset: 0 });
  });

  it('are counted when the rows are not sorted', () => {
    const rows = [5, 9, 3].map((time, id) => row({ time, id }));
    expect(nextPage({ from: 0, to: 10 }, rows)).toEqual({ from: 0, to: 10, offset: 3 });
  });

  it('give every row once, also while newer lines arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (times, line) => {
        const range = { from: 0, to: 30 };
        const all = times.map((time, id) => ({ time, id }));
        const loaded: Row[] = [];
        for (let page = 0; page < 200; page++) {
          const more = answer(all, nextPage(range, loaded), line);
          if (more.length === 0) break;
          loaded.push(...more);
          all.push({ time: 25, id: 1000 + page });
        }
        const old = loaded.map((r) => Number(r['id'])).filter((id) => id < 1000);
        expect(old.sort((a, b) => a - b)).toEqual(times.map((_, id) => id));
      }),
    );
  });
});
