import { acceptCompletion, closeCompletion, completionStatus, moveCompletionSelection } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { Compartment, EditorState, Prec, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightSpecialChars, keymap, placeholder } from '@codemirror/view';
import { visibleText } from '../escape/visible';
import { completion, type Vocabulary } from './complete';
import { highlighting, markProblem, problemMark } from './highlight';
import { queryTheme } from './theme';

export interface QueryEditorOptions {
  readonly host: HTMLElement;
  readonly text: string;
  readonly vocabulary: Vocabulary;
  onChange(text: string): void;
  onRun(): void;
  /** Earlier (1) or later (-1) query; the text to show, or null when there is none. */
  onHistory(step: 1 | -1): string | null;
}

/** Characters the editor shows as marks: invisible ones beyond its own list. */
const MORE_SPECIAL = /[\u115f\u1160\u3164\uffa0\u2800\u{e0000}-\u{e007f}]/gu;

/** The query box: one line that grows, Enter runs, arrows at its ends go through the history. */
export class QueryEditor {
  #view: EditorView;
  #words = new Compartment();

  constructor(options: QueryEditorOptions) {
    const root = options.host.shadowRoot ?? options.host.attachShadow({ mode: 'open' });
    this.#view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({ doc: options.text, extensions: [this.#extensions(options), this.#words.of([])] }),
    });
  }

  /** Label and placeholder, which follow the language of the page. */
  setWords(label: string, hint: string): void {
    this.#view.dispatch({
      effects: this.#words.reconfigure([
        EditorView.contentAttributes.of({ 'aria-label': label, role: 'textbox', 'aria-multiline': 'true' }),
        placeholder(hint),
      ]),
    });
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /** Replaces the text, with the cursor at its end. */
  setText(text: string): void {
    if (text === this.text) return;
    this.#view.dispatch({
      changes: { from: 0, to: this.#view.state.doc.length, insert: text },
      selection: { anchor: text.length },
    });
  }

  /** Underlines the place an error points at, or takes the mark away. */
  mark(offset: number | null): void {
    this.#view.dispatch({ effects: markProblem.of(offset) });
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }

  #extensions(options: QueryEditorOptions): Extension {
    const step = (direction: 1 | -1) => (view: EditorView) => this.#historyStep(view, options, direction);
    return [
      Prec.highest(
        keymap.of([
          { key: 'Tab', run: takeFirst },
          { key: 'Enter', run: (view) => acceptChosen(view) || run(view, options) },
          { key: 'Mod-Enter', run: (view) => run(view, options) },
          { key: 'ArrowUp', run: step(1) },
          { key: 'ArrowDown', run: step(-1) },
          { key: 'Escape', run: leave },
        ]),
      ),
      history(),
      drawSelection(),
      highlightSpecialChars({ addSpecialChars: MORE_SPECIAL, render: specialChar }),
      EditorView.lineWrapping,
      highlighting(),
      problemMark,
      completion(options.vocabulary),
      EditorView.domEventHandlers({ beforeinput: typeOverSelection }),
      keymap.of([...defaultKeymap, ...historyKeymap]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) options.onChange(update.state.doc.toString());
      }),
      queryTheme,
    ];
  }

  #historyStep(view: EditorView, options: QueryEditorOptions, direction: 1 | -1): boolean {
    if (completionStatus(view.state) !== null) return false;
    const head = view.state.selection.main.head;
    const line = view.state.doc.lineAt(head).number;
    const edge = direction === 1 ? 1 : view.state.doc.lines;
    if (line !== edge) return false;
    const text = options.onHistory(direction);
    if (text === null) return false;
    this.setText(text);
    return true;
  }
}

/** The same marks as in log text, which every font can show. */
function specialChar(code: number, description: string | null): HTMLElement {
  const mark = document.createElement('span');
  mark.className = 'cm-specialChar';
  mark.textContent = visibleText(String.fromCodePoint(code));
  if (description !== null) mark.title = description;
  return mark;
}

/** Enter takes a proposal only when one was chosen with the arrows; else it runs the query. */
function acceptChosen(view: EditorView): boolean {
  return completionStatus(view.state) === 'active' && acceptCompletion(view);
}

/** Tab takes the chosen proposal, or the first one; without proposals it leaves the box. */
function takeFirst(view: EditorView): boolean {
  if (completionStatus(view.state) !== 'active') return false;
  if (!acceptCompletion(view)) {
    moveCompletionSelection(true)(view);
    acceptCompletion(view);
  }
  return true;
}

function run(view: EditorView, options: QueryEditorOptions): boolean {
  closeCompletion(view);
  options.onRun();
  return true;
}

/** Leaves the box, unless a list of proposals is open, which closes first. */
function leave(view: EditorView): boolean {
  if (completionStatus(view.state) !== null) return false;
  view.contentDOM.blur();
  return true;
}

/**
 * Types over a selection ourselves. Left to the browser, it carries the colour of the replaced
 * text over as a `style` attribute, which CodeMirror removes, but the page's policy reports first.
 * What is replaced is asked of the page: the editor's own selection follows a moment later.
 */
function typeOverSelection(event: InputEvent, view: EditorView): boolean {
  if (event.inputType !== 'insertText' || event.isComposing || event.data === null) return false;
  const range = selected(view);
  if (range.from === range.to) return false;
  view.dispatch({
    changes: { ...range, insert: event.data },
    selection: { anchor: range.from + event.data.length },
    userEvent: 'input.type',
    scrollIntoView: true,
  });
  return true;
}

/** What is selected on the page, as far as the browser tells about a shadow root. */
function selected(view: EditorView): { from: number; to: number } {
  const root = view.root as ShadowRoot & Partial<Pick<Document, 'getSelection'>>;
  const selection = root.getSelection?.() ?? null;
  const { anchorNode, focusNode } = selection ?? {};
  if (!selection || !anchorNode || !focusNode || !view.contentDOM.contains(anchorNode) || !view.contentDOM.contains(focusNode)) {
    const { from, to } = view.state.selection.main;
    return { from, to };
  }
  const anchor = view.posAtDOM(anchorNode, selection.anchorOffset);
  const head = view.posAtDOM(focusNode, selection.focusOffset);
  return { from: Math.min(anchor, head), to: Math.max(anchor, head) };
}
