/** What a click on a value does to the query: one more condition, and never a broken query. */

import { pipeOffset, searchTokens, type Token } from './lexer';

export type Sense = 'only' | 'without';

/** Words that mean something else when they stand bare (SLS search syntax, reserved words). */
const RESERVED = new Set([
  'and', 'or', 'not', 'in', 'sort', 'asc', 'desc', 'group', 'by', 'avg', 'sum', 'min', 'max', 'limit',
]);
const BARE = /^[\p{L}_][\p{L}\p{N}_.-]*$/u;
const TAG = '__tag__:';

/** `key:"value"`, with the field name quoted where it has to be. */
export function term(key: string, value: string): string {
  return `${fieldName(key)}:${quoted(value)}`;
}

/**
 * Adds a condition to the search part and leaves the SQL part alone. A condition that is there
 * already is not repeated; its opposite is replaced.
 */
export function appendTerm(query: string, key: string, value: string, sense: Sense): string {
  const pipe = pipeOffset(query);
  const search = (pipe < 0 ? query : query.slice(0, pipe)).trim();
  const rest = pipe < 0 ? '' : ` ${query.slice(pipe)}`;
  return `${appendToSearch(search, term(key, value), sense)}${rest}`;
}

function appendToSearch(search: string, positive: string, sense: Sense): string {
  const negative = `not ${positive}`;
  if (search === '' || search === '*') return sense === 'only' ? positive : negative;
  const parts = conjuncts(search);
  if (parts === null) return `(${search}) and ${sense === 'only' ? positive : negative}`;
  const wanted = sense === 'only' ? parts.only : parts.without;
  if (wanted.includes(sense === 'only' ? positive : negative)) return search;
  const only = parts.only.filter((part) => part !== positive && part !== '*');
  const without = parts.without.filter((part) => part !== negative);
  if (sense === 'only') only.push(positive);
  else without.push(negative);
  return [...only, ...without].join(' and ');
}

interface Conjuncts {
  readonly only: readonly string[];
  /** Each with its `not`. */
  readonly without: readonly string[];
}

/**
 * The conditions of the top level, or null when an `or` stands there. `and` binds more tightly
 * than `not` in SLS: `not a and b` leaves out the rows that have both. So what a `not` covers
 * reaches to the next `not`, and a new condition goes in front of the first one.
 */
function conjuncts(search: string): Conjuncts | null {
  const only: string[] = [];
  const without: string[] = [];
  let depth = 0;
  let from = -1;
  let to = -1;
  let negated = false;
  const close = (): void => {
    if (from >= 0) (negated ? without : only).push(search.slice(from, to));
    from = -1;
  };
  const list = searchTokens(search, 0, search.length);
  for (const [i, token] of list.entries()) {
    const text = search.slice(token.from, token.to);
    if (token.kind === 'bracket') depth = Math.max(0, depth + ('(['.includes(text) ? 1 : -1));
    const word = depth === 0 ? keyword(search, token) : '';
    if (word === 'or') return null;
    const follows = keyword(search, list[i + 1]);
    if (word === 'and' && (!negated || follows === 'not' || i === list.length - 1)) {
      close();
      continue;
    }
    if (word === 'not' && keyword(search, list[i - 1]) !== 'not') {
      close();
      negated = true;
    }
    if (from < 0) from = token.from;
    to = token.to;
  }
  close();
  return { only, without };
}

function keyword(search: string, token: Token | undefined): string {
  return token?.kind === 'keyword' ? search.slice(token.from, token.to).toLowerCase() : '';
}

function fieldName(key: string): string {
  if (isBare(key)) return key;
  if (key.startsWith(TAG) && isBare(key.slice(TAG.length))) return key;
  return quoted(key);
}

function isBare(name: string): boolean {
  return BARE.test(name) && !RESERVED.has(name.toLowerCase());
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
