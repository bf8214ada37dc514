import type { Attachment } from 'svelte/attachments';

/**
 * Closes a popover on a press outside, on Escape, and when the focus goes elsewhere. Belongs on
 * the element that holds both the popover and the button that opens it.
 */
export function dismissable(isOpen: () => boolean, close: () => void): Attachment<HTMLElement> {
  return (element) => {
    const outside = (event: Event): void => {
      if (isOpen() && !event.composedPath().includes(element)) close();
    };
    const escape = (event: KeyboardEvent): void => {
      if (!isOpen() || event.key !== 'Escape') return;
      // It closes this and nothing behind it.
      event.stopPropagation();
      close();
      element.querySelector<HTMLElement>('[aria-expanded]')?.focus();
    };
    document.addEventListener('pointerdown', outside, true);
    document.addEventListener('focusin', outside);
    document.addEventListener('keydown', escape, true);
    return () => {
      document.removeEventListener('pointerdown', outside, true);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('keydown', escape, true);
    };
  };
}

/** Takes the focus when it appears. */
export const focusOnShow: Attachment<HTMLElement> = (element) => element.focus();
