import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendTerm, term } from './append';
import { pipeOffset, searchTokens } from './lexer';

describe('a condition', () => {
  it.each([
    ['status', '200', 'status:"200"'],
    ['__tag__:_pod_name_', 'nginx-1', '__tag__:_pod_name_:"nginx-1"'],
    ['file info', 'x', '"file info":"x"'],
    ['limit', '1', '"limit":"1"'],
    ['__tag__:a b', 'x', '"__tag__:a b":"x"'],
    ['msg', 'say "hi" \\ bye', 'msg:"say \\"hi\\" \\\\ bye"'],
    ['msg', '', 'msg:""'],
  ])('quotes what has to be quoted: %s', (key, value, expected) => {
    expect(term(key, value)).toBe(expected);
  });

  it('is one field, one operator and one string whatever the value holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (value) => {
        const text = term('msg', value);
        expect(searchTokens(text, 0, text.length).map(({ kind }) => kind)).toEqual(['field', 'operator', 'string']);
        expect(pipeOffset(text)).toBe(-1);
      }),
    );
  });
});

describe('appending a condition', () => {
  it.each([
    ['', 'only', 'status:"200"'],
    ['  ', 'without', 'not status:"200"'],
    ['*', 'only', 'status:"200"'],
    ['error', 'only', 'error and status:"200"'],
    ['error', 'without', 'error and not status:"200"'],
    ['a or b', 'only', '(a or b) and status:"200"'],
    ['(a or b)', 'only', '(a or b) and status:"200"'],
    ['"a or b"', 'only', '"a or b" and status:"200"'],
    ['a OR b', 'without', '(a OR b) and not status:"200"'],
  ] as const)('to %j, %s', (query, sense, expected) => {
    expect(appendTerm(query, 'status', '200', sense)).toBe(expected);
  });

  it('leaves the part behind the pipe alone', () => {
    expect(appendTerm('* | select count(*)', 'status', '200', 'only')).toBe('status:"200" | select count(*)');
    expect(appendTerm('"a|b" | select 1', 'k', 'v', 'without')).toBe('"a|b" and not k:"v" | select 1');
  });

  it('does not repeat a condition that is there', () => {
    const query = 'error and status:"200" and method:"GET"';
    expect(appendTerm(query, 'status', '200', 'only')).toBe(query);
    expect(appendTerm('not status:"200"', 'status', '200', 'without')).toBe('not status:"200"');
  });

  it('replaces its opposite', () => {
    expect(appendTerm('error and status:"200" and a', 'status', '200', 'without')).toBe(
      'error and a and not status:"200"',
    );
    expect(appendTerm('a and not status:"200" and not b', 'status', '200', 'only')).toBe(
      'a and status:"200" and not b',
    );
    expect(appendTerm('not status:"200"', 'status', '200', 'only')).toBe('status:"200"');
  });

  it.each([
    ['not a', 'k:"v" and not a'],
    ['a not b', 'a and k:"v" and not b'],
    ['a and not b and c', 'a and k:"v" and not b and c'],
    ['not a and k:"v"', 'k:"v" and not a and k:"v"'],
    ['not not a', 'k:"v" and not not a'],
    ['a b and not (c or d)', 'a b and k:"v" and not (c or d)'],
    ['n in (1 10] and not x', 'n in (1 10] and k:"v" and not x'],
    ['uri:not and not x', 'uri:not and k:"v" and not x'],
  ])('puts a condition in front of what a `not` covers: %s', (query, expected) => {
    expect(appendTerm(query, 'k', 'v', 'only')).toBe(expected);
  });

  it('does not take a condition inside brackets for one at the top', () => {
    expect(appendTerm('(x or status:"200") and y', 'status', '200', 'without')).toBe(
      '(x or status:"200") and y and not status:"200"',
    );
  });

  it('is the same when done twice, in any query whose brackets match', () => {
    const words = fc.constantFrom('a', 'and', 'or', 'not', '(a or b)', '(a and not b)', 'k:"v"', 'x:1', '"q r"', '| select 1');
    fc.assert(
      fc.property(fc.array(words, { maxLength: 8 }), fc.string(), fc.constantFrom('only', 'without'), (list, value, sense) => {
        const once = appendTerm(list.join(' '), 'key', value, sense as 'only' | 'without');
        expect(appendTerm(once, 'key', value, sense as 'only' | 'without')).toBe(once);
      }),
    );
  });
});
