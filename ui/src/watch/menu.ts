import { byId } from "./dom.ts";

/** One thing to choose. */
export interface Choice {
  value: number;
  title: string;
  note: string;
}

/** What a menu shows. */
export interface Shown {
  choices: Choice[];
  /** The chosen one. */
  chosen: number;
  /** What is on now, where that is something else than what was chosen. */
  now: number | null;
}

/** A button, and above it a list of which one is chosen. */
export class Menu {
  private readonly menu: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly key: string;
  private readonly pick: (value: number) => void;
  private filled = "";

  /** `name` is what the page's elements are called after; `key` closes it. */
  constructor(name: string, key: string, pick: (value: number) => void) {
    this.menu = byId(`${name}-menu`);
    this.button = byId<HTMLButtonElement>(`${name}-button`);
    this.key = key;
    this.pick = pick;
    this.button.addEventListener("click", () => this.toggle());
    this.menu.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("pointerdown", ({ target }) => {
      const outside = target instanceof Node && !this.menu.contains(target) && !this.button.contains(target);
      if (outside) this.close(false);
    });
  }

  get open(): boolean {
    return !this.menu.hidden;
  }

  toggle(): void {
    if (this.open) return this.close(true);
    if (this.button.hidden) return;
    this.menu.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.menu.querySelector<HTMLElement>('[aria-checked="true"]')?.focus();
  }

  close(refocus: boolean): void {
    if (!this.open) return;
    this.menu.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (refocus) this.button.focus();
  }

  /** Shows what there is to choose; `null`: nothing. */
  update(shown: Shown | null): void {
    this.button.hidden = shown === null;
    if (shown === null) return this.close(false);
    this.fill(shown.choices);
    for (const item of this.menu.querySelectorAll<HTMLElement>("button")) {
      const value = Number(item.dataset["index"]);
      item.setAttribute("aria-checked", String(value === shown.chosen));
      item.classList.toggle("now", value === shown.now);
    }
  }

  private fill(choices: Choice[]): void {
    const all = JSON.stringify(choices);
    if (all === this.filled) return;
    this.filled = all;
    const focused = this.menu.contains(document.activeElement);
    this.menu.replaceChildren(...choices.map((choice) => this.item(choice)));
    if (focused) this.menu.querySelector<HTMLElement>("button")?.focus();
  }

  private item({ value, title, note }: Choice): HTMLElement {
    const item = document.createElement("button");
    item.type = "button";
    item.dataset["index"] = String(value);
    item.setAttribute("role", "menuitemradio");
    item.append(span("tick", ""), span("name", title), span("note", note));
    item.addEventListener("click", () => {
      this.pick(value);
      this.close(true);
    });
    return item;
  }

  private pressed(event: KeyboardEvent): void {
    const items = [...this.menu.querySelectorAll<HTMLElement>("button")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[(to + items.length) % items.length]?.focus();
    else if (["Escape", "Tab", this.key].includes(event.key)) this.close(true);
    else if (event.key !== "Enter" && event.key !== " ") return;
    // Enter and space press the item by themselves; nothing in here is for the player.
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
  }
}

function span(className: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
