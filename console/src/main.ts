import { mount } from 'svelte';
import App from './App.svelte';
import { ConsoleApi } from './lib/api/client';
import { Language } from './lib/i18n/language.svelte';
import { Catalog } from './lib/state/catalog.svelte';
import { Preferences } from './lib/state/preferences.svelte';
import { Router } from './lib/state/router.svelte';
import './styles/base.css';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no element #app');

const api = new ConsoleApi((input, init) => fetch(input, init));
mount(App, {
  target,
  props: {
    app: {
      api,
      router: new Router(),
      language: new Language(localStorage, navigator.languages),
      preferences: new Preferences(localStorage, matchMedia('(prefers-color-scheme: dark)')),
      catalog: new Catalog(api),
    },
  },
});
