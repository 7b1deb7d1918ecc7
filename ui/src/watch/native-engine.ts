import type { Engine, Facts, Level, Listener } from "./engine.ts";

/** Plays with the browser's own HLS, where there is no Media Source (older iPhones). */
export class NativeEngine implements Engine {
  static supported(video: HTMLVideoElement): boolean {
    return video.canPlayType("application/vnd.apple.mpegurl") !== "";
  }

  private url = "";
  private at = 0;
  private stopped = false;
  private readonly events = new AbortController();
  private readonly video: HTMLVideoElement;

  constructor(video: HTMLVideoElement, listener: Listener) {
    this.video = video;
    const on = (type: string, then: () => void) =>
      video.addEventListener(type, then, { signal: this.events.signal });
    on("loadedmetadata", () => {
      if (this.at > 0) video.currentTime = this.at;
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

  facts(): Facts {
    return { bitrate: null, throughput: null, growing: this.video.duration === Infinity };
  }
}
