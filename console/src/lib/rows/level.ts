/** How serious a row says it is, from the fields that commonly carry it. */

import type { Row } from '../api/types';

export type Level = 'error' | 'warning' | 'info' | 'debug' | 'none';

const LEVEL_FIELDS = ['level', 'severity', 'log_level', 'loglevel', 'lvl', 'Level', 'LEVEL'];
const STATUS_FIELDS = ['status', 'status_code', 'http_status'];

const WORDS: ReadonlyArray<readonly [RegExp, Level]> = [
  [/^(fatal|panic|emerg|alert|crit|critical|err|error|severe)$/i, 'error'],
  [/^(warn|warning)$/i, 'warning'],
  [/^(info|notice|information)$/i, 'info'],
  [/^(debug|trace|fine|finer|finest|verbose)$/i, 'debug'],
];

/** nginx and many others write `[error]` near the start of the line. */
const IN_TEXT = /(?:^|[\s[(|])(EMERG|ALERT|CRIT|FATAL|ERROR|WARN(?:ING)?|INFO|NOTICE|DEBUG|TRACE)(?:[\s\])|:]|$)/i;
const LOOKED_AT_CHARS = 80;

export function rowLevel(row: Row): Level {
  for (const field of LEVEL_FIELDS) {
    const level = wordLevel(row[field]);
    if (level !== 'none') return level;
  }
  for (const field of STATUS_FIELDS) {
    const status = row[field];
    if (status !== undefined && /^[1-5]\d\d$/.test(status)) return statusLevel(Number(status));
  }
  return wordLevel(IN_TEXT.exec((row['content'] ?? '').slice(0, LOOKED_AT_CHARS))?.[1]);
}

function wordLevel(word: string | undefined): Level {
  if (word === undefined) return 'none';
  return WORDS.find(([pattern]) => pattern.test(word.trim()))?.[1] ?? 'none';
}

function statusLevel(status: number): Level {
  if (status >= 500) return 'error';
  return status >= 400 ? 'warning' : 'none';
}
