import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pipeOffset, tokens } from './lexer';

const kinds = (query: string): string[] =>
  tokens(query).map((token) => `${token.kind} ${query.slice(token.from, token.to)}`);

describe('colouring a query', () => {
  it('knows the parts of a search', () => {
    expect(kinds('status >= 500 and not __tag__:__path__:"/var/log" or ab*')).toEqual([
      'field status', 'operator >=', 'number 500', 'keyword and', 'keyword not', 'field __tag__', 'operator :',
      'field __path__', 'operator :', 'string "/var/log"', 'keyword or', 'wildcard ab*',
    ]);
    expect(kinds('latency in (1 10] #"a b"')).toEqual([
      'field latency', 'keyword in', 'bracket (', 'number 1', 'number 10', 'bracket ]', 'string #"a b"',
    ]);
  });

  it('takes everything behind a colon for the value, up to white space', () => {
    expect(kinds('uri:/a?b=c:[1] x=5 __tag__:pod:and')).toEqual([
      'field uri', 'operator :', 'wildcard /a?b=c:[1]', 'field x', 'operator =', 'number 5',
      'field __tag__', 'operator :', 'field pod', 'operator :', 'word and',
    ]);
  });

  it('knows the parts of SQL', () => {
    expect(kinds(`* | select count(*) as "my pv", 'x''y' -- end`)).toEqual([
      'wildcard *', 'pipe |', 'keyword select', 'function count', 'bracket (', 'operator *', 'bracket )',
      'keyword as', 'identifier "my pv"', 'bracket ,', "string 'x'", "string 'y'", 'comment -- end',
    ]);
  });

  it('cuts at the first pipe outside quotes', () => {
    expect(pipeOffset('a:"x|y" | select 1')).toBe(8);
    expect(pipeOffset('"a\\"|b"')).toBe(-1);
    expect(pipeOffset('a\\"|b')).toBe(3);
    expect(pipeOffset('a\\|b')).toBe(2);
  });

  it('covers every character that is not white space, in order, without overlap', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', ' | '), fc.string(), (a, pipe, b) => {
        const query = a + pipe + b;
        let at = 0;
        for (const { from, to } of tokens(query)) {
          expect(query.slice(at, from).trim()).toBe('');
          expect(to).toBeGreaterThan(from);
          at = to;
        }
        expect(query.slice(at).trim()).toBe('');
      }),
    );
  });
});
