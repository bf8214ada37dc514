import type { ConsoleApi } from '../api/client';
import { asApiError, isAbort, type ApiError } from '../api/error';
import type { Machine, MachineConfig, MachineGroup } from '../api/types';

/** A machine that was silent for longer is taken for away. */
export const STALE_SECONDS = 60;

export type Liveness = 'alive' | 'stale' | 'never';

/** What the time of the last heartbeat says at a given moment. */
export function liveness(machine: Machine, nowSeconds: number): Liveness {
  const last = machine.lastHeartbeatTime ?? 0;
  if (last <= 0) return 'never';
  return nowSeconds - last > STALE_SECONDS ? 'stale' : 'alive';
}

export type ConfigState = 'applied' | 'applying' | 'failed' | 'unknown';

/** What an agent made of a configuration; a word we do not know is not taken for success. */
export function configState({ status }: MachineConfig): ConfigState {
  switch (status?.toLowerCase()) {
    case 'applied':
    case 'applying':
    case 'failed':
      return status.toLowerCase() as ConfigState;
    default:
      return 'unknown';
  }
}

/** The machine groups of a project, as of the last look. */
export class MachinesSession {
  groups: readonly MachineGroup[] | null = $state.raw(null);
  error: ApiError | null = $state.raw(null);
  /** Seconds by the server's clock when the groups were read. */
  readAt = $state(0);

  #api: ConsoleApi;
  #running: AbortController | null = null;

  constructor(api: ConsoleApi) {
    this.#api = api;
  }

  async load(project: string): Promise<void> {
    this.#running?.abort();
    const call = new AbortController();
    this.#running = call;
    try {
      const groups = await this.#api.machineGroups(project, call.signal);
      if (call.signal.aborted) return;
      this.groups = groups;
      this.readAt = this.#api.serverNow();
      this.error = null;
    } catch (error) {
      if (!isAbort(error) && !call.signal.aborted) this.error = asApiError(error);
    }
  }

  /** Forgets the groups of the project looked at before. */
  clear(): void {
    this.#running?.abort();
    this.groups = null;
    this.error = null;
  }
}
