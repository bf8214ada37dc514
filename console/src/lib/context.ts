import { getContext, setContext } from 'svelte';
import type { ConsoleApi } from './api/client';
import type { Language } from './i18n/language.svelte';
import type { Catalog } from './state/catalog.svelte';
import type { Preferences } from './state/preferences.svelte';
import type { Router } from './state/router.svelte';

/** What every part of the page may use; made once in `main.ts`, or by a test. */
export interface AppContext {
  readonly api: ConsoleApi;
  readonly router: Router;
  readonly language: Language;
  readonly preferences: Preferences;
  readonly catalog: Catalog;
}

const KEY = Symbol('app');

export function provideApp(context: AppContext): void {
  setContext(KEY, context);
}

export function useApp(): AppContext {
  return getContext<AppContext>(KEY);
}
