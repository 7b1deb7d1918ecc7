import type { CacheStatus } from "./cache-status.ts";
import type { Track } from "./language.ts";
import type { Problem } from "./problem.ts";

/** One rendition to choose. */
export interface Level {
  /** What {@link Engine.setLevel} takes. */
  index: number;
  width: number;
  height: number;
  /** Declared peak, bits per second. */
  bitrate: number;
}

/** One media segment that was loaded. */
export interface Loaded {
  /** It came from the browser's own cache: no server was asked. */
  own: boolean;
  /** Bits per second while it came; `null` when nothing came over the network. */
  throughput: number | null;
  /** The nearest cache's word on it, where one was asked and gave one. */
  cache: CacheStatus | null;
}

/** What an engine knows; `null` where it can't know. */
export interface Facts {
  /** Of the segments now playing, bits per second. */
  bitrate: number | null;
  /** Estimate of the connection, bits per second. */
  throughput: number | null;
  /** The stream is still being encoded. */
  growing: boolean;
}

/** What an engine tells. */
export interface Listener {
  /** Playlist read: `play()` makes sense, levels are known. */
  onReady(): void;
  /** Another rendition, or the stream grew or was sealed. */
  onChange(): void;
  onLoaded(segment: Loaded): void;
  /** A problem; the engine goes on trying by itself. */
  onRetrying(problem: Problem): void;
  /** The server refuses; the engine stopped loading. */
  onRefused(problem: Problem): void;
  /** Loading stopped, for want of an answer or for a reason unknown. */
  onNetworkLost(): void;
  /** What was loaded can't be played. */
  onUnplayable(reason: string): void;
}

/** What plays: hls.js, or the browser itself. */
export interface Engine {
  load(url: string, at: number): void;
  /** Goes on after {@link Listener.onNetworkLost}. */
  resume(): void;
  /** Loads nothing more; what is loaded stays playable. */
  stop(): void;
  destroy(): void;
  /** From the best down. Empty where there is no choice. */
  levels(): Level[];
  /** The one on screen, or -1. */
  level(): number;
  /** The chosen one; -1 is automatic. */
  chosen(): number;
  setLevel(index: number): void;
  /** Languages to hear; which one is heard, or -1. */
  audios(): Track[];
  audio(): number;
  setAudio(index: number): void;
  /** Subtitles; which are shown, or {@link OFF}. */
  texts(): Track[];
  text(): number;
  setText(index: number): void;
  /**
   * Reads anew which renditions there are, while what is playing plays on. True when
   * there were more than before.
   */
  renew(): Promise<boolean>;
  facts(): Facts;
}
