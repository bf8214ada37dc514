/** What the server answers under `/console/api`. Names are those on the wire. */

export interface Session {
  readonly authenticated: boolean;
  readonly authRequired: boolean;
  readonly version: string;
}

export interface Project {
  readonly projectName: string;
  readonly description?: string;
}

/** One log or one row of an SQL result: every value is a string. */
export type Row = Readonly<Record<string, string>>;

export interface LogsMeta {
  readonly progress: string;
  readonly count: number;
  readonly processedRows?: number;
  readonly processedBytes?: number;
  readonly elapsedMillisecond?: number;
  readonly hasSQL?: boolean;
  /** Columns of an SQL result, in order. */
  readonly keys?: readonly string[];
  /** The tokens that were looked for, with their field or an empty name. */
  readonly terms?: ReadonlyArray<{ readonly key: string; readonly term: string }>;
}

export interface LogsAnswer {
  readonly meta: LogsMeta;
  readonly data: readonly Row[];
}

export interface LogsRequest {
  readonly from: number;
  readonly to: number;
  readonly query: string;
  readonly line: number;
  readonly offset: number;
  readonly reverse: boolean;
}

export interface Bucket {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly progress?: string;
}

export interface Machine {
  readonly ip?: string;
  readonly 'machine-uniqueid'?: string;
  readonly 'userdefined-id'?: string;
  /** Seconds since the epoch; 0 when it never called. */
  readonly lastHeartbeatTime?: number;
  /** What the agent says about each configuration it was given. */
  readonly configs?: readonly MachineConfig[];
}

export interface MachineConfig {
  readonly configName: string;
  readonly version?: number;
  /** `applied`, `applying`, `failed`, or `unset` when it said nothing yet. */
  readonly status?: string;
  /** Why it failed. */
  readonly message?: string;
}

export interface MachineGroup {
  readonly groupName: string;
  readonly machineIdentifyType?: string;
  readonly machineList?: readonly string[];
  readonly configs?: readonly string[];
  readonly machines?: readonly Machine[];
}
