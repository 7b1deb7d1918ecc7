/** Clocks are coarse in some browsers: so much earlier may a request seem to start, milliseconds. */
const COARSE_MS = 2;

/** What is read of a `PerformanceResourceTiming`. */
export interface Timing {
  startTime: number;
  transferSize: number;
  decodedBodySize: number;
}

/**
 * Whether the request begun at `since` was answered by the browser's own cache. Then its
 * headers are those of another day, and its speed is that of a disk.
 */
export function fromBrowser(url: string, since: number): boolean {
  return isOwn(performance.getEntriesByName(url, "resource") as PerformanceResourceTiming[], since);
}

/** Of all timings of one address, the last one counts. Both sizes are 0 where none may be known. */
export function isOwn(timings: readonly Timing[], since: number): boolean {
  const last = timings[timings.length - 1];
  if (!last || last.startTime < since - COARSE_MS) return false;
  return last.transferSize === 0 && last.decodedBodySize > 0;
}

/** Browsers keep some 250 timings and then no more; a long film has more segments. */
export function keepTiming(): void {
  performance.addEventListener("resourcetimingbufferfull", () => performance.clearResourceTimings());
}
