/** Finds in an error of the service where in the query it points, and repairs what can be. */

import { pipeOffset, searchTokens } from './lexer';

export interface QueryProblem {
  /** What went wrong, without the position. */
  readonly message: string;
  /** Offset into the query text, when the error names a place. */
  readonly offset: number | null;
}

const SLS_POSITION = /ErrorPosition,line:(\d+),column:(\d+)/i;
const SLS_MESSAGE = /ErrorMessage:\s*([\s\S]+)$/i;
const LINE_COLUMN = /\bline[ :]+(\d+)[, ]+column[ :]+(\d+)/i;
const CHARACTER = /\b(?:at )?(?:position|offset|column|character)[ :]+(\d+)/i;

/**
 * Reads `ErrorType:…ErrorPosition,line:1,column:9.ErrorMessage:…`, `line 1, column 9` and
 * `position 9`. Lines and columns count from 1, columns in characters and not in UTF-16 units.
 */
export function queryProblem(query: string, message: string): QueryProblem {
  const place = SLS_POSITION.exec(message) ?? LINE_COLUMN.exec(message);
  const text = SLS_MESSAGE.exec(message)?.[1]?.trim() || message;
  if (place) return { message: text, offset: offsetOf(query, Number(place[1]), Number(place[2])) };
  const single = CHARACTER.exec(message);
  if (single) return { message: text, offset: offsetOf(query, 1, Number(single[1])) };
  return { message: text, offset: null };
}

const NOT_INDEXED = /ErrorType:ColumnNotExists\b/;

/**
 * The query without the name of a field that has no index, so that its value is looked for in
 * the whole line; null when the error is another one, or the condition is not `field:value`.
 */
export function withoutField(query: string, message: string): string | null {
  const { offset } = queryProblem(query, message);
  if (offset === null || !NOT_INDEXED.test(message)) return null;
  const pipe = pipeOffset(query);
  const tokens = searchTokens(query, 0, pipe < 0 ? query.length : pipe);
  const first = tokens.findIndex((token) => token.from <= offset && offset < token.to);
  if (tokens[first]?.kind !== 'field') return null;
  // A tag has two names: `__tag__:k:v`.
  let at = first;
  while (tokens[at]?.kind === 'field' && isColon(query, tokens[at + 1])) at += 2;
  const value = tokens[at];
  if (at === first || !value || !['word', 'string', 'number', 'wildcard'].includes(value.kind)) return null;
  return query.slice(0, tokens[first].from) + query.slice(value.from);
}

function isColon(query: string, token: { from: number; to: number } | undefined): boolean {
  return token !== undefined && query.slice(token.from, token.to) === ':';
}

function offsetOf(query: string, line: number, column: number): number | null {
  if (line < 1) return null;
  let start = 0;
  for (let n = 1; n < line; n++) {
    const next = query.indexOf('\n', start);
    if (next < 0) return null;
    start = next + 1;
  }
  let at = start;
  for (let n = 1; n < column && at < query.length; n++) at += (query.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}
