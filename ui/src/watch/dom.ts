/** The element with this id; the page's HTML has it. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no #${id} in watch.html`);
  return element as unknown as T;
}

/** Shows one of the symbols in watch.html. */
export function setIcon(button: Element, symbol: string): void {
  button.querySelector("use")?.setAttribute("href", `#i-${symbol}`);
}

/** Name of a button, for its tooltip and for assistive technology. */
export function setLabel(button: HTMLElement, label: string, key: string): void {
  button.setAttribute("aria-label", label);
  button.title = `${label} (${key})`;
}

/** A setting that outlives the visit; where storage is forbidden, it does not. */
export const saved = {
  get(name: string): string | null {
    try {
      return localStorage.getItem(`weir.${name}`);
    } catch {
      return null;
    }
  },
  set(name: string, value: string): void {
    try {
      localStorage.setItem(`weir.${name}`, value);
    } catch {
      // Nothing is lost but the memory of it.
    }
  },
};
