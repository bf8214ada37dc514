import type { ConsoleApi } from '../api/client';
import { asApiError, type ApiError } from '../api/error';
import type { Project } from '../api/types';

/** The projects and logstores there are to choose from. */
export class Catalog {
  projects: readonly Project[] | null = $state.raw(null);
  /** Logstores by project, for those that were looked at. */
  logstores: Readonly<Record<string, readonly string[]>> = $state.raw({});
  error: ApiError | null = $state.raw(null);

  #api: ConsoleApi;

  constructor(api: ConsoleApi) {
    this.#api = api;
  }

  async loadProjects(): Promise<void> {
    await this.#load(async () => {
      this.projects = await this.#api.projects();
    });
  }

  async loadLogstores(project: string): Promise<void> {
    await this.#load(async () => {
      const names = await this.#api.logstores(project);
      this.logstores = { ...this.logstores, [project]: names };
    });
  }

  async #load(call: () => Promise<void>): Promise<void> {
    try {
      await call();
      this.error = null;
    } catch (error) {
      this.error = asApiError(error);
    }
  }
}
