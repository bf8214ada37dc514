/** The queries run on a logstore, newest first, kept in this browser. */

const MAX_QUERIES = 50;

export class QueryHistory {
  #storage: Pick<Storage, 'getItem' | 'setItem'>;
  #key: string;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'>, project: string, logstore: string) {
    this.#storage = storage;
    this.#key = `sidetail.history.${project}/${logstore}`;
  }

  list(): string[] {
    try {
      const stored: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? '[]');
      return Array.isArray(stored) ? stored.filter((item) => typeof item === 'string') : [];
    } catch {
      return [];
    }
  }

  /** Remembers a query; one that is there already moves to the front. */
  add(query: string): void {
    const text = query.trim();
    if (text === '' || text === '*') return;
    const list = [text, ...this.list().filter((known) => known !== text)].slice(0, MAX_QUERIES);
    try {
      this.#storage.setItem(this.#key, JSON.stringify(list));
    } catch {
      // Storage is full or forbidden: searching works without a history.
    }
  }
}
