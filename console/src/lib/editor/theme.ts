import { EditorView } from '@codemirror/view';

/**
 * The editor lives in a shadow root, where CodeMirror adds its rules as an adopted style sheet:
 * the page's policy forbids `<style>` elements. Custom properties reach in from the page.
 */
export const queryTheme = EditorView.theme({
  '&': { color: 'var(--text)', fontSize: '13px', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px', maxHeight: '140px', overflow: 'auto' },
  '.cm-content': { padding: '7px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 10px' },
  '.cm-placeholder': { color: 'var(--text-faint)', fontFamily: 'var(--sans)', whiteSpace: 'pre' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': { backgroundColor: 'var(--selection)' },
  '.cm-selectionBackground': { backgroundColor: 'var(--selection)' },
  '.cm-specialChar': {
    color: 'var(--danger)',
    backgroundColor: 'var(--danger-soft)',
    borderRadius: '3px',
    fontSize: '0.92em',
  },
  '.tok-keyword': { color: 'var(--syntax-keyword)', fontWeight: '600' },
  '.tok-field': { color: 'var(--syntax-field)' },
  '.tok-operator': { color: 'var(--text-dim)' },
  '.tok-string': { color: 'var(--syntax-string)' },
  '.tok-number': { color: 'var(--syntax-number)' },
  '.tok-wildcard': { color: 'var(--syntax-number)' },
  '.tok-bracket': { color: 'var(--text-dim)' },
  '.tok-pipe': { color: 'var(--accent)', fontWeight: '700' },
  '.tok-function': { color: 'var(--syntax-field)' },
  '.tok-comment': { color: 'var(--text-faint)', fontStyle: 'italic' },
  '.query-problem': {
    textDecoration: 'underline wavy var(--danger)',
    textUnderlineOffset: '3px',
    backgroundColor: 'var(--danger-soft)',
  },
  '.cm-tooltip': {
    border: '1px solid var(--border-strong)',
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    borderRadius: '6px',
    boxShadow: 'var(--shadow)',
    overflow: 'hidden',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12px', maxHeight: '14em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px', lineHeight: '18px' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent-soft)', color: 'var(--text)' },
  '.cm-completionDetail': { color: 'var(--text-faint)', fontStyle: 'normal', fontFamily: 'var(--sans)', marginLeft: '16px' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700', color: 'var(--accent)' },
});
