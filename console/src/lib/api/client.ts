import { ApiError } from './error';
import type { Bucket, LogsAnswer, LogsRequest, MachineGroup, Project, Session } from './types';

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

const BASE = '/console/api';

/**
 * One method for each call of the console. The cookie of the session travels by itself
 * (same origin, not readable here).
 */
export class ConsoleApi {
  /** Called when the service says that there is no session any more. */
  onSignedOut: () => void = () => {};
  #fetch: Fetch;
  #now: () => number;
  #clockAheadMillis = 0;

  constructor(fetch: Fetch, now: () => number = Date.now) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /**
   * Now by the clock of the server, in seconds: a wrong clock on this machine must not hide the
   * newest lines. Differences below two seconds are noise of the `Date` header.
   */
  serverNow(): number {
    const ahead = Math.abs(this.#clockAheadMillis) < 2000 ? 0 : this.#clockAheadMillis;
    return (this.#now() + ahead) / 1000;
  }

  session(): Promise<Session> {
    return this.#get<Session>('/session');
  }

  async login(accessKeyId: string, accessKeySecret: string): Promise<void> {
    await this.#call('/login', { method: 'POST', body: { accessKeyId, accessKeySecret }, signingIn: true });
  }

  async logout(): Promise<void> {
    await this.#call('/logout', { method: 'POST', body: {} });
  }

  async projects(): Promise<readonly Project[]> {
    return (await this.#get<{ projects?: Project[] }>('/projects')).projects ?? [];
  }

  async logstores(project: string): Promise<readonly string[]> {
    return (await this.#get<{ logstores?: string[] }>(`${projectPath(project)}/logstores`)).logstores ?? [];
  }

  logs(project: string, logstore: string, request: LogsRequest, signal?: AbortSignal): Promise<LogsAnswer> {
    return this.#call(`${logstorePath(project, logstore)}/logs`, { method: 'POST', body: request, signal });
  }

  histogram(
    project: string,
    logstore: string,
    request: { from: number; to: number; query: string },
    signal?: AbortSignal,
  ): Promise<readonly Bucket[]> {
    const params = new URLSearchParams({ from: `${request.from}`, to: `${request.to}`, query: request.query });
    return this.#call(`${logstorePath(project, logstore)}/histogram?${params}`, { method: 'GET', signal });
  }

  async machineGroups(project: string, signal?: AbortSignal): Promise<readonly MachineGroup[]> {
    const path = `${projectPath(project)}/machinegroups`;
    const answer = await this.#call<{ machinegroups?: MachineGroup[] }>(path, { method: 'GET', signal });
    return answer.machinegroups ?? [];
  }

  #get<T>(path: string): Promise<T> {
    return this.#call<T>(path, { method: 'GET' });
  }

  async #call<T>(
    path: string,
    options: { method: string; body?: unknown; signal?: AbortSignal | undefined; signingIn?: boolean },
  ): Promise<T> {
    const init: RequestInit = { method: options.method, credentials: 'same-origin', cache: 'no-store' };
    if (options.signal) init.signal = options.signal;
    if (options.body !== undefined) {
      init.body = JSON.stringify(options.body);
      init.headers = { 'content-type': 'application/json' };
    }
    const response = await this.#fetch(`${BASE}${path}`, init);
    this.#noteClock(response.headers.get('date'));
    const text = await response.text();
    if (!response.ok) {
      if (response.status === 401 && !options.signingIn) this.onSignedOut();
      throw refusal(response.status, text);
    }
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new ApiError(response.status, 'Unreadable', text.slice(0, 200));
    }
  }

  #noteClock(header: string | null): void {
    const server = header === null ? Number.NaN : Date.parse(header);
    if (!Number.isNaN(server)) this.#clockAheadMillis = server - this.#now();
  }
}

function refusal(status: number, body: string): ApiError {
  try {
    const { errorCode, errorMessage } = JSON.parse(body) as { errorCode?: unknown; errorMessage?: unknown };
    if (typeof errorCode === 'string') {
      return new ApiError(status, errorCode, typeof errorMessage === 'string' ? errorMessage : '');
    }
  } catch {
    // Not JSON: a proxy answered, or the server was cut off. The status says enough.
  }
  return new ApiError(status, `HTTP ${status}`, body.slice(0, 200));
}

function projectPath(project: string): string {
  return `/projects/${encodeURIComponent(project)}`;
}

function logstorePath(project: string, logstore: string): string {
  return `${projectPath(project)}/logstores/${encodeURIComponent(logstore)}`;
}
