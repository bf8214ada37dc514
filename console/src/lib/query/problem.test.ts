import { describe, expect, it } from 'vitest';
import { queryProblem, withoutField } from './problem';

describe('the place of an error', () => {
  it('is read from the form of the service', () => {
    const message = 'ErrorType:OLSQueryParseError.ErrorPosition,line:1,column:3.ErrorMessage:unexpected )';
    expect(queryProblem('a )', message)).toEqual({ message: 'unexpected )', offset: 2 });
  });

  it('is found in the line it names', () => {
    expect(queryProblem('* |\nselct 1', 'line 2, column 1: no such word').offset).toBe(4);
  });

  it('counts characters as people do', () => {
    expect(queryProblem('"🚚" )', 'line 1, column 5: unexpected )').offset).toBe(5);
  });

  it('never lies outside of the query', () => {
    expect(queryProblem('ab', 'ErrorPosition,line:1,column:99.ErrorMessage:end of query').offset).toBe(2);
    expect(queryProblem('ab', 'line 7, column 1').offset).toBeNull();
  });

  it('is unknown when the message names none', () => {
    expect(queryProblem('ab', 'field x has no index')).toEqual({ message: 'field x has no index', offset: null });
  });
});

describe('a field without an index', () => {
  const error = (column: number): string => `ErrorType:ColumnNotExists.ErrorPosition,line:1,column:${column}.ErrorMessage:key (k)`;

  it.each([
    ['k:"a b"', 1, '"a b"'],
    ['a and k : v or b', 7, 'a and v or b'],
    ['not "odd key":x | select 1', 5, 'not x | select 1'],
    ['__tag__:k:"v"', 1, '"v"'],
    ['k:5', 1, '5'],
  ])('is left out: %s', (query, column, expected) => {
    expect(withoutField(query, error(column))).toBe(expected);
  });

  it.each([
    ['k > 5', error(1)],
    ['k:', error(1)],
    ['word', error(1)],
    ['k:v', 'ErrorType:OLSQueryParseError.ErrorPosition,line:1,column:1.ErrorMessage:no'],
  ])('is nothing that can be left out: %s', (query, message) => {
    expect(withoutField(query, message)).toBeNull();
  });
});
