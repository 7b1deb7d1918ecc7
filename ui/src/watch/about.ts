import type { Address } from "./address.ts";
import { follow } from "./events.ts";
import { Extras } from "./extras.ts";
import { isFinal, parseProgress, type Progress } from "./progress.ts";
import { nameIn, showTitle } from "./title.ts";

/** What is known of the asset besides its media: name, pictures, chapters, and how far it is. */
export class About {
  /** The last news. */
  progress: Progress | null = null;

  private address: Address | null = null;
  private stop = new AbortController();
  private readonly extras: Extras;
  private readonly tell: (news: Progress) => void;

  constructor(extras: Extras, tell: (news: Progress) => void) {
    this.extras = extras;
    this.tell = tell;
  }

  /** Another address, or another key for the same one. */
  async open(address: Address): Promise<void> {
    this.stop.abort();
    this.stop = new AbortController();
    const { signal } = this.stop;
    if (address.asset !== this.address?.asset) {
      showTitle(address.asset);
      this.extras.clear();
      this.progress = null;
    }
    this.address = address;
    const first = await this.ask();
    if (signal.aborted) return;
    if (first) this.heard(first);
    const sources = { events: address.events, ask: () => this.ask() };
    if (!first || !isFinal(first)) follow(sources, signal, (news) => this.heard(news));
  }

  /** Asks once. Without a name the id does, so whatever goes wrong here stays here. */
  async ask(): Promise<Progress | null> {
    const { address } = this;
    if (!address) return null;
    try {
      const answer = await fetch(address.info);
      const info: unknown = answer.ok ? await answer.json() : null;
      if (address !== this.address) return null;
      const name = nameIn(info);
      if (name !== null) showTitle(name);
      this.extras.offer(address, info);
      return parseProgress(info);
    } catch {
      return null;
    }
  }

  private heard(news: Progress): void {
    const changed = news.state !== this.progress?.state;
    const known = this.progress !== null;
    this.progress = news;
    // Pictures and chapters come with some state; which files there are, info.json says.
    if (changed && known) void this.ask();
    this.tell(news);
  }
}
