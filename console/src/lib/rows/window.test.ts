import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listPixels, rowAt, rowTop, scrollToShow, visibleRows, type ListShape } from './window';

const SHAPE: fc.Arbitrary<ListShape> = fc
  .tuple(fc.integer({ min: 1, max: 3000 }), fc.dictionary(fc.nat(2999).map(String), fc.integer({ min: 24, max: 900 }), { maxKeys: 6 }))
  .map(([count, expanded]) => ({
    count,
    rowPixels: 24,
    expanded: Object.entries(expanded)
      .map(([index, pixels]) => [Number(index), pixels] as const)
      .filter(([index]) => index < count)
      .sort(([a], [b]) => a - b),
  }));

describe('a long list', () => {
  it('has its rows one below the other', () => {
    const shape: ListShape = { count: 4, rowPixels: 24, expanded: [[1, 100]] };
    expect([0, 1, 2, 3].map((index) => rowTop(shape, index))).toEqual([0, 24, 124, 148]);
    expect(listPixels(shape)).toBe(172);
  });

  it('finds the row at every height', () => {
    fc.assert(
      fc.property(SHAPE, fc.nat(100_000), (shape, pixels) => {
        const index = rowAt(shape, pixels);
        expect(rowTop(shape, index)).toBeLessThanOrEqual(pixels);
        if (index < shape.count - 1) expect(rowTop(shape, index + 1)).toBeGreaterThan(pixels);
      }),
    );
  });

  it('renders every row that is in view, and not many more', () => {
    fc.assert(
      fc.property(SHAPE, fc.nat(80_000), fc.integer({ min: 1, max: 1200 }), (shape, scrollTop, view) => {
        const { start, end } = visibleRows(shape, scrollTop, view, 5);
        for (let i = 0; i < shape.count; i += 1) {
          const inView = rowTop(shape, i + 1) > scrollTop && rowTop(shape, i) < scrollTop + view;
          if (inView) expect(i >= start && i < end).toBe(true);
        }
        expect(end - start).toBeLessThanOrEqual(Math.ceil(view / 24) + 12);
      }),
      { numRuns: 50 },
    );
  });

  it('scrolls only when a row is not in view', () => {
    const shape: ListShape = { count: 100, rowPixels: 24, expanded: [] };
    expect(scrollToShow(shape, 5, 0, 240)).toBe(0);
    expect(scrollToShow(shape, 20, 0, 240)).toBe(21 * 24 - 240);
    expect(scrollToShow(shape, 2, 480, 240)).toBe(48);
  });

  it('may be empty', () => {
    const shape: ListShape = { count: 0, rowPixels: 24, expanded: [] };
    expect(visibleRows(shape, 100, 500, 5)).toEqual({ start: 0, end: 0 });
    expect(listPixels(shape)).toBe(0);
  });
});
