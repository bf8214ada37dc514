import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absoluteRange, DEFAULT_RANGE, type TimeRange } from '../time/range';
import { formatRoute, parseRoute, REFRESH_SECONDS, START, type Route } from './route';

function reread(route: Route): Route {
  const url = new URL(formatRoute(route), 'http://localhost');
  return parseRoute(url.pathname, url.search);
}

const NAME = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((name) => !/^\.{1,2}$/.test(name));
const RANGE: fc.Arbitrary<TimeRange> = fc.oneof(
  fc.integer({ min: 1, max: 10_000_000 }).map((seconds): TimeRange => ({ kind: 'relative', seconds })),
  fc.tuple(fc.nat(4_000_000_000), fc.nat(4_000_000_000)).map(([a, b]) => absoluteRange(a, b)),
);

describe('the address', () => {
  it('holds the whole search', () => {
    fc.assert(
      fc.property(NAME, NAME, fc.string({ unit: 'grapheme' }), RANGE, fc.constantFrom(...REFRESH_SECONDS), (project, logstore, query, range, refreshSeconds) => {
        const route: Route = { view: 'search', project, logstore, query, range, refreshSeconds };
        expect(reread(route)).toEqual(route);
      }),
    );
  });

  it('holds the other pages', () => {
    fc.assert(
      fc.property(NAME, (project) => {
        expect(reread({ view: 'machines', project })).toEqual({ view: 'machines', project });
        expect(reread({ ...START, project })).toEqual({ ...START, project });
      }),
    );
    expect(reread(START)).toEqual(START);
  });

  it('is readable', () => {
    expect(formatRoute({ ...START, project: 'p', logstore: 'l', query: 'status:200', refreshSeconds: 15 })).toBe(
      '/console/projects/p/logstores/l?query=status%3A200&range=15m&refresh=15s',
    );
  });

  it.each([
    '?range=never',
    '?from=10&to=5',
    '?from=1e3&to=2e3',
    '?from=10',
    '?refresh=7s',
  ])('falls back to the default for %s', (search) => {
    const route = parseRoute('/console/projects/p/logstores/l', search);
    expect(route).toMatchObject({ range: DEFAULT_RANGE, refreshSeconds: 0 });
  });

  it('starts at the beginning for a path it does not know', () => {
    for (const path of ['/', '/console', '/console/', '/console/nothing/here', '/console/projects']) {
      expect(parseRoute(path, '')).toEqual(START);
    }
    expect(parseRoute('/console/projects/%E0%A4%A', '')).toMatchObject({ project: '%E0%A4%A' });
  });
});
