// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest';
import { en, type Key, type Message } from './en';
import { chooseLanguage, formatMessage, Language } from './language.svelte';
import { zh } from './zh';

const forms = (message: Message): string[] => (typeof message === 'string' ? [message] : [message.one, message.other]);
const names = (text: string): string[] => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ''))].sort();

describe('the languages', () => {
  it('have the same keys', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  });

  it('take the same values in every text', () => {
    for (const key of Object.keys(en) as Key[]) {
      const expected = names(forms(en[key]).join(' '));
      for (const text of forms(zh[key])) expect(names(text), key).toEqual(expected);
    }
  });

  it('leave no text empty', () => {
    for (const table of [en, zh]) {
      for (const [key, message] of Object.entries(table)) {
        for (const text of forms(message)) expect(text.trim(), key).not.toBe('');
      }
    }
  });

  it('speak Chinese in Chinese', () => {
    const same = (Object.keys(en) as Key[]).filter((key) => zh[key] === en[key]);
    expect(same).toEqual(['pick.project', 'pick.logstore']);
  });
});

describe('choosing a language', () => {
  it.each([
    [null, ['zh-CN', 'en'], 'zh'],
    [null, ['zh-Hant-TW'], 'zh'],
    [null, ['de-DE', 'en-GB'], 'en'],
    [null, ['fr'], 'en'],
    ['en', ['zh-CN'], 'en'],
    ['zh', ['en'], 'zh'],
    ['klingon', ['zh'], 'zh'],
  ] as const)('stored %s, browser %j', (stored, preferred, expected) => {
    expect(chooseLanguage(stored, preferred)).toBe(expected);
  });

  it('is remembered, and said to the browser', () => {
    const stored = new Map<string, string>();
    const storage = { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => void stored.set(key, value) };
    new Language(storage, ['en']).set('zh');
    expect(document.documentElement.lang).toBe('zh-CN');
    expect(new Language(storage, ['en']).code).toBe('zh');
  });
});

describe('a text', () => {
  it('has its form by number, and groups digits', () => {
    expect(formatMessage('en', 'status.total', { n: 1 })).toBe('1 line');
    expect(formatMessage('en', 'status.total', { n: 12_345 })).toBe('12,345 lines');
    expect(formatMessage('zh', 'status.total', { n: 12_345 })).toBe('日志总条数 12,345');
  });

  it('puts values in as they are', () => {
    expect(formatMessage('en', 'app.version', { version: '{n} $& 1' })).toBe('Version {n} $& 1');
  });

  it('names durations exactly and ages roughly', () => {
    const language = new Language({ getItem: () => 'en', setItem: () => {} }, []);
    expect([60, 900, 5400, 86_400, 604_800].map(language.duration)).toEqual([
      '1 minute', '15 minutes', '90 minutes', '24 hours', '7 days',
    ]);
    expect([0, 59, 61, 5400, 200_000].map(language.ago)).toEqual([
      'just now', '59 seconds ago', '1 minute ago', '1 hour ago', '2 days ago',
    ]);
  });
});
