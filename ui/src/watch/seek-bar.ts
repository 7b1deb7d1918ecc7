import { byId } from "./dom.ts";
import { time } from "./format.ts";
import { chapterAt, tileAt, type Chapter, type Tile } from "./storyboard.ts";
import { stretches, trackStops } from "./track.ts";

/** The line one seeks on, with what is loaded, chapters, and a small picture under the pointer. */
export class SeekBar {
  /** More will come than the duration says. */
  growing = false;

  private readonly seek = byId<HTMLInputElement>("seek");
  private readonly tip = byId("seek-tip");
  private readonly thumb = byId("seek-thumb");
  private readonly words = byId("seek-words");
  private readonly marks = byId("seek-marks");
  private readonly video: HTMLVideoElement;
  private tiles: Tile[] = [];
  private folder = "";
  private chapters: Chapter[] = [];
  private marked = "";

  constructor(video: HTMLVideoElement) {
    this.video = video;
    this.seek.addEventListener("input", () => this.seekTo(Number(this.seek.value)));
    this.seek.addEventListener("pointermove", (event) => this.point(event));
    this.seek.addEventListener("pointerleave", () => (this.tip.hidden = true));
    for (const type of ["timeupdate", "durationchange", "progress", "seeking", "emptied"]) {
      video.addEventListener(type, () => this.draw());
    }
  }

  /** Pictures of the storyboard; `folder` is where their sheets are. */
  setTiles(tiles: Tile[], folder: string): void {
    this.tiles = tiles;
    this.folder = folder;
  }

  setChapters(chapters: Chapter[]): void {
    this.chapters = [...chapters].sort((a, b) => a.start - b.start);
    this.draw();
  }

  seekTo(seconds: number): void {
    const duration = this.duration();
    if (duration === 0) return;
    this.video.currentTime = Math.min(Math.max(seconds, 0), duration);
    this.draw();
  }

  duration(): number {
    const { duration, seekable } = this.video;
    if (Number.isFinite(duration)) return duration;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : 0;
  }

  /** Draws position, length and what is loaded. */
  draw(): void {
    const [duration, at] = [this.duration(), this.video.currentTime];
    byId("time").textContent = `${time(at)} / ${time(duration)}`;
    byId("time-more").hidden = !this.growing;
    this.seek.max = String(duration || 1);
    this.seek.disabled = duration === 0;
    this.seek.value = String(at);
    const chapter = chapterAt(this.chapters, at)?.title;
    const whole = `${time(at)} of ${time(duration)}${this.growing ? " so far" : ""}`;
    this.seek.setAttribute("aria-valuetext", chapter ? `${whole}, ${chapter}` : whole);
    this.seek.style.setProperty("--played", `${duration > 0 ? (100 * at) / duration : 0}%`);
    this.seek.style.setProperty("--stops", trackStops(stretches(this.video.buffered), duration));
    this.drawMarks(duration);
  }

  private drawMarks(duration: number): void {
    const parts = this.chapters.map(({ start }) => start / duration).filter((part) => part > 0 && part < 1);
    const all = parts.join();
    if (all === this.marked) return;
    this.marked = all;
    const marks = parts.map((part) => {
      const mark = document.createElement("i");
      mark.style.setProperty("--at", String(part));
      return mark;
    });
    this.marks.replaceChildren(...marks);
  }

  private point(event: PointerEvent): void {
    const box = this.seek.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const at = part * this.duration();
    const chapter = chapterAt(this.chapters, at)?.title;
    this.words.textContent = chapter ? `${time(at)} · ${chapter}` : time(at);
    this.drawThumb(tileAt(this.tiles, at));
    this.tip.style.setProperty("--at", String(part));
    this.tip.hidden = this.duration() === 0;
  }

  private drawThumb(tile: Tile | null): void {
    this.thumb.hidden = tile === null;
    if (!tile) return;
    const { style } = this.thumb;
    style.width = `${tile.width}px`;
    style.height = `${tile.height}px`;
    style.backgroundImage = `url("${new URL(this.folder + tile.sheet, location.href).href}")`;
    style.backgroundPosition = `-${tile.x}px -${tile.y}px`;
  }
}
