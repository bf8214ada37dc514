// @vitest-environment happy-dom
import { flushSync, mount, unmount, type Component } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConsoleApi } from '../lib/api/client';
import { ApiError } from '../lib/api/error';
import type { AppContext } from '../lib/context';
import { Language } from '../lib/i18n/language.svelte';
import { Catalog } from '../lib/state/catalog.svelte';
import { Preferences } from '../lib/state/preferences.svelte';
import { Router } from '../lib/state/router.svelte';
import ErrorNotice from './ErrorNotice.svelte';
import MachineGroupCard from './MachineGroupCard.svelte';
import RowDetail from './RowDetail.svelte';
import RowLine from './RowLine.svelte';
import TestApp from './TestApp.svelte';

function context(): AppContext {
  const api = new ConsoleApi(() => Promise.reject(new Error('no network')));
  const storage = { getItem: () => null, setItem: () => {} };
  return {
    api,
    router: new Router(),
    language: new Language(storage, ['en']),
    preferences: new Preferences(storage, window.matchMedia('(prefers-color-scheme: dark)')),
    catalog: new Catalog(api),
  };
}

let mounted: Record<string, unknown> | null = null;

function show<Props extends Record<string, unknown>>(component: Component<Props>, props: Props, app = context()): HTMLElement {
  mounted = mount(TestApp, { target: document.body, props: { app, component: component as unknown as Component, props } });
  flushSync();
  return document.body;
}

afterEach(async () => {
  if (mounted) await unmount(mounted);
  mounted = null;
});

const NASTY = '<img src=x onerror=alert(1)> \u001b[31m\u202e';

describe('a row', () => {
  it('shows markup, escapes and overrides as text', () => {
    const page = show(RowLine, {
      row: { __time__: '1700000000', content: NASTY },
      number: 1,
      open: false,
      selected: false,
      withMillis: false,
      ontoggle: () => {},
    });
    expect(page.querySelector('img')).toBeNull();
    expect(page.textContent).toContain('<img src=x onerror=alert(1)> \\x1b[31m\\u202e');
    expect(page.textContent).not.toContain('\u202e');
  });

  it('opens and closes by its button', () => {
    const ontoggle = vi.fn();
    const page = show(RowLine, { row: { a: '1' }, number: 7, open: true, selected: false, withMillis: false, ontoggle });
    const button = page.querySelector<HTMLButtonElement>('button[aria-expanded="true"]');
    expect(button?.getAttribute('aria-label')).toBe('Open line 7');
    button?.click();
    expect(ontoggle).toHaveBeenCalledOnce();
  });

  it('keeps fields, tags and meta apart', () => {
    const row = { __time__: '1700000000', __source__: 's', '__tag__:pod': 'p', status: '200' };
    const page = show(RowDetail, { row, onterm: () => {} });
    const names = (part: string): string[] =>
      [...page.querySelectorAll(`[data-parts="${part}"] th`)].map((cell) => cell.textContent ?? '');
    expect([names('fields'), names('tags'), names('meta')]).toEqual([['status'], ['pod'], ['__time__', '__source__']]);
  });

  it('turns a click on a value into a condition, and alt into its opposite', () => {
    const onterm = vi.fn();
    const page = show(RowDetail, { row: { '__tag__:pod': 'p' }, onterm });
    const value = page.querySelector<HTMLButtonElement>('button.value');
    value?.click();
    value?.dispatchEvent(new MouseEvent('click', { altKey: true, bubbles: true }));
    expect(onterm.mock.calls).toEqual([
      ['__tag__:pod', 'p', 'only'],
      ['__tag__:pod', 'p', 'without'],
    ]);
  });

  it('does not offer the time as a condition', () => {
    const page = show(RowDetail, { row: { __time__: '1700000000' }, onterm: () => {} });
    expect(page.querySelector('button.value')).toBeNull();
  });

  it('unfolds a long value only when asked', () => {
    const page = show(RowDetail, { row: { a: 'x'.repeat(5000) }, onterm: () => {} });
    expect(page.querySelector('.value')?.textContent).toHaveLength(4000);
    page.querySelector<HTMLButtonElement>('button.all')?.click();
    flushSync();
    expect(page.querySelector('.value')?.textContent).toHaveLength(5000);
  });
});

describe('an error', () => {
  it.each([
    [new ApiError(400, 'InvalidQueryString', 'line 1, column 3: unexpected )'), 'This query does not work', 'at character 3'],
    [new ApiError(404, 'LogStoreNotExist', 'no such logstore'), 'It does not exist', 'Choose another'],
    [new ApiError(400, 'IndexConfigNotExist', 'no index'), 'has no index', 'Create an index'],
    [new ApiError(503, 'ServerBusy', 'busy'), 'busy', 'smaller time range'],
    [new ApiError(0, 'Unreachable', 'Failed to fetch'), 'cannot be reached', 'sidetail-server is running'],
    [new ApiError(500, 'InternalServerError', 'oops'), 'could not answer', 'InternalServerError'],
  ])('says what happened and what to do: %s', (error, title, help) => {
    const page = show(ErrorNotice, { error, query: 'a b)', onretry: () => {} });
    expect(page.textContent).toContain(title);
    expect(page.textContent).toContain(help);
  });
});

describe('a machine group', () => {
  it('flags machines that are silent', () => {
    const page = show(MachineGroupCard, {
      now: 1000,
      group: {
        groupName: 'g',
        machineIdentifyType: 'userdefined',
        machines: [{ ip: '10.0.0.1', lastHeartbeatTime: 930 }, { ip: '10.0.0.2', lastHeartbeatTime: 995 }],
      },
    });
    const rows = [...page.querySelectorAll('tbody tr')].map((line) => line.textContent?.replace(/\s+/g, ' ').trim() ?? '');
    expect(rows[0]).toMatch(/^alive ?10\.0\.0\.2.*5 seconds ago/);
    expect(rows[1]).toMatch(/^silent ?10\.0\.0\.1.*1 minute ago/);
    expect(page.textContent).toContain('1 silent');
  });

  it('shows why a configuration failed', () => {
    const configs = [
      { configName: 'good', status: 'applied', message: '' },
      { configName: 'bad', status: 'failed', message: 'regex: missing ) \u202e' },
    ];
    const page = show(MachineGroupCard, { now: 1000, group: { groupName: 'g', machines: [{ lastHeartbeatTime: 999, configs }] } });
    const text = page.querySelector('td.configs')?.textContent?.replace(/\s+/g, ' ').trim();
    expect(text).toBe('good applied bad failed regex: missing ) \\u202e');
  });

  it('follows the language', () => {
    const app = context();
    const page = show(MachineGroupCard, { now: 1000, group: { groupName: 'g' } }, app);
    expect(page.textContent).toContain('No machine has called yet');
    app.language.set('zh');
    flushSync();
    expect(page.textContent).toContain('还没有机器上报');
  });
});
