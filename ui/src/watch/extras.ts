import type { Address } from "./address.ts";
import type { SeekBar } from "./seek-bar.ts";
import { parseChapters, parseStoryboard } from "./storyboard.ts";

/** Poster, storyboard and chapters: each is shown where `info.json` names it, and asked for nowhere else. */
export class Extras {
  private shown = new Set<string>();
  private readonly video: HTMLVideoElement;
  private readonly bar: SeekBar;

  constructor(video: HTMLVideoElement, bar: SeekBar) {
    this.video = video;
    this.bar = bar;
  }

  /** Another asset: nothing is known of it yet. */
  clear(): void {
    this.shown.clear();
    this.video.removeAttribute("poster");
    this.bar.setTiles([], "");
    this.bar.setChapters([]);
  }

  /** Takes what an `info.json` names and what is not there yet. */
  offer(address: Address, info: unknown): void {
    const { version, files } = (info ?? {}) as { version?: unknown; files?: unknown };
    if (typeof version !== "string" || !Array.isArray(files)) return;
    const folder = `${address.info.replace(/info\.json$/, "")}${version}/`;
    const take = (name: string, show: (url: string) => unknown) => {
      const url = folder + name;
      if (!files.includes(name) || this.shown.has(url)) return;
      this.shown.add(url);
      void Promise.resolve(show(url)).catch(() => this.shown.delete(url));
    };
    take("poster.jpg", (url) => (this.video.poster = url));
    take("storyboard.vtt", async (url) => this.bar.setTiles(parseStoryboard(await text(url)), folder));
    take("chapters.json", async (url) => this.bar.setChapters(parseChapters(JSON.parse(await text(url)))));
  }
}

async function text(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}
