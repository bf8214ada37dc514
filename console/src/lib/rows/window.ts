/**
 * Which rows of a long list are on the screen. Collapsed rows are all equally high, expanded
 * ones have measured heights of their own; they are few, so sums over them are cheap.
 */

export interface ListShape {
  readonly count: number;
  /** Height of a collapsed row in CSS pixels. */
  readonly rowPixels: number;
  /** Whole height of each expanded row, by index, ascending. */
  readonly expanded: ReadonlyArray<readonly [index: number, pixels: number]>;
}

export interface ListWindow {
  /** First and one past the last row to render. */
  readonly start: number;
  readonly end: number;
}

/** Distance of a row's upper edge from the top of the list. */
export function rowTop(shape: ListShape, index: number): number {
  let top = index * shape.rowPixels;
  for (const [at, pixels] of shape.expanded) {
    if (at >= index) break;
    top += pixels - shape.rowPixels;
  }
  return top;
}

export function listPixels(shape: ListShape): number {
  return rowTop(shape, shape.count);
}

/** The row at a distance from the top, clamped to the list. */
export function rowAt(shape: ListShape, pixels: number): number {
  if (shape.count === 0) return 0;
  let low = 0;
  let high = shape.count - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (rowTop(shape, middle) <= pixels) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The rows that a view of the given height shows, with some more on both sides. */
export function visibleRows(shape: ListShape, scrollTop: number, viewPixels: number, overscan: number): ListWindow {
  if (shape.count === 0) return { start: 0, end: 0 };
  const start = Math.max(0, rowAt(shape, scrollTop) - overscan);
  const end = Math.min(shape.count, rowAt(shape, scrollTop + viewPixels) + 1 + overscan);
  return { start, end };
}

/** Where to scroll so that a row is wholly in view; the same place when it already is. */
export function scrollToShow(shape: ListShape, index: number, scrollTop: number, viewPixels: number): number {
  const top = rowTop(shape, index);
  const bottom = rowTop(shape, index + 1);
  if (top < scrollTop) return top;
  if (bottom > scrollTop + viewPixels) return Math.min(top, bottom - viewPixels);
  return scrollTop;
}
