/** A stretch of the video, seconds. */
export type Stretch = readonly [start: number, end: number];

/**
 * Stops of a gradient along a slider: what is loaded stands out from what is not.
 * `whole` is the video's length, seconds.
 */
export function trackStops(loaded: readonly Stretch[], whole: number): string {
  if (!(whole > 0)) return "var(--track) 0% 100%";
  const at = (seconds: number) => `${((100 * Math.min(Math.max(seconds, 0), whole)) / whole).toFixed(2)}%`;
  const stops: string[] = [];
  let done = 0;
  for (const [start, end] of loaded) {
    stops.push(`var(--track) ${at(done)} ${at(start)}`, `var(--loaded) ${at(start)} ${at(end)}`);
    done = end;
  }
  stops.push(`var(--track) ${at(done)} 100%`);
  return stops.join(", ");
}

/** What a media element has loaded. */
export function stretches(ranges: TimeRanges): Stretch[] {
  return Array.from({ length: ranges.length }, (_, i) => [ranges.start(i), ranges.end(i)] as const);
}
