import type { Attachment } from 'svelte/attachments';

/** Closes a popover on a press outside of it, on Escape, and when the focus goes elsewhere. */
export function dismissable(close: () => void): Attachment<HTMLElement> {
  return (element) => {
    const outside = (event: Event): void => {
      if (!event.composedPath().includes(element)) close();
    };
    const escape = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    };
    document.addEventListener('pointerdown', outside, true);
    document.addEventListener('focusin', outside);
    element.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', outside, true);
      document.removeEventListener('focusin', outside);
      element.removeEventListener('keydown', escape);
    };
  };
}
