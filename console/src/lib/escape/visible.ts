/**
 * Log text is data from strangers. It reaches the page only as text nodes, and every character
 * that would act instead of being read (control characters, terminal escapes, text direction
 * overrides, invisible characters) becomes a visible mark.
 */

export type SegmentKind = 'plain' | 'break' | 'ansi' | 'control' | 'invisible';

export interface Segment {
  readonly kind: SegmentKind;
  /** What to show. */
  readonly text: string;
  /** The characters it stands for; joined over all segments they are the input. */
  readonly source: string;
}

/**
 * Everything that is not simply read: controls (Cc), format characters such as bidi overrides,
 * zero-width marks and language tags (Cf), line and paragraph separators, lone surrogates,
 * the fillers that are letters by class but have no shape, and the code points that no character
 * has yet but that are set aside to be invisible.
 */
const ACTIVE =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u115f\u1160\u3164\uffa0\u2800\u2065\ufff0-\ufff8\u{e0000}-\u{e0fff}]/u;

/** A terminal control sequence (CSI), a string sequence (OSC and kin), or a two-character escape. */
const ANSI = /(?:\u001b\[|\u009b)[0-?]{0,64}[ -/]{0,8}[@-~]|\u001b[\]PX^_][^\u0007\u001b\u009c]{0,256}(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]{0,4}[0-~]/y;

/** Whether text can be shown as it is. */
export function isPlain(text: string): boolean {
  return !ACTIVE.test(text);
}

/** Splits text into what can be shown as it is and what has to be shown as a mark. */
export function visible(text: string): Segment[] {
  if (!ACTIVE.test(text)) return text === '' ? [] : [{ kind: 'plain', text, source: text }];
  const segments: Segment[] = [];
  let plainFrom = 0;
  let at = 0;
  const flush = (to: number): void => {
    if (to > plainFrom) {
      const plain = text.slice(plainFrom, to);
      segments.push({ kind: 'plain', text: plain, source: plain });
    }
  };
  while (at < text.length) {
    const code = text.codePointAt(at) ?? 0;
    const char = String.fromCodePoint(code);
    if (!isActive(code, char)) {
      at += char.length;
      continue;
    }
    flush(at);
    const segment = ansiAt(text, at) ?? mark(code, char);
    segments.push(segment);
    at += segment.source.length;
    plainFrom = at;
  }
  flush(text.length);
  return segments;
}

/** The same as one string, for titles, labels and the collapsed line of a row. */
export function visibleText(text: string): string {
  if (!ACTIVE.test(text)) return text;
  return visible(text)
    .map((segment) => segment.text)
    .join('');
}

/**
 * JSON in which no character acts: what `JSON.stringify` leaves as it is (bidi overrides and
 * other invisible characters) is written as `\u` escapes, which any JSON reader undoes.
 */
export function safeJson(value: unknown, indent = 2): string {
  const json = JSON.stringify(value, null, indent) ?? 'null';
  return json.replace(new RegExp(ACTIVE.source, 'gu'), (char) =>
    char === '\n' ? char : Array.from({ length: char.length }, (_, i) => `\\u${hex(char.charCodeAt(i))}`).join(''),
  );
}

function isActive(code: number, char: string): boolean {
  // Printable ASCII, the common case, without a regular expression.
  if (code >= 0x20 && code < 0x7f) return false;
  return ACTIVE.test(char);
}

function ansiAt(text: string, at: number): Segment | null {
  const first = text.charCodeAt(at);
  if (first !== 0x1b && first !== 0x9b) return null;
  ANSI.lastIndex = at;
  const source = ANSI.exec(text)?.[0];
  if (source === undefined) return null;
  const shown = Array.from(source, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return isActive(code, char) ? mark(code, char).text : char;
  }).join('');
  return { kind: 'ansi', text: shown, source };
}

/** Marks are plain ASCII where they can be: the pictures of controls are in few fonts. */
function mark(code: number, char: string): Segment {
  if (code === 0x0a) return { kind: 'break', text: '↵', source: char };
  if (code === 0x0d) return { kind: 'break', text: '\\r', source: char };
  if (code === 0x09) return { kind: 'break', text: '→', source: char };
  if (code < 0xa0) return { kind: 'control', text: `\\x${hex(code, 2)}`, source: char };
  return { kind: 'invisible', text: code > 0xffff ? `\\u{${hex(code)}}` : `\\u${hex(code)}`, source: char };
}

function hex(code: number, width = 4): string {
  return code.toString(16).padStart(width, '0');
}
