import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import type { Extension } from '@codemirror/state';
import { visibleText } from '../escape/visible';
import { term } from '../query/append';
import { pipeOffset, SQL_KEYWORDS } from '../query/lexer';

/** What the query box offers, asked for anew each time. */
export interface Vocabulary {
  fields(): readonly string[];
  values(field: string): readonly string[];
  /** Names of the kinds, in the language of the page. */
  kind(kind: 'field' | 'value' | 'keyword' | 'function'): string;
}

const SQL_FUNCTIONS = [
  'count', 'sum', 'avg', 'min', 'max', 'approx_distinct', 'approx_percentile', 'date_format', 'date_trunc',
  'from_unixtime', 'time_series', 'regexp_extract', 'split_part', 'round', 'coalesce', 'if', 'cast',
];
const MAX_VALUE_CHARS = 120;

export function completion(vocabulary: Vocabulary): Extension {
  return autocompletion({
    override: [(context) => complete(context, vocabulary)],
    icons: false,
    // Enter runs the query unless a proposal was chosen on purpose.
    selectOnOpen: false,
    activateOnTypingDelay: 60,
    maxRenderedOptions: 40,
  });
}

function complete(context: CompletionContext, vocabulary: Vocabulary): CompletionResult | null {
  const text = context.state.doc.toString();
  const pipe = pipeOffset(text);
  if (pipe >= 0 && context.pos > pipe) return completeSql(context, vocabulary);
  return completeValue(context, vocabulary) ?? completeSearch(context, vocabulary);
}

/** Behind `field:` the frequent values of the loaded rows. */
function completeValue(context: CompletionContext, vocabulary: Vocabulary): CompletionResult | null {
  const before = context.matchBefore(/[\p{L}_][\p{L}\p{N}_.:-]*:"?[^\s"]*$/u);
  if (!before) return null;
  const colon = valueColon(before.text, vocabulary.fields());
  if (colon < 0) return null;
  const field = before.text.slice(0, colon);
  const options = vocabulary
    .values(field)
    .filter((value) => value.length <= MAX_VALUE_CHARS)
    .map((value, rank): Completion => ({
      label: `${field}:${visibleText(value)}`,
      displayLabel: visibleText(value) || '""',
      apply: term(field, value),
      detail: vocabulary.kind('value'),
      boost: -rank,
    }));
  return options.length === 0 ? null : { from: before.from, options };
}

/** The colon that ends a known field name: tag names have colons of their own. */
function valueColon(text: string, fields: readonly string[]): number {
  for (let at = text.lastIndexOf(':'); at > 0; at = text.lastIndexOf(':', at - 1)) {
    if (fields.includes(text.slice(0, at))) return at;
  }
  return -1;
}

function completeSearch(context: CompletionContext, vocabulary: Vocabulary): CompletionResult | null {
  const word = context.matchBefore(/[\p{L}_][\p{L}\p{N}_.:-]*$/u);
  if (!word) return null;
  return {
    from: word.from,
    options: [
      ...vocabulary.fields().map((field): Completion => ({
        label: visibleText(field),
        apply: term(field, '').slice(0, -2),
        detail: vocabulary.kind('field'),
        boost: 1,
      })),
      ...keywords(['and', 'or', 'not', 'in'], vocabulary),
    ],
  };
}

function completeSql(context: CompletionContext, vocabulary: Vocabulary): CompletionResult | null {
  const word = context.matchBefore(/[\p{L}_][\p{L}\p{N}_]*$/u);
  if (!word) return null;
  return {
    from: word.from,
    options: [
      ...vocabulary.fields().map((field): Completion => ({
        label: visibleText(field),
        apply: /^[A-Za-z_]\w*$/.test(field) ? field : `"${field.replaceAll('"', '""')}"`,
        detail: vocabulary.kind('field'),
        boost: 1,
      })),
      ...SQL_FUNCTIONS.map((name): Completion => ({ label: `${name}()`, apply: `${name}(`, detail: vocabulary.kind('function') })),
      ...keywords(SQL_KEYWORDS, vocabulary),
    ],
  };
}

function keywords(words: readonly string[], vocabulary: Vocabulary): Completion[] {
  return words.map((label): Completion => ({ label, detail: vocabulary.kind('keyword'), boost: -20 }));
}
