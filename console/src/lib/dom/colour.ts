/**
 * The value of a custom property as a colour a canvas understands: `light-dark()` and `var()`
 * are resolved only in a real property of a real element.
 */
export function resolvedColour(within: HTMLElement, property: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  within.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
