/** Instants as people read them, in the time zone of the browser. */

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** `11-22 17:02:03`, the short form of a row. */
export function shortTime(seconds: number): string {
  const d = new Date(seconds * 1000);
  if (Number.isNaN(d.getTime())) return '—';
  return `${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(d)}`;
}

/** `2026-11-22 17:02:03`. */
export function longTime(seconds: number): string {
  const d = new Date(seconds * 1000);
  if (Number.isNaN(d.getTime())) return '—';
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(d)}`;
}

/** `2026-11-22T17:02:03.000000042+08:00`: everything that is known about the instant. */
export function isoTime(seconds: number, nanos = 0): string {
  const d = new Date(seconds * 1000);
  if (Number.isNaN(d.getTime())) return '—';
  const fraction = nanos > 0 ? `.${pad(nanos, 9)}` : '';
  return `${longTime(seconds).replace(' ', 'T')}${fraction}${offsetText(d)}`;
}

/** `UTC+08:00`, shown beside times so that nobody has to guess. */
export function zoneText(at: Date): string {
  return `UTC${offsetText(at)}`;
}

/** The value of an `<input type="datetime-local" step="1">`. */
export function toLocalInput(seconds: number): string {
  return longTime(seconds).replace(' ', 'T');
}

/** Reads such a value back to seconds, or null when it is empty or no date. */
export function fromLocalInput(text: string): number | null {
  if (!/^\d{4,6}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text)) return null;
  const millis = new Date(text).getTime();
  return Number.isNaN(millis) ? null : Math.floor(millis / 1000);
}

function clock(d: Date): string {
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

function offsetText(d: Date): string {
  const minutes = -d.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}
