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

/** The offset of the first `|` outside double quotes, or -1: where search ends and SQL begins. */
export function pipeOffset(query: string): number {
  let quoted = false;
  for (let i = 0; i < query.length; i++) {
    const char = query[i];
    if (char === '\\' && quoted) i++;
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
    if (char === '"' || (char === '#' && text[at + 1] === '"')) {
      to = quotedEnd(text, at + (char === '#' ? 1 : 0), end, '"', true);
      kind = 'string';
    } else if ('()[]'.includes(char)) {
      kind = 'bracket';
    } else if (':<>='.includes(char)) {
      if ((char === '<' || char === '>') && text[to] === '=' && to < end) to++;
      kind = 'operator';
    } else {
      while (to < end && !/[\s"()[\]:<>=]/.test(text[to] ?? '')) to++;
      kind = wordKind(text.slice(at, to));
    }
    out.push({ kind, from: at, to });
    at = to;
  }
  return withFields(text, out);
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

function wordKind(word: string): TokenKind {
  if (SEARCH_KEYWORDS.has(word.toLowerCase())) return 'keyword';
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
    if (backslash && text[at] === '\\') at += 2;
    else if (text[at] === quote) return at + 1;
    else at++;
  }
  return end;
}
