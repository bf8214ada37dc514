import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromLocalInput, isoTime, shortTime, toLocalInput } from './format';

const INSTANT = fc.integer({ min: 0, max: 4_102_444_800 });

describe('an instant', () => {
  it('is written so that it can be read back exactly', () => {
    fc.assert(
      fc.property(INSTANT, (seconds) => {
        expect(Date.parse(isoTime(seconds)) / 1000).toBe(seconds);
      }),
    );
  });

  it('survives the input for a date, but for the hour that a clock change repeats', () => {
    fc.assert(
      fc.property(INSTANT, (seconds) => {
        expect(toLocalInput(fromLocalInput(toLocalInput(seconds)) ?? -1)).toBe(toLocalInput(seconds));
      }),
    );
  });

  it('shows nanoseconds where there are any', () => {
    expect(isoTime(1_700_000_000, 42)).toContain('.000000042');
  });

  it('is a dash when it is none', () => {
    expect(shortTime(Number.NaN)).toBe('—');
    expect(fromLocalInput('yesterday')).toBeNull();
  });
});
