/**
 * The time range of a search: relative to now, or two fixed instants.
 * All instants are whole seconds since the epoch, intervals are [from, to).
 */

export type TimeRange =
  | { readonly kind: 'relative'; readonly seconds: number }
  | { readonly kind: 'absolute'; readonly from: number; readonly to: number };

export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** The relative ranges offered as buttons: 5 m, 15 m, 1 h, 4 h, 24 h, 7 d. */
export const PRESET_SECONDS = [300, 900, 3600, 14_400, 86_400, 604_800] as const;

export const DEFAULT_RANGE: TimeRange = { kind: 'relative', seconds: 900 };

/** Ten years: longer than any retention, short enough to stay exact in every calculation. */
const MAX_RELATIVE_SECONDS = 3650 * 86_400;
/** SLS times are unsigned 32-bit seconds. */
const MAX_INSTANT_SECONDS = 0xffff_ffff;

const UNITS: ReadonlyArray<readonly [string, number]> = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
];

/**
 * The interval to ask for. The second that is running belongs to a relative range, so that a
 * line written just now is found.
 */
export function resolveRange(range: TimeRange, nowSeconds: number): Interval {
  if (range.kind === 'absolute') return { from: range.from, to: range.to };
  const to = Math.floor(nowSeconds) + 1;
  return { from: Math.max(0, to - range.seconds), to };
}

/** A duration in its largest whole unit: 900 is `15m`, 90 is `90s`, 86400 is `24h`. */
export function durationText(seconds: number): string {
  if (seconds === 86_400) return '24h';
  for (const [unit, size] of UNITS) {
    if (seconds >= size && seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** Reads `90s`, `15m`, `4h`, `7d`; null for anything else, zero, or more than ten years. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})([smhd])$/.exec(text.trim());
  if (!match) return null;
  const size = UNITS.find(([unit]) => unit === match[2])?.[1] ?? 0;
  const seconds = Number(match[1]) * size;
  return seconds > 0 && seconds <= MAX_RELATIVE_SECONDS ? seconds : null;
}

/** An absolute range from two instants in either order, at least one second long. */
export function absoluteRange(a: number, b: number): TimeRange {
  const from = clampInstant(Math.floor(Math.min(a, b)));
  const to = clampInstant(Math.ceil(Math.max(a, b)));
  return to > from
    ? { kind: 'absolute', from, to }
    : { kind: 'absolute', from: Math.min(from, MAX_INSTANT_SECONDS - 1), to: Math.min(from, MAX_INSTANT_SECONDS - 1) + 1 };
}

export function isInstant(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_INSTANT_SECONDS;
}

export function sameRange(a: TimeRange, b: TimeRange): boolean {
  if (a.kind === 'relative') return b.kind === 'relative' && a.seconds === b.seconds;
  return b.kind === 'absolute' && a.from === b.from && a.to === b.to;
}

function clampInstant(value: number): number {
  return Math.min(Math.max(value, 0), MAX_INSTANT_SECONDS);
}
