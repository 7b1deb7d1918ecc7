import { byId, saved, setLabel } from "./dom.ts";
import type { Loaded } from "./engine.ts";
import { bitrate, secondsOf } from "./format.ts";
import type { Meter, Stats } from "./stats.ts";

const EVERY_MS = 500;
/** Media ahead that fills the buffer's bar, seconds: what hls.js aims at. */
const BUFFER_FULL_SECS = 30;
const BAR = { step: 6, width: 4, height: 32 };

/** The overlay with the numbers. */
export class Panel {
  private readonly element = byId("stats");
  private readonly button = byId<HTMLButtonElement>("stats-button");
  private readonly strip = byId<SVGSVGElement>("s-strip");
  private readonly meter: Meter;
  private timer: number | undefined;

  constructor(meter: Meter) {
    this.meter = meter;
    this.button.addEventListener("click", () => this.toggle());
    byId("stats-close").addEventListener("click", () => this.toggle(false));
    const wide = matchMedia("(min-width: 900px) and (min-height: 500px)").matches;
    this.show(wide && saved.get("stats") !== "off");
  }

  toggle(on = Boolean(this.element.hidden)): void {
    saved.set("stats", on ? "on" : "off");
    this.show(on);
  }

  /** Draws the numbers of this moment. */
  draw(): void {
    if (this.element.hidden) return;
    const stats = this.meter.read();
    for (const [id, text] of rows(stats)) byId(id).textContent = text;
    byId("s-cache").dataset["cache"] = stats.cache?.split(",")[0] ?? "";
    byId("s-buffer-bar").style.setProperty("--full", String(Math.min(stats.buffer / BUFFER_FULL_SECS, 1)));
    this.drawStrip(this.meter.history);
  }

  private show(on: boolean): void {
    this.element.hidden = !on;
    this.button.setAttribute("aria-expanded", String(on));
    setLabel(this.button, on ? "Hide numbers" : "Show numbers", "i");
    window.clearInterval(this.timer);
    if (on) this.timer = window.setInterval(() => this.draw(), EVERY_MS);
    this.draw();
  }

  /** One bar a segment: as tall as it came fast, coloured by where it came from. */
  private drawStrip(history: readonly Loaded[]): void {
    const fastest = Math.max(...history.map((segment) => segment.throughput ?? 0), 1);
    const bars = history.map((segment, i) => {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = Math.max(4, BAR.height * Math.sqrt((segment.throughput ?? 0) / fastest));
      const at = { x: i * BAR.step, y: BAR.height - height, width: BAR.width, height, rx: 1.5 };
      for (const [name, value] of Object.entries(at)) bar.setAttribute(name, String(value));
      bar.setAttribute("class", source(segment));
      return bar;
    });
    this.strip.replaceChildren(...bars);
  }
}

function source({ own, cache }: Loaded): string {
  if (own) return "own";
  return cache?.outcome === "hit" ? "hit" : "miss";
}

function rows(stats: Stats): [string, string][] {
  const known = <T>(value: T | null, show: (value: T) => string) => (value === null ? "–" : show(value));
  return [
    ["s-resolution", stats.height > 0 ? `${stats.width} × ${stats.height}` : "–"],
    ["s-bitrate", known(stats.bitrate, bitrate)],
    ["s-throughput", known(stats.throughput, bitrate)],
    ["s-buffer", `${stats.buffer.toFixed(1)} s`],
    ["s-dropped", `${stats.dropped} of ${stats.decoded}`],
    ["s-startup", known(stats.startupMs, secondsOf)],
    ["s-stalls", stats.stalls === 0 ? "none" : `${stats.stalls} · ${secondsOf(stats.stalledMs)}`],
    ["s-pop", stats.pop ?? ""],
    ["s-cache", stats.cache ?? "–"],
  ];
}
