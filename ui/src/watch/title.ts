import type { Address } from "./address.ts";
import { byId } from "./dom.ts";

/** The video's name, in the heading and on the browser's tab; its id until the name is known. */
export class Title {
  private address: Address | null = null;

  /** Another address, or another key for the same one. */
  open(address: Address): void {
    if (address.asset !== this.address?.asset) show(address.asset);
    this.address = address;
    void this.ask();
  }

  /** Asks once more. */
  async ask(): Promise<void> {
    const { address } = this;
    if (!address) return;
    const name = await fetchName(address.info);
    if (name !== null && address === this.address) show(name);
  }
}

/** The name in an `info.json`: its `title` without the file's extension. */
export function nameIn(info: unknown): string | null {
  const { title } = (info ?? {}) as { title?: unknown };
  if (typeof title !== "string") return null;
  // An extension has a letter in it: "Episode 1.5" has none.
  return title.trim().replace(/(?<=[^.])\.(?=\d*[a-z])[a-z0-9]{2,5}$/i, "") || null;
}

/** Without a name the id does; so whatever goes wrong here stays here. */
async function fetchName(url: string): Promise<string | null> {
  try {
    const answer = await fetch(url);
    return answer.ok ? nameIn(await answer.json()) : null;
  } catch {
    return null;
  }
}

function show(name: string): void {
  byId("title").textContent = name;
  document.title = `${name} · Weir`;
}
