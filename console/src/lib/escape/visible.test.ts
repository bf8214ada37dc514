import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeJson, visible, visibleText } from './visible';

/** Any text, with the characters that act far more frequent than by chance. */
const NASTY = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        '\u001b[31m', '\u001b]0;t\u0007', '\u009b2J', '\u001b', '\u202e', '\u2066', '\u200f', '\u061c', '\u200b', '\ufeff', '\0',
        '\r\n', '\t', '\u2028', '\ud800', '\u{e0041}', '\u3164', '<script>', '日志', 'مرحبا', '\u00ad', '\u0085',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** Independent of the implementation: the code points that must never reach the page as they are. */
function acts(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return (
    code < 0x20 ||
    (code >= 0x7f && code < 0xa0) ||
    code === 0xad ||
    code === 0x61c ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0xfeff ||
    code === 0x3164 ||
    (code >= 0xd800 && code <= 0xdfff) ||
    (code >= 0xe0000 && code <= 0xe007f)
  );
}

describe('log text', () => {
  it('never shows a character that acts', () => {
    fc.assert(
      fc.property(NASTY, (text) => {
        for (const segment of visible(text)) expect([...segment.text].filter(acts)).toEqual([]);
        expect([...visibleText(text)].filter(acts)).toEqual([]);
      }),
    );
  });

  it('marks code points that are set aside to be invisible', () => {
    for (const [text, shown] of [['\u{e0000}', '\\u{e0000}'], ['a\u2065b', 'a\\u2065b'], ['\u{e01ef}', '\\u{e01ef}']]) {
      expect(visibleText(text as string)).toBe(shown);
      expect(JSON.parse(safeJson({ text }))).toEqual({ text });
      expect([...safeJson(text)].filter(acts)).toEqual([]);
    }
  });

  it('loses nothing', () => {
    fc.assert(
      fc.property(NASTY, (text) => {
        expect(visible(text).map((segment) => segment.source).join('')).toBe(text);
      }),
    );
  });

  it('is left alone where it is simply read', () => {
    for (const text of ['', 'GET /index.html 200', '日志 条目', 'naïve — «x»', '👍🏽', 'مرحبا']) {
      expect(visibleText(text)).toBe(text);
      expect(visible(text).every((segment) => segment.kind === 'plain')).toBe(true);
    }
  });

  it('shows a terminal escape as one mark', () => {
    expect(visible('a\u001b[1;31mred\u001b[0m')).toEqual([
      { kind: 'plain', text: 'a', source: 'a' },
      { kind: 'ansi', text: '\\x1b[1;31m', source: '\u001b[1;31m' },
      { kind: 'plain', text: 'red', source: 'red' },
      { kind: 'ansi', text: '\\x1b[0m', source: '\u001b[0m' },
    ]);
    expect(visible('\u001b]8;;http://x\u0007y').map(({ kind }) => kind)).toEqual(['ansi', 'plain']);
  });

  it('shows overrides of the text direction', () => {
    expect(visibleText('user \u202egnp.exe')).toBe('user \\u202egnp.exe');
    expect(visibleText('\u{e0041}')).toBe('\\u{e0041}');
  });

  it('keeps breaks apart from other controls', () => {
    expect(visible('a\n\tb\0').map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'plain a', 'break ↵', 'break →', 'plain b', 'control \\x00',
    ]);
  });
});

describe('copied JSON', () => {
  it('reads back as what it was, and nothing in it acts', () => {
    fc.assert(
      fc.property(fc.dictionary(NASTY, NASTY), (row) => {
        const json = safeJson(row);
        expect(JSON.parse(json)).toEqual(row);
        expect([...json].filter((char) => acts(char) && char !== '\n')).toEqual([]);
      }),
    );
  });
});
