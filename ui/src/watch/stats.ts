import { popOf } from "./cache-status.ts";
import type { Loaded } from "./engine.ts";
import type { Session } from "./session.ts";

/** Segments kept for the strip. */
const HISTORY_MAX = 40;

/** What the panel shows and scripts read. `null`: not known (yet). */
export interface Stats {
  /** Of what is on screen, bits per second. */
  bitrate: number | null;
  /** Estimate of the connection, bits per second. */
  throughput: number | null;
  width: number;
  height: number;
  /** Loaded ahead, seconds. */
  buffer: number;
  dropped: number;
  decoded: number;
  /** First frame, without the wait for packaging; milliseconds. */
  startupMs: number | null;
  /** Times the picture stood for want of media, and for how long in all. */
  stalls: number;
  stalledMs: number;
  /** Of the last segment: where it came from, and how (`hit`, `miss`, …; `browser`: from its own cache). */
  pop: string | null;
  cache: string | null;
  position: number;
  duration: number;
  /** Still being encoded: `duration` is what is known so far. */
  growing: boolean;
}

/** Watches one video element. */
export class Meter {
  /** From navigation to the first frame on screen, milliseconds. */
  firstFrameMs: number | null = null;
  readonly history: Loaded[] = [];

  private played = false;
  private stalls = 0;
  private stalledMs = 0;
  private stalledSince: number | null = null;
  private waitedMs = 0;
  private readonly video: HTMLVideoElement;
  private readonly session: Session;

  constructor(video: HTMLVideoElement, session: Session) {
    this.video = video;
    this.session = session;
    this.watchFirstFrame();
    video.addEventListener("waiting", () => this.stalled());
    video.addEventListener("playing", () => (this.played = true));
    for (const type of ["playing", "pause", "seeking", "ended", "emptied"]) {
      video.addEventListener(type, () => this.stallEnded());
    }
  }

  add(segment: Loaded): void {
    this.history.push(segment);
    if (this.history.length > HISTORY_MAX) this.history.shift();
  }

  read(): Stats {
    const { video, session } = this;
    const facts = session.engine?.facts();
    const segment = this.history[this.history.length - 1];
    const last = segment?.cache ?? null;
    const quality = video.getVideoPlaybackQuality?.();
    return {
      bitrate: facts?.bitrate ?? null,
      throughput: facts?.throughput ?? null,
      width: video.videoWidth,
      height: video.videoHeight,
      buffer: session.ahead(),
      dropped: quality?.droppedVideoFrames ?? 0,
      decoded: quality?.totalVideoFrames ?? 0,
      startupMs: this.firstFrameMs === null ? null : this.firstFrameMs - this.waitedMs,
      stalls: this.stalls,
      stalledMs: this.stalledMs + (this.stalledSince === null ? 0 : performance.now() - this.stalledSince),
      pop: last && popOf(last.cache),
      cache: segment?.own ? "browser" : last && last.outcome + (last.collapsed ? ", shared" : ""),
      position: video.currentTime,
      duration: Number.isFinite(video.duration) ? video.duration : 0,
      growing: facts?.growing ?? false,
    };
  }

  private watchFirstFrame(): void {
    const seen = () => {
      if (this.firstFrameMs !== null) return;
      this.firstFrameMs = performance.now();
      this.waitedMs = this.session.waitedMs;
    };
    // A hidden page presents no frames, but time goes on; and an audio-only asset has none.
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(seen);
    this.video.addEventListener("timeupdate", () => this.video.currentTime > 0 && !this.video.seeking && seen());
  }

  private stalled(): void {
    if (!this.played || this.video.seeking || this.stalledSince !== null) return;
    this.stalls += 1;
    this.stalledSince = performance.now();
  }

  private stallEnded(): void {
    if (this.stalledSince === null) return;
    this.stalledMs += performance.now() - this.stalledSince;
    this.stalledSince = null;
  }
}
