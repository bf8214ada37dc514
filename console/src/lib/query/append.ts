/** What a click on a value does to the query: one more condition, and never a broken query. */

import { pipeOffset, searchTokens } from './lexer';

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
  const [wanted, opposite] = sense === 'only' ? [positive, negative] : [negative, positive];
  if (search === '' || search === '*') return wanted;
  const parts = conjuncts(search);
  if (parts === null) return `(${search}) and ${wanted}`;
  const texts = parts.map((part) => part.text);
  if (texts.includes(wanted)) return search;
  const at = texts.indexOf(opposite);
  const found = parts[at];
  if (found) return `${search.slice(0, found.from)}${wanted}${search.slice(found.to)}`;
  return `${search} and ${wanted}`;
}

interface Conjunct {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** The conditions joined by `and` at the top level, or null when an `or` stands there. */
function conjuncts(search: string): Conjunct[] | null {
  const parts: Conjunct[] = [];
  let depth = 0;
  let from = -1;
  let to = -1;
  const close = (): void => {
    if (from >= 0) parts.push({ text: search.slice(from, to), from, to });
    from = -1;
  };
  for (const token of searchTokens(search, 0, search.length)) {
    const text = search.slice(token.from, token.to);
    if (token.kind === 'bracket') depth = Math.max(0, depth + (text === '(' ? 1 : text === ')' ? -1 : 0));
    const word = token.kind === 'keyword' && depth === 0 ? text.toLowerCase() : '';
    if (word === 'or') return null;
    if (word === 'and') {
      close();
      continue;
    }
    if (from < 0) from = token.from;
    to = token.to;
  }
  close();
  return parts;
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
