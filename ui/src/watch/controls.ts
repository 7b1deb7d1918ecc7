import { byId, saved, setIcon, setLabel } from "./dom.ts";
import type { SeekBar } from "./seek-bar.ts";

/** The pointer rests this long, and the controls of a playing video go. */
const IDLE_MS = 3_000;
/** A stall shorter than this shows no spinner. */
const SPINNER_AFTER_MS = 300;

type WithWebkit = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Play, volume, fullscreen: the bar, and the same by pointer on the picture. */
export class Controls {
  /** Set by the page: keeps the bar while something in it is open. */
  busy: () => boolean = () => false;

  private readonly stage = byId("stage");
  private readonly playButton = byId<HTMLButtonElement>("play-button");
  private readonly bigPlay = byId<HTMLButtonElement>("big-play");
  private readonly muteButton = byId<HTMLButtonElement>("mute-button");
  private readonly unmute = byId<HTMLButtonElement>("unmute");
  private readonly volume = byId<HTMLInputElement>("volume");
  private readonly screenButton = byId<HTMLButtonElement>("screen-button");
  private readonly video: HTMLVideoElement;
  private readonly bar: SeekBar;
  private idleTimer: number | undefined;
  private spinnerTimer: number | undefined;

  constructor(video: HTMLVideoElement, bar: SeekBar) {
    this.video = video;
    this.bar = bar;
    this.restoreVolume();
    this.wireButtons();
    this.wireVideo();
    this.wirePointer();
    this.drawPlay();
    this.drawVolume();
    this.drawScreen();
  }

  togglePlay(): void {
    if (this.video.paused || this.video.ended) void this.video.play().catch(() => {});
    else this.video.pause();
  }

  seekBy(seconds: number): void {
    this.bar.seekTo(this.video.currentTime + seconds);
  }

  /** `part` of the whole, 0 to 1. */
  seekToPart(part: number): void {
    this.bar.seekTo(part * this.bar.duration());
  }

  changeVolume(by: number): void {
    this.video.volume = Math.min(1, Math.max(0, Math.round((this.video.volume + by) * 20) / 20));
    this.video.muted = this.video.volume === 0;
  }

  toggleMute(): void {
    this.video.muted = !this.video.muted;
    if (!this.video.muted && this.video.volume === 0) this.video.volume = 0.5;
  }

  toggleFullscreen(): void {
    const video = this.video as WithWebkit;
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.stage.requestFullscreen) void this.stage.requestFullscreen().catch(() => {});
    else video.webkitEnterFullscreen?.();
  }

  /** Sound was forbidden: offer it. */
  offerSound(): void {
    this.unmute.hidden = false;
    this.wake();
  }

  /** Shows the controls, until the pointer rests. */
  wake(): void {
    delete this.stage.dataset["idle"];
    window.clearTimeout(this.idleTimer);
    this.idleTimer = window.setTimeout(() => this.rest(), IDLE_MS);
  }

  private wireButtons(): void {
    const press = (button: HTMLElement, act: () => void) => button.addEventListener("click", act);
    press(this.playButton, () => this.togglePlay());
    press(this.bigPlay, () => this.togglePlay());
    press(this.muteButton, () => this.toggleMute());
    press(this.unmute, () => (this.video.muted = false));
    press(this.screenButton, () => this.toggleFullscreen());
    this.volume.addEventListener("input", () => {
      this.video.volume = Number(this.volume.value);
      this.video.muted = this.video.volume === 0;
    });
    // After a press by pointer, space is for the video again and not for that button.
    this.stage.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (event.detail > 0 && !button?.getAttribute("aria-haspopup")) button?.blur();
    });
  }

  private wireVideo(): void {
    const on = (types: string[], then: () => void) =>
      types.forEach((type) => this.video.addEventListener(type, then));
    on(["play", "pause", "ended", "emptied"], () => this.drawPlay());
    on(["volumechange"], () => this.drawVolume());
    on(["waiting", "seeking"], () => this.spin(true));
    on(["playing", "seeked", "canplay", "pause", "ended", "emptied"], () => this.spin(false));
    document.addEventListener("fullscreenchange", () => this.drawScreen());
  }

  private wirePointer(): void {
    let touched = false;
    for (const type of ["pointermove", "keydown", "focusin"]) {
      this.stage.addEventListener(type, (event) => {
        if (!(event instanceof PointerEvent) || event.pointerType !== "touch") this.wake();
      });
    }
    this.video.addEventListener("pointerdown", (event) => (touched = event.pointerType === "touch"));
    this.video.addEventListener("click", () => {
      if (!touched) return this.togglePlay();
      // A finger asks for the controls first, or sends them away.
      if (this.stage.dataset["idle"] === undefined) this.rest();
      else this.wake();
    });
    this.video.addEventListener("dblclick", () => touched || this.toggleFullscreen());
    byId("bar").addEventListener("pointerdown", () => this.wake());
    this.stage.addEventListener("mouseleave", () => this.rest());
  }

  private rest(): void {
    const watched = this.stage.querySelector("#bar :focus-visible") !== null;
    if (this.video.paused || this.busy() || watched) return this.wake();
    window.clearTimeout(this.idleTimer);
    this.stage.dataset["idle"] = "";
  }

  private spin(on: boolean): void {
    window.clearTimeout(this.spinnerTimer);
    if (!on) delete this.stage.dataset["waiting"];
    else this.spinnerTimer = window.setTimeout(() => (this.stage.dataset["waiting"] = ""), SPINNER_AFTER_MS);
  }

  private drawPlay(): void {
    const { paused, ended } = this.video;
    setIcon(this.playButton, ended ? "replay" : paused ? "play" : "pause");
    setIcon(this.bigPlay, ended ? "replay" : "play");
    setLabel(this.playButton, ended ? "Play again" : paused ? "Play" : "Pause", "k");
    setLabel(this.bigPlay, ended ? "Play again" : "Play", "k");
    this.stage.dataset["paused"] = String(paused);
    this.wake();
  }

  private drawVolume(): void {
    const { muted, volume } = this.video;
    const level = muted ? 0 : volume;
    setIcon(this.muteButton, level === 0 ? "muted" : "sound");
    setLabel(this.muteButton, muted ? "Sound on" : "Sound off", "m");
    this.volume.value = String(level);
    this.volume.style.setProperty("--played", `${level * 100}%`);
    if (!muted) this.unmute.hidden = true;
    saved.set("volume", String(volume));
  }

  private drawScreen(): void {
    const full = document.fullscreenElement !== null;
    setIcon(this.screenButton, full ? "shrink" : "grow");
    setLabel(this.screenButton, full ? "Leave fullscreen" : "Fullscreen", "f");
  }

  private restoreVolume(): void {
    const volume = Number(saved.get("volume") ?? "1");
    if (volume > 0 && volume <= 1) this.video.volume = volume;
  }
}
