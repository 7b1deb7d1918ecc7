import type { Level } from "./engine.ts";
import type { Session } from "./session.ts";

/** An edge may hold the old list of renditions for some seconds yet. */
const TRIES_MAX = 3;
const TRY_EVERY_MS = 2_000;

/** Lets the player know of renditions that were not there when it read which there are. */
export class Renewal {
  /** How often the player took new ones over. */
  done = 0;
  /** Video renditions that the player knows of or was told of. */
  private known: ReadonlySet<string> | null = null;
  private listed: readonly string[] = [];
  private busy = false;
  private readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  /** Another visit: the player is about to read which there are. */
  reset(): void {
    this.known = null;
    this.listed = [];
  }

  /** These tracks are listed now. */
  heard(tracks: readonly string[]): void {
    this.listed = tracks.filter(isVideo);
    void this.check();
  }

  /** Compares what is listed with what the player has, once both are known. */
  async check(): Promise<void> {
    const { session, listed, known } = this;
    const levels = session.engine?.levels() ?? [];
    if (this.busy || session.phase !== "open" || levels.length === 0 || listed.length === 0) return;
    const news = known ? listed.some((name) => !known.has(name)) : offersMore(listed, levels);
    this.known = new Set([...(known ?? []), ...listed]);
    if (!news) return;
    this.busy = true;
    for (let tries = 0; tries < TRIES_MAX && session.phase === "open"; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
      if (!(await session.engine?.renew())) continue;
      this.done += 1;
      break;
    }
    this.busy = false;
    // What came meanwhile was not looked at.
    void this.check();
  }
}

/** Whether the names tell of more, or of better, than the player has. */
export function offersMore(listed: readonly string[], levels: readonly Level[]): boolean {
  const best = Math.max(...levels.map(({ width, height }) => Math.min(width, height)));
  return listed.length > levels.length || listed.some((name) => shortSide(name) > best);
}

/** `v720`, `v720-source`: a video rendition is named after its short side. */
function shortSide(name: string): number {
  return Number(/^v(\d+)/.exec(name)?.[1] ?? 0);
}

function isVideo(name: string): boolean {
  return /^v\d/.test(name);
}
