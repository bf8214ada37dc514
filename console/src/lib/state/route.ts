/** The address is the whole state: what is shown can be sent to somebody else as a link. */

import { absoluteRange, DEFAULT_RANGE, durationText, isInstant, parseDuration, type TimeRange } from '../time/range';

export const BASE_PATH = '/console/';

/** Pauses between automatic refreshes, in seconds; 0 is off. */
export const REFRESH_SECONDS = [0, 5, 15, 60] as const;

export interface SearchRoute {
  readonly view: 'search';
  readonly project: string | null;
  readonly logstore: string | null;
  readonly query: string;
  readonly range: TimeRange;
  readonly refreshSeconds: number;
}

export interface MachinesRoute {
  readonly view: 'machines';
  readonly project: string;
}

export type Route = SearchRoute | MachinesRoute;

export const START: SearchRoute = {
  view: 'search',
  project: null,
  logstore: null,
  query: '',
  range: DEFAULT_RANGE,
  refreshSeconds: 0,
};

/** Path and query of a route, below the site root. */
export function formatRoute(route: Route): string {
  if (route.project === null) return BASE_PATH;
  const project = `${BASE_PATH}projects/${encodeURIComponent(route.project)}`;
  if (route.view === 'machines') return `${project}/machinegroups`;
  if (route.logstore === null) return project;
  const params = new URLSearchParams();
  if (route.query !== '') params.set('query', route.query);
  if (route.range.kind === 'relative') {
    params.set('range', durationText(route.range.seconds));
  } else {
    params.set('from', String(route.range.from));
    params.set('to', String(route.range.to));
  }
  if (route.refreshSeconds !== 0) params.set('refresh', durationText(route.refreshSeconds));
  return `${project}/logstores/${encodeURIComponent(route.logstore)}?${params}`;
}

/** Reads an address; what it does not understand falls back to the default of that part. */
export function parseRoute(pathname: string, search: string): Route {
  const path = pathname.startsWith(BASE_PATH) ? pathname.slice(BASE_PATH.length) : '';
  const parts = path.split('/').filter((part) => part !== '').map(decode);
  const project = parts[0] === 'projects' ? (parts[1] ?? null) : null;
  if (project === null) return START;
  if (parts[2] === 'machinegroups') return { view: 'machines', project };
  const logstore = parts[2] === 'logstores' ? (parts[3] ?? null) : null;
  if (logstore === null) return { ...START, project };
  const params = new URLSearchParams(search);
  return {
    view: 'search',
    project,
    logstore,
    query: params.get('query') ?? '',
    range: parseRange(params),
    refreshSeconds: parseRefresh(params.get('refresh')),
  };
}

function parseRange(params: URLSearchParams): TimeRange {
  const from = parseInstant(params.get('from'));
  const to = parseInstant(params.get('to'));
  if (from !== null && to !== null && from < to) return absoluteRange(from, to);
  const seconds = parseDuration(params.get('range') ?? '');
  return seconds === null ? DEFAULT_RANGE : { kind: 'relative', seconds };
}

function parseInstant(text: string | null): number | null {
  if (text === null || !/^\d{1,10}$/.test(text)) return null;
  const value = Number(text);
  return isInstant(value) ? value : null;
}

function parseRefresh(text: string | null): number {
  const seconds = parseDuration(text ?? '') ?? 0;
  return REFRESH_SECONDS.find((known) => known === seconds) ?? 0;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
