import { isPassing, parseProblem, unreachable, type Problem } from "./problem.ts";

/** Longest wait for one answer. Chosen: above the edge's own waits for its origin. */
const ANSWER_MAX_MS = 15_000;
/** Pace of asking again where the server names none: doubled from the first to the last. */
const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 8_000;
/** A longer `Retry-After` than this is not waited for in full. */
const RETRY_AFTER_MAX_MS = 30_000;

/** Ended by the caller. */
export class Stopped extends Error {}

/** The server meant it; asking again changes nothing. */
export class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.kind);
    this.problem = problem;
  }
}

/** How one waits: until `stop` ends it, and no longer than to a `hurry` event. */
export interface Patience {
  stop: AbortSignal;
  hurry: EventTarget;
}

/**
 * Asks for the playlist until it is there, telling `onWait` of each problem that passes.
 * Throws {@link Refused} for one that does not.
 */
export async function untilPlayable(
  url: string,
  { stop, hurry }: Patience,
  onWait: (problem: Problem) => void,
): Promise<void> {
  for (let pace = RETRY_FIRST_MS; ; pace = Math.min(pace * 2, RETRY_LAST_MS)) {
    const problem = await ask(url, stop);
    if (stop.aborted) throw new Stopped();
    if (problem === null) return;
    if (!isPassing(problem)) throw new Refused(problem);
    onWait(problem);
    const asked = problem.retryAfter;
    await pause(asked === null ? pace : Math.min(Math.max(asked, 500), RETRY_AFTER_MAX_MS), { stop, hurry });
    if (asked !== null) pace = RETRY_FIRST_MS;
  }
}

/** `null`: the playlist is there. The player then finds it in the browser's cache. */
async function ask(url: string, stop: AbortSignal): Promise<Problem | null> {
  const limit = new AbortController();
  const cancel = () => limit.abort();
  const timer = setTimeout(cancel, ANSWER_MAX_MS);
  stop.addEventListener("abort", cancel);
  try {
    const answer = await fetch(url, { signal: limit.signal });
    const body = await answer.text();
    if (answer.ok) return null;
    return parseProblem(answer.status, body, answer.headers.get("retry-after"));
  } catch {
    return unreachable();
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", cancel);
  }
}

/** Waits; less when the network comes back, or news do. */
function pause(ms: number, { stop, hurry }: Patience): Promise<void> {
  return new Promise((resolve) => {
    const ends: [EventTarget, string][] = [[window, "online"], [hurry, "hurry"], [stop, "abort"]];
    const done = () => {
      clearTimeout(timer);
      ends.forEach(([target, type]) => target.removeEventListener(type, done));
      resolve();
    };
    const timer = setTimeout(done, ms);
    ends.forEach(([target, type]) => target.addEventListener(type, done));
  });
}
