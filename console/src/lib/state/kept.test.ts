import { describe, expect, it } from 'vitest';
import { QueryHistory } from './history';
import { liveness } from './machines.svelte';

function storage(): Pick<Storage, 'getItem' | 'setItem'> {
  const items = new Map<string, string>();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
}

describe('the history of queries', () => {
  it('is newest first, without repeats and bounded', () => {
    const history = new QueryHistory(storage(), 'p', 'l');
    for (const query of ['a', 'b', ' a ', '', '*']) history.add(query);
    expect(history.list()).toEqual(['a', 'b']);
    for (let i = 0; i < 80; i++) history.add(`q${i}`);
    expect(history.list()).toHaveLength(50);
  });

  it('belongs to its logstore', () => {
    const shared = storage();
    new QueryHistory(shared, 'p', 'l').add('a');
    expect(new QueryHistory(shared, 'p', 'other').list()).toEqual([]);
  });

  it('is empty when what is stored is broken', () => {
    const broken = { getItem: () => '{"a":', setItem: () => {} };
    expect(new QueryHistory(broken, 'p', 'l').list()).toEqual([]);
  });
});

describe('a machine', () => {
  it.each([
    [100, 'alive'],
    [40, 'alive'],
    [39, 'stale'],
    [0, 'never'],
  ] as const)('with its last heartbeat at %d is %s at 100', (lastHeartbeatTime, expected) => {
    expect(liveness({ lastHeartbeatTime }, 100)).toBe(expected);
  });
});
