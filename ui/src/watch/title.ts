import { byId } from "./dom.ts";

/** The name in an `info.json`: its `title` without the file's extension. */
export function nameIn(info: unknown): string | null {
  const { title } = (info ?? {}) as { title?: unknown };
  if (typeof title !== "string") return null;
  // An extension has a letter in it: "Episode 1.5" has none.
  return title.trim().replace(/(?<=[^.])\.(?=\d*[a-z])[a-z0-9]{2,5}$/i, "") || null;
}

/** The video's name, in the heading and on the browser's tab. */
export function showTitle(name: string): void {
  byId("title").textContent = name;
  document.title = `${name} · Weir`;
}
