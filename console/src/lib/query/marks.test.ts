import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Marks } from './marks';

function show(terms: Array<[string, string]>, field: string, text: string): string {
  const pieces = new Marks(terms.map(([key, term]) => ({ key, term }))).in(field, text);
  return pieces === null ? text : pieces.map((piece) => (piece.hit ? `[${piece.text}]` : piece.text)).join('');
}

describe('the words of the query', () => {
  it.each([
    [[['', 'error']], 'msg', 'Error: no errors, ERROR', '[Error]: no errors, [ERROR]'],
    [[['status', '50']], 'status', '50 500', '[50] 500'],
    [[['status', '200']], 'url', '/200', '/200'],
    [[['', 'conn*']], 'msg', 'connection refused', '[connection] refused'],
    [[['', 'v?']], 'msg', 'v1 v12', '[v1] v12'],
    [[['', '日志']], 'msg', '新日志条目', '新[日志]条目'],
    [[['', 'a.b']], 'msg', 'axb a.b', 'axb [a.b]'],
    [[['', 'a-b']], 'msg', 'a-b', '[a-b]'],
    [[['', 'a*b*c*d']], 'msg', 'abcd', 'abcd'],
    [[['', '*']], 'msg', 'anything', 'anything'],
    [[], 'msg', 'anything', 'anything'],
  ] as Array<[Array<[string, string]>, string, string, string]>)('%j in %s: %s', (terms, field, text, expected) => {
    expect(show(terms, field, text)).toBe(expected);
  });

  it('never change the text, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary-ascii', maxLength: 4 }), { maxLength: 4 }), fc.string({ unit: 'grapheme' }), (words, text) => {
        const pieces = new Marks(words.map((term) => ({ key: '', term }))).in('f', text);
        expect(pieces === null ? text : pieces.map((piece) => piece.text).join('')).toBe(text);
      }),
    );
  });
});
