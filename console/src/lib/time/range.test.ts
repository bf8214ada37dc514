import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absoluteRange, durationText, parseDuration, resolveRange } from './range';

describe('a time range', () => {
  it('includes the running second when it is relative', () => {
    expect(resolveRange({ kind: 'relative', seconds: 60 }, 1000.7)).toEqual({ from: 941, to: 1001 });
  });

  it('stays where it is when it is absolute', () => {
    expect(resolveRange({ kind: 'absolute', from: 5, to: 9 }, 1000)).toEqual({ from: 5, to: 9 });
  });

  it('has its instants in order and is never empty', () => {
    expect(absoluteRange(9.2, 4.8)).toEqual({ kind: 'absolute', from: 4, to: 10 });
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (a, b) => {
        const range = absoluteRange(a, b);
        expect(range.kind === 'absolute' && range.from >= 0 && range.to > range.from).toBe(true);
      }),
    );
  });

  it('writes a duration in the largest whole unit', () => {
    expect([45, 90, 900, 5400, 86_400, 604_800].map(durationText)).toEqual(['45s', '90s', '15m', '90m', '24h', '7d']);
  });

  it('reads back every duration it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3650 * 86_400 }), (seconds) => {
        expect(parseDuration(durationText(seconds))).toBe(seconds);
      }),
    );
  });

  it.each(['', '0m', '-5m', '1.5h', '5', 'm', '5w', '999999999d'])('does not read %j', (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});
