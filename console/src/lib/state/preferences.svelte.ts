/** What belongs to the person at this browser and not to the address. */

export type Theme = 'auto' | 'light' | 'dark';

const THEME_KEY = 'sidetail.theme';
const FIELDS_KEY = 'sidetail.fields';
const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

export class Preferences {
  theme: Theme = $state('auto');
  /** Whether the list of fields is open. */
  fieldsOpen = $state(true);
  /** Whether the dark colours are in effect, by choice or by the system. */
  dark = $state(false);

  #storage: Pick<Storage, 'getItem' | 'setItem'>;
  #systemDark: MediaQueryList;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'>, systemDark: MediaQueryList) {
    this.#storage = storage;
    this.#systemDark = systemDark;
    this.theme = THEMES.find((known) => known === storage.getItem(THEME_KEY)) ?? 'auto';
    this.fieldsOpen = storage.getItem(FIELDS_KEY) !== 'closed';
    systemDark.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.#remember(THEME_KEY, theme);
    this.#apply();
  }

  /** Goes round: system, light, dark. */
  nextTheme(): void {
    this.setTheme(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? 'auto');
  }

  setFieldsOpen(open: boolean): void {
    this.fieldsOpen = open;
    this.#remember(FIELDS_KEY, open ? 'open' : 'closed');
  }

  #apply(): void {
    this.dark = this.theme === 'dark' || (this.theme === 'auto' && this.#systemDark.matches);
    document.documentElement.dataset['theme'] = this.dark ? 'dark' : 'light';
  }

  #remember(key: string, value: string): void {
    try {
      this.#storage.setItem(key, value);
    } catch {
      // Storage is full or forbidden: the choice lasts until the page is closed.
    }
  }
}
