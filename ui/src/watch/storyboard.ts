/** One small picture of the storyboard: a part of a sheet. */
export interface Tile {
  /** Seconds that it stands for. */
  start: number;
  end: number;
  /** The sheet, as the storyboard names it. */
  sheet: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Reads a WebVTT of thumbnails: each cue names a sheet and `#xywh=` of a picture in it. */
export function parseStoryboard(text: string): Tile[] {
  const tiles: Tile[] = [];
  for (const block of text.replace(/\r\n?/g, "\n").split(/\n{2,}/)) {
    const cue = /^(?:.*\n)?([\d:.]+) +--> +([\d:.]+).*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\s*$/.exec(block);
    if (!cue) continue;
    const [x = 0, y = 0, width = 0, height = 0] = cue.slice(4).map(Number);
    tiles.push({ start: seconds(cue[1]), end: seconds(cue[2]), sheet: cue[3] ?? "", x, y, width, height });
  }
  return tiles;
}

/** The picture for a moment, seconds. */
export function tileAt(tiles: readonly Tile[], at: number): Tile | null {
  return tiles.find(({ start, end }) => start <= at && at < end) ?? null;
}

/** A named moment. */
export interface Chapter {
  start: number;
  title: string;
}

/** Reads `chapters.json`: a list, each with its start in seconds and its title. */
export function parseChapters(json: unknown): Chapter[] {
  const list = Array.isArray(json) ? json : (json as { chapters?: unknown } | null)?.chapters;
  if (!Array.isArray(list)) return [];
  return list.flatMap((chapter: { start?: unknown; start_secs?: unknown; title?: unknown } | null) => {
    const start = chapter?.start_secs ?? chapter?.start;
    const title = typeof chapter?.title === "string" ? chapter.title : "";
    return typeof start === "number" && start >= 0 ? [{ start, title }] : [];
  });
}

/** The chapter that a moment lies in. */
export function chapterAt(chapters: readonly Chapter[], at: number): Chapter | null {
  return chapters.reduce<Chapter | null>((last, next) => (next.start <= at ? next : last), null);
}

/** `1:02:03.450` or `02:03.450`. */
function seconds(stamp = ""): number {
  return stamp.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
