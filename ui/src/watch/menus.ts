import { byId } from "./dom.ts";
import type { Engine, Level } from "./engine.ts";
import { bitrate } from "./format.ts";
import { nameOf, OFF, type Track } from "./language.ts";
import { Menu, type Shown } from "./menu.ts";

/** The menus of the bar: quality, language and subtitles. */
export class Menus {
  readonly quality = new Menu("quality", "q", (index) => this.engine?.setLevel(index));
  readonly audio = new Menu("audio", "a", (index) => this.engine?.setAudio(index));
  readonly text = new Menu("text", "c", (index) => this.engine?.setText(index));
  private engine: Engine | null = null;

  get open(): boolean {
    return this.quality.open || this.audio.open || this.text.open;
  }

  /** Shows what the engine now has. */
  update(engine: Engine | null): void {
    this.engine = engine;
    this.quality.update(engine && qualities(engine));
    this.audio.update(engine && languages(engine.audios(), engine.audio()));
    this.text.update(engine && subtitles(engine.texts(), engine.text()));
    if (engine) byId("quality-label").textContent = label(engine);
    // Whoever wants none may still be shown the forced ones: those are no choice.
    const on = engine?.texts().some((track) => track.index === engine.text() && !track.forced) ?? false;
    byId("text-button").setAttribute("aria-pressed", String(on));
  }
}

function qualities(engine: Engine): Shown | null {
  const levels = engine.levels();
  if (levels.length === 0) return null;
  const rest = levels.map((level) => ({ value: level.index, title: name(level), note: bitrate(level.bitrate) }));
  return {
    choices: [{ value: -1, title: "Auto", note: "fits the connection" }, ...rest],
    chosen: engine.chosen(),
    now: engine.level(),
  };
}

function languages(tracks: Track[], chosen: number): Shown | null {
  if (tracks.length < 2) return null;
  const choices = tracks.map((track, i) => ({ value: track.index, title: nameOf(track, i), note: track.lang }));
  return { choices, chosen, now: null };
}

function subtitles(tracks: Track[], shown: number): Shown | null {
  const whole = tracks.filter((track) => !track.forced);
  if (whole.length === 0) return null;
  const rest = whole.map((track, i) => ({ value: track.index, title: nameOf(track, i), note: track.lang }));
  const chosen = whole.some((track) => track.index === shown) ? shown : OFF;
  return { choices: [{ value: OFF, title: "Off", note: "" }, ...rest], chosen, now: null };
}

function label(engine: Engine): string {
  const named = (index: number) => name(engine.levels().find((level) => level.index === index));
  return engine.chosen() === -1 ? `Auto ${named(engine.level())}`.trim() : named(engine.chosen());
}

function name(level: Level | undefined): string {
  return level && level.height > 0 ? `${level.height}p` : level ? bitrate(level.bitrate) : "";
}
