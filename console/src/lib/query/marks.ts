/** Where the words of the query stand in what was found. */

export interface Piece {
  readonly text: string;
  readonly hit: boolean;
}

/** What the service looked for: a token, and the field it was asked in, or none for any field. */
export interface QueryTerm {
  readonly key: string;
  readonly term: string;
}

const MAX_TERMS = 30;
/** Backtracking over more of them takes time that nobody waits for. */
const MAX_STARS = 2;
const WORD = '[\\p{L}\\p{N}_]';

/**
 * Finds tokens as the service does, nearly: without regard to case, and whole. Fields have
 * delimiters of their own, which are not known here, so that a mark may be missing, never a row.
 */
export class Marks {
  #byField = new Map<string, string[]>();
  #patterns = new Map<string, RegExp | null>();

  constructor(terms: readonly QueryTerm[]) {
    for (const { key, term } of terms.slice(0, MAX_TERMS)) {
      if (/^[*?]*$/.test(term) || term.split('*').length - 1 > MAX_STARS) continue;
      this.#byField.set(key, [...(this.#byField.get(key) ?? []), pattern(term)]);
    }
  }

  /** The text of a field in pieces, or null when nothing in it is to be marked. */
  in(field: string, text: string): Piece[] | null {
    const expression = this.#expression(field);
    if (expression === null) return null;
    const pieces: Piece[] = [];
    let at = 0;
    for (const match of text.matchAll(expression)) {
      if (match[0] === '') continue;
      if (match.index > at) pieces.push({ text: text.slice(at, match.index), hit: false });
      pieces.push({ text: match[0], hit: true });
      at = match.index + match[0].length;
    }
    if (pieces.length === 0) return null;
    if (at < text.length) pieces.push({ text: text.slice(at), hit: false });
    return pieces;
  }

  #expression(field: string): RegExp | null {
    let known = this.#patterns.get(field);
    if (known === undefined) {
      const list = [...(this.#byField.get(field) ?? []), ...(this.#byField.get('') ?? [])];
      known = list.length === 0 ? null : new RegExp(list.join('|'), 'giu');
      this.#patterns.set(field, known);
    }
    return known;
  }
}

/** No marks at all. */
export const NO_MARKS = new Marks([]);

function pattern(term: string): string {
  const body = term
    .replace(/[\\^$.|+()[\]{}/]/g, '\\$&')
    .replaceAll('*', '[\\p{L}\\p{N}_.-]*')
    .replaceAll('?', '[\\p{L}\\p{N}_.-]');
  // Chinese has no spaces: any part of a run counts as a token.
  const before = /^[\p{L}\p{N}_]/u.test(term) && !/^\p{Script=Han}/u.test(term) ? `(?<!${WORD})` : '';
  const after = /[\p{L}\p{N}_?]$/u.test(term) && !/\p{Script=Han}$/u.test(term) ? `(?!${WORD})` : '';
  return `${before}${body}${after}`;
}
