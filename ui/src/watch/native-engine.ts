import type { Engine, Facts, Level, Listener } from "./engine.ts";
import { pickAudio, pickText, remembered, Wanted, type Track } from "./language.ts";

/** What only Safari has: the tracks to hear, each with a switch of its own. */
interface AudioTracks extends EventTarget, Iterable<HeardTrack> {}
interface HeardTrack {
  language: string;
  label: string;
  enabled: boolean;
}

/** Plays with the browser's own HLS, where there is no Media Source (older iPhones). */
export class NativeEngine implements Engine {
  static supported(video: HTMLVideoElement): boolean {
    return video.canPlayType("application/vnd.apple.mpegurl") !== "";
  }

  private url = "";
  private at = 0;
  private stopped = false;
  private readonly wanted = new Wanted();
  private readonly events = new AbortController();
  private readonly video: HTMLVideoElement;

  constructor(video: HTMLVideoElement, listener: Listener) {
    this.video = video;
    const on = (type: string, then: () => void) =>
      video.addEventListener(type, then, { signal: this.events.signal });
    on("loadedmetadata", () => {
      if (this.at > 0) video.currentTime = this.at;
      this.choose();
      listener.onReady();
    });
    on("resize", () => listener.onChange());
    on("durationchange", () => listener.onChange());
    on("error", () => {
      if (this.stopped) return;
      if (video.error?.code === MediaError.MEDIA_ERR_DECODE) listener.onUnplayable(video.error.message);
      else listener.onNetworkLost();
    });
  }

  load(url: string, at: number): void {
    this.url = url;
    this.at = at;
    this.stopped = false;
    this.video.src = url;
  }

  resume(): void {
    this.load(this.url, this.video.currentTime || this.at);
  }

  stop(): void {
    this.stopped = true;
  }

  destroy(): void {
    this.stop();
    this.events.abort();
    this.video.removeAttribute("src");
    this.video.load();
  }

  levels(): Level[] {
    return [];
  }

  level(): number {
    return -1;
  }

  chosen(): number {
    return -1;
  }

  setLevel(): void {}

  audios(): Track[] {
    return this.heard().map(({ language, label }, index) => {
      return { index, lang: language, name: label, forced: false, preferred: false };
    });
  }

  audio(): number {
    return this.heard().findIndex((track) => track.enabled);
  }

  setAudio(index: number): void {
    this.wanted.audio = remembered(this.audios()[index]);
    this.choose();
  }

  texts(): Track[] {
    return [...this.video.textTracks].map(({ language, label, kind }, index) => {
      const forced = (kind as string) === "forced";
      return { index, lang: language, name: label, forced, preferred: false };
    });
  }

  text(): number {
    return [...this.video.textTracks].findIndex((track) => track.mode === "showing");
  }

  setText(index: number): void {
    this.wanted.text = remembered(this.texts()[index]);
    this.choose();
  }

  /** The browser's own player reads a playlist once; another look would stop the picture. */
  renew(): Promise<boolean> {
    return Promise.resolve(false);
  }

  facts(): Facts {
    return { bitrate: null, throughput: null, growing: this.video.duration === Infinity };
  }

  private choose(): void {
    const { audio, text } = this.wanted;
    const heard = audio === null ? this.audio() : pickAudio(this.audios(), audio);
    this.heard().forEach((track, index) => (track.enabled = index === heard));
    const shown = pickText(this.texts(), text, this.audios()[heard]?.lang ?? "");
    [...this.video.textTracks].forEach((track, index) => (track.mode = index === shown ? "showing" : "disabled"));
  }

  private heard(): HeardTrack[] {
    return [...((this.video as { audioTracks?: AudioTracks }).audioTracks ?? [])];
  }
}
