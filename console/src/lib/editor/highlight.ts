import { RangeSetBuilder, StateEffect, StateField, type Extension, type Text } from '@codemirror/state';
import { Decoration, EditorView, ViewPlugin, type DecorationSet, type ViewUpdate } from '@codemirror/view';
import { tokens, type TokenKind } from '../query/lexer';

/** Colours the query by our own lexer: a grammar of some hundred lines needs no parser library. */
export function highlighting(): Extension {
  return ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = colours(view.state.doc);
      }
      update(update: ViewUpdate): void {
        if (update.docChanged) this.decorations = colours(update.state.doc);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
}

/** Marks the place of an error; null takes the mark away. Editing takes it away too. */
export const markProblem = StateEffect.define<number | null>();

export const problemMark: Extension = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = transaction.docChanged ? Decoration.none : marks;
    for (const effect of transaction.effects) {
      if (effect.is(markProblem)) next = problemAt(transaction.state.doc, effect.value);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const MARKS = new Map<TokenKind, Decoration>();

function markOf(kind: TokenKind): Decoration {
  let found = MARKS.get(kind);
  if (!found) MARKS.set(kind, (found = Decoration.mark({ class: `tok-${kind}` })));
  return found;
}

function colours(doc: Text): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const token of tokens(doc.toString())) builder.add(token.from, token.to, markOf(token.kind));
  return builder.finish();
}

function problemAt(doc: Text, offset: number | null): DecorationSet {
  if (offset === null || doc.length === 0) return Decoration.none;
  const text = doc.toString();
  const token = tokens(text).find((candidate) => candidate.from <= offset && offset < candidate.to);
  // An error at the end ("expected …") points at nothing: mark the last character.
  const from = token?.from ?? Math.max(0, Math.min(offset, text.length - 1));
  const to = token?.to ?? from + 1;
  return Decoration.set([Decoration.mark({ class: 'query-problem' }).range(from, to)]);
}
