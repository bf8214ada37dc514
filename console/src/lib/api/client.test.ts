import { describe, expect, it, vi } from 'vitest';
import { ConsoleApi } from './client';
import { ApiError } from './error';

function respond(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers });
}

describe('a call', () => {
  it('names project and logstore safely in its path', async () => {
    const fetch = vi.fn(async () => respond(200, '[]'));
    await new ConsoleApi(fetch).histogram('a/b', '../c', { from: 1, to: 2, query: 'x&y=z' });
    expect(fetch).toHaveBeenCalledWith(
      '/console/api/projects/a%2Fb/logstores/..%2Fc/histogram?from=1&to=2&query=x%26y%3Dz',
      expect.objectContaining({ method: 'GET', credentials: 'same-origin' }),
    );
  });

  it('fails with the code and the message of the service', async () => {
    const api = new ConsoleApi(async () => respond(404, '{"errorCode":"LogStoreNotExist","errorMessage":"no such"}'));
    await expect(api.logstores('p')).rejects.toMatchObject({ status: 404, code: 'LogStoreNotExist', message: 'no such' });
  });

  it('fails readably when something else answers', async () => {
    const api = new ConsoleApi(async () => respond(502, '<html>Bad gateway'));
    await expect(api.projects()).rejects.toMatchObject({ status: 502, code: 'HTTP 502' });
    const broken = new ConsoleApi(async () => respond(200, '<html>'));
    await expect(broken.projects()).rejects.toBeInstanceOf(ApiError);
  });

  it('tells when the session has ended, but not when a login is refused', async () => {
    const api = new ConsoleApi(async () => respond(401, '{"errorCode":"Unauthorized","errorMessage":""}'));
    api.onSignedOut = vi.fn();
    await expect(api.login('a', 'b')).rejects.toMatchObject({ status: 401 });
    expect(api.onSignedOut).not.toHaveBeenCalled();
    await expect(api.projects()).rejects.toMatchObject({ status: 401 });
    expect(api.onSignedOut).toHaveBeenCalledOnce();
  });

  it('goes by the clock of the server when ours is wrong', async () => {
    const ours = Date.UTC(2026, 0, 1);
    const api = new ConsoleApi(async () => respond(200, '{}', { date: 'Thu, 01 Jan 2026 00:10:00 GMT' }), () => ours);
    expect(api.serverNow()).toBe(ours / 1000);
    await api.session();
    expect(api.serverNow()).toBe(ours / 1000 + 600);
  });
});
