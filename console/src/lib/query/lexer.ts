/**
 * Cuts a query (`search | SQL`) into coloured pieces. It only serves the query box: the server
 * decides what is valid. Every character belongs to exactly one token or to white space between
 * tokens, whatever the input.
 */

export type TokenKind =
  | 'keyword'
  | 'field'
  | 'operator'
  | 'string'
  | 'number'
  | 'wildcard'
  | 'bracket'
  | 'word'
  | 'pipe'
  | 'function'
  | 'identifier'
  | 'comment';

export interface Token {
  readonly kind: TokenKind;
  readonly from: number;
  readonly to: number;
}

const SEARCH_KEYWORDS = new Set(['and', 'or', 'not', 'in']);

/** Words the SQL half colours and offers. */
export const SQL_KEYWORDS = [
  'select', 'from', 'where', 'group', 'by', 'having', 'order', 'asc', 'desc', 'limit', 'distinct',
  'as', 'and', 'or', 'not', 'in', 'like', 'between', 'is', 'null', 'true', 'false', 'case', 'when',
  'then', 'else', 'end', 'join', 'left', 'right', 'inner', 'outer', 'cross', 'on', 'union', 'all',
  'with', 'over', 'partition', 'unnest', 'log',
] as const;

const SQL_WORDS = new Set<string>(SQL_KEYWORDS);

/** How many characters a backslash stands with: two in front of a quote or another backslash. */
function escapeLength(text: string, at: number): 1 | 2 {
  const next = text[at + 1];
  return next === '"' || next === '\\' ? 2 : 1;
}

/** The offset of the first `|` outside double quotes, or -1: where search ends and SQL begins. */
export function pipeOffset(query: string): number {
  let quoted = false;
  for (let i = 0; i < query.length; i++) {
    const char = query[i];
    if (char === '\\') i += escapeLength(query, i) - 1;
    else if (char === '"') quoted = !quoted;
    else if (char === '|' && !quoted) return i;
  }
  return -1;
}

export function tokens(query: string): Token[] {
  const pipe = pipeOffset(query);
  if (pipe < 0) return searchTokens(query, 0, query.length);
  return [
    ...searchTokens(query, 0, pipe),
    { kind: 'pipe', from: pipe, to: pipe + 1 },
    ...sqlTokens(query, pipe + 1, query.length),
  ];
}

export function searchTokens(text: string, from: number, end: number): Token[] {
  const out: Token[] = [];
  let at = from;
  while (at < end) {
    const char = text[at] ?? '';
    if (/\s/.test(char)) {
      at++;
      continue;
    }
    let to = at + 1;
    let kind: TokenKind;
    const value = standsForValue(text, out);
    if (char === '"' || (char === '#' && text[at + 1] === '"' && at + 1 < end)) {
      to = quotedEnd(text, at + (char === '#' ? 1 : 0), end, '"', true);
      kind = 'string';
    } else if ('()'.includes(char) || (!value && '[]'.includes(char))) {
      kind = 'bracket';
    } else if (!value && ':<>='.includes(char)) {
      if ((char === '<' || char === '>') && text[to] === '=' && to < end) to++;
      kind = 'operator';
    } else {
      to = wordEnd(text, at, end, value ? /[\s"()]/ : /[\s"()[\]:<>=]/);
      kind = wordKind(text.slice(at, to), value);
    }
    out.push({ kind, from: at, to });
    at = to;
  }
  return withFields(text, out);
}

/**
 * Behind a colon or a comparison everything up to white space is the value: `uri:/a?b=c`. But
 * behind `__tag__:` stands the name of the tag.
 */
function standsForValue(text: string, before: readonly Token[]): boolean {
  const operator = before.at(-1);
  if (operator?.kind !== 'operator') return false;
  const name = before.at(-2);
  const afterTag = name?.kind === 'word' && text.slice(name.from, name.to) === '__tag__';
  return !(afterTag && text[operator.from] === ':');
}

function wordEnd(text: string, from: number, end: number, ends: RegExp): number {
  let at = from;
  while (at < end) {
    const char = text[at] ?? '';
    if (char === '\\') at += escapeLength(text, at);
    else if (at > from && ends.test(char)) break;
    else at++;
  }
  return Math.min(at, end);
}

/** A word or string in front of an operator names a field. */
function withFields(text: string, list: Token[]): Token[] {
  return list.map((token, i) => {
    const next = list[i + 1];
    const named = token.kind === 'word' || token.kind === 'string' || token.kind === 'number';
    const isRange = next?.kind === 'keyword' && text.slice(next.from, next.to) === 'in';
    if (named && next && (next.kind === 'operator' || isRange)) return { ...token, kind: 'field' };
    return token;
  });
}

function wordKind(word: string, isValue: boolean): TokenKind {
  if (!isValue && SEARCH_KEYWORDS.has(word.toLowerCase())) return 'keyword';
  if (/^-?\d+(\.\d+)?$/.test(word)) return 'number';
  return /[*?]/.test(word) ? 'wildcard' : 'word';
}

function sqlTokens(text: string, from: number, end: number): Token[] {
  const out: Token[] = [];
  let at = from;
  while (at < end) {
    const char = text[at] ?? '';
    if (/\s/.test(char)) {
      at++;
      continue;
    }
    let to = at + 1;
    let kind: TokenKind;
    if (char === "'") {
      to = quotedEnd(text, at, end, "'", false);
      kind = 'string';
    } else if (char === '"') {
      to = quotedEnd(text, at, end, '"', false);
      kind = 'identifier';
    } else if (char === '-' && text[at + 1] === '-') {
      while (to < end && text[to] !== '\n') to++;
      kind = 'comment';
    } else if (/[0-9]/.test(char)) {
      while (to < end && /[0-9.eE]/.test(text[to] ?? '')) to++;
      kind = 'number';
    } else if (/[\p{L}_]/u.test(char)) {
      while (to < end && /[\p{L}\p{N}_]/u.test(text[to] ?? '')) to++;
      const word = text.slice(at, to).toLowerCase();
      kind = SQL_WORDS.has(word) ? 'keyword' : /^\s*\(/.test(text.slice(to, end)) ? 'function' : 'identifier';
    } else {
      kind = '()[],'.includes(char) ? 'bracket' : 'operator';
    }
    out.push({ kind, from: at, to });
    at = to;
  }
  return out;
}

function quotedEnd(text: string, open: number, end: number, quote: string, backslash: boolean): number {
  let at = open + 1;
  while (at < end) {
    if (backslash && text[at] === '\\') at += escapeLength(text, at);
    else if (text[at] === quote) return at + 1;
    else at++;
  }
  return end;
}
