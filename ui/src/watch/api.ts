import type { About } from "./about.ts";
import type { Level } from "./engine.ts";
import type { Track } from "./language.ts";
import { messageFor } from "./problem.ts";
import type { Progress } from "./progress.ts";
import type { Renewal } from "./renewal.ts";
import type { Session } from "./session.ts";
import type { Meter, Stats } from "./stats.ts";

/** What the page is doing, for tests and scripts. */
export type State =
  | "loading"
  | "preparing"
  | "offline"
  | "playing"
  | "paused"
  | "buffering"
  | "ended"
  | "failed";

/** `window.weir`. */
export interface Api {
  readonly state: State;
  /** From navigation start to the first frame on screen, milliseconds. */
  readonly firstFrameMs: number | null;
  /** What the viewer is told, while there is trouble. */
  readonly error: { kind: string; title: string; hint: string; detail: string | null } | null;
  /** The rendition on screen, or -1; and the chosen one, -1 for automatic. */
  readonly level: number;
  readonly chosen: number;
  levels(): Level[];
  setLevel(index: number): void;
  /** What is heard, and the subtitles shown; -1 for none. */
  readonly audio: number;
  readonly text: number;
  audios(): Track[];
  setAudio(index: number): void;
  texts(): Track[];
  setText(index: number): void;
  /** How far the asset is, by the server's last word. */
  readonly progress: Progress | null;
  /** How often new renditions were taken over while it played. */
  readonly renewals: number;
  stats(): Stats;
}

/** Who knows what. */
interface Sources {
  meter: Meter;
  about: About;
  renewal: Renewal;
}

declare global {
  interface Window {
    weir: Api;
  }
}

/** The page as `window.weir`. */
export function api(video: HTMLVideoElement, session: Session, { meter, about, renewal }: Sources): Api {
  return {
    get state() {
      const state = stateOf(video);
      if (session.phase === "open") return state;
      // Nobody misses the network while the buffer lasts.
      return session.phase === "offline" && state === "playing" ? state : session.phase;
    },
    get firstFrameMs() {
      return meter.firstFrameMs;
    },
    get error() {
      const { problem } = session;
      return problem && { kind: problem.kind, ...messageFor(problem), detail: problem.detail };
    },
    get level() {
      return session.engine?.level() ?? -1;
    },
    get chosen() {
      return session.engine?.chosen() ?? -1;
    },
    levels: () => session.engine?.levels() ?? [],
    setLevel: (index) => session.engine?.setLevel(index),
    get audio() {
      return session.engine?.audio() ?? -1;
    },
    get text() {
      return session.engine?.text() ?? -1;
    },
    audios: () => session.engine?.audios() ?? [],
    setAudio: (index) => session.engine?.setAudio(index),
    texts: () => session.engine?.texts() ?? [],
    setText: (index) => session.engine?.setText(index),
    get progress() {
      return about.progress;
    },
    get renewals() {
      return renewal.done;
    },
    stats: () => meter.read(),
  };
}

function stateOf(video: HTMLVideoElement): State {
  if (video.ended) return "ended";
  if (video.paused) return "paused";
  return video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA ? "buffering" : "playing";
}
