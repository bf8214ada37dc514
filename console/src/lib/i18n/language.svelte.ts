import { en, type Key, type Message } from './en';
import { zh } from './zh';

export type LanguageCode = 'en' | 'zh';
export type Values = Readonly<Record<string, string | number>>;

const STORAGE_KEY = 'sidetail.language';
const TABLES: Readonly<Record<LanguageCode, Readonly<Record<Key, Message>>>> = { en, zh };
/** What `<html lang>` says, which also chooses the glyphs of Han characters. */
const HTML_LANG: Readonly<Record<LanguageCode, string>> = { en: 'en', zh: 'zh-CN' };

type Unit = 'd' | 'h' | 'm' | 's';
const UNITS: ReadonlyArray<readonly [Unit, number]> = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
];

/** The stored choice, else the first language of the browser that we speak, else English. */
export function chooseLanguage(stored: string | null, preferred: readonly string[]): LanguageCode {
  if (stored === 'en' || stored === 'zh') return stored;
  for (const tag of preferred) {
    const base = tag.toLowerCase().split('-')[0];
    if (base === 'en' || base === 'zh') return base;
  }
  return 'en';
}

/** A text with its values put in; numbers are grouped, and choose the form of the text. */
export function formatMessage(code: LanguageCode, key: Key, values: Values = {}): string {
  const message: Message = TABLES[code][key];
  const text = typeof message === 'string' ? message : values['n'] === 1 ? message.one : message.other;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString(HTML_LANG[code]) : value;
  });
}

/** The language in use, the same for the whole page. */
export class Language {
  code: LanguageCode = $state('en');
  #storage: Pick<Storage, 'getItem' | 'setItem'>;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'>, preferred: readonly string[]) {
    this.#storage = storage;
    this.code = chooseLanguage(storage.getItem(STORAGE_KEY), preferred);
    document.documentElement.lang = HTML_LANG[this.code];
  }

  set(code: LanguageCode): void {
    this.code = code;
    document.documentElement.lang = HTML_LANG[code];
    try {
      this.#storage.setItem(STORAGE_KEY, code);
    } catch {
      // Storage is full or forbidden: the choice lasts until the page is closed.
    }
  }

  /** The text of a key in the current language. */
  t = (key: Key, values?: Values): string => formatMessage(this.code, key, values);

  /** A length of time in the largest unit that gives a whole number: `90 minutes`, `7 days`. */
  duration = (seconds: number): string => {
    const whole = Math.max(0, Math.round(seconds));
    const unit = whole === 86_400 ? 'h' : (UNITS.find(([, size]) => whole >= size && whole % size === 0)?.[0] ?? 's');
    return this.#units(unit, whole);
  };

  /** How long something is past, roughly: the largest unit that fits. */
  ago = (seconds: number): string => {
    const whole = Math.floor(seconds);
    if (whole < 2) return this.t('ago.now');
    const unit = UNITS.find(([, size]) => whole >= size)?.[0] ?? 's';
    return this.t('ago', { duration: this.#units(unit, whole) });
  };

  #units(unit: Unit, seconds: number): string {
    const size = UNITS.find(([name]) => name === unit)?.[1] ?? 1;
    return this.t(`unit.${unit}`, { n: Math.floor(seconds / size) });
  }
}
