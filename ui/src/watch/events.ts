import { isFinal, parseProgress, type Progress } from "./progress.ts";

/** Failures in a row after which the page asks instead of being told. */
const FAILURES_MAX = 2;
/** Pause before a refused stream of events is tried again. Chosen. */
const AGAIN_MS = 1_000;
/** Pace of asking. Chosen: nobody waits much longer for the picture. */
const ASK_EVERY_MS = 3_000;

/** Where news of an asset come from. */
export interface Sources {
  events: string;
  /** Asked where the events don't come: gives the same. */
  ask: () => Promise<Progress | null>;
}

/** Tells of every change until the asset is ready or failed, or `stop`. */
export function follow({ events, ask }: Sources, stop: AbortSignal, tell: (news: Progress) => void): void {
  let failures = 0;
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    source?.close();
    clearTimeout(timer);
  };
  const told = (news: Progress | null) => {
    if (stop.aborted || news === null) return false;
    tell(news);
    return isFinal(news);
  };
  const listen = () => {
    source = new EventSource(events);
    source.addEventListener("state", ({ data }: MessageEvent<string>) => {
      failures = 0;
      if (told(read(data))) end();
    });
    source.addEventListener("error", () => {
      failures += 1;
      if (failures >= FAILURES_MAX) {
        end();
        void poll();
      } else if (source?.readyState === EventSource.CLOSED) {
        // It was refused, and the browser gives up; a cut stream it opens again by itself.
        timer = setTimeout(listen, AGAIN_MS);
      }
    });
  };
  const poll = async (): Promise<void> => {
    const done = told(await ask());
    if (!done && !stop.aborted) timer = setTimeout(() => void poll(), ASK_EVERY_MS);
  };
  stop.addEventListener("abort", end);
  if (typeof EventSource === "function") listen();
  else void poll();
}

function read(data: string): Progress | null {
  try {
    return parseProgress(JSON.parse(data));
  } catch {
    return null;
  }
}
