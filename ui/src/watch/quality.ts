import { byId } from "./dom.ts";
import type { Engine, Level } from "./engine.ts";
import { bitrate } from "./format.ts";

/** The menu of renditions. */
export class QualityMenu {
  private readonly menu = byId("quality-menu");
  private readonly button = byId<HTMLButtonElement>("quality-button");
  private readonly label = byId("quality-label");
  private engine: Engine | null = null;

  constructor() {
    this.button.addEventListener("click", () => this.toggle());
    this.menu.addEventListener("keydown", (event) => this.key(event));
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

  /** Shows what the engine now has. */
  update(engine: Engine | null): void {
    this.engine = engine;
    const levels = engine?.levels() ?? [];
    this.button.hidden = levels.length === 0;
    if (!engine || levels.length === 0) return this.close(false);
    const [chosen, now] = [engine.chosen(), levels.find((level) => level.index === engine.level())];
    this.label.textContent = chosen === -1 ? `Auto${now ? ` ${name(now)}` : ""}` : name(levels.find((l) => l.index === chosen));
    if (this.menu.children.length !== levels.length + 1) this.fill(levels);
    for (const item of this.menu.querySelectorAll<HTMLElement>("button")) {
      const index = Number(item.dataset["index"]);
      item.setAttribute("aria-checked", String(index === chosen));
      item.classList.toggle("now", index === now?.index);
    }
  }

  private fill(levels: Level[]): void {
    const rest = levels.map((level) => this.item(level.index, name(level), bitrate(level.bitrate)));
    this.menu.replaceChildren(this.item(-1, "Auto", "fits the connection"), ...rest);
  }

  private item(index: number, title: string, note: string): HTMLElement {
    const item = document.createElement("button");
    item.type = "button";
    item.dataset["index"] = String(index);
    item.setAttribute("role", "menuitemradio");
    item.append(span("tick", ""), span("name", title), span("note", note));
    item.addEventListener("click", () => {
      this.engine?.setLevel(index);
      this.close(true);
    });
    return item;
  }

  private key(event: KeyboardEvent): void {
    const items = [...this.menu.querySelectorAll<HTMLElement>("button")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[(to + items.length) % items.length]?.focus();
    else if (event.key === "Escape" || event.key === "Tab" || event.key === "q") this.close(true);
    else if (event.key !== "Enter" && event.key !== " ") return;
    // Enter and space press the item by themselves; nothing in here is for the player.
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
  }
}

function name(level: Level | undefined): string {
  return level && level.height > 0 ? `${level.height}p` : level ? bitrate(level.bitrate) : "";
}

function span(className: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
