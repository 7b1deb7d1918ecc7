import { isAddress, parseAddress, type Address } from "./address.ts";
import type { Engine, Listener, Loaded } from "./engine.ts";
import { Refused, untilPlayable } from "./entry.ts";
import { HlsEngine } from "./hls-engine.ts";
import { NativeEngine } from "./native-engine.ts";
import { own, type Problem } from "./problem.ts";

/** Losses in a row, without a segment between them, before the stream is called broken. Each is some 6 s of tries. */
const LOSSES_MAX = 2;
/** Media ahead that is worth playing out before the bad news, seconds. */
const WORTH_PLAYING_SECS = 0.5;

/** Where the page is. What the video itself does is asked of the video. */
export type Phase = "loading" | "preparing" | "offline" | "open" | "failed";

/** What the page shows of a session. */
export interface Scene {
  /** Another address was opened. */
  onAddress(address: Address): void;
  onPhase(phase: Phase, problem: Problem | null): void;
  /** The video can start. */
  onReady(): void;
  /** Levels, level or length changed. */
  onChange(): void;
  onLoaded(segment: Loaded): void;
  /** Bad news that the picture may outlive: playback ends where the buffer does. */
  onDoomed(problem: Problem): void;
}

/** One visit to one asset: from the address to the end, through every trouble between. */
export class Session implements Listener {
  phase: Phase = "loading";
  problem: Problem | null = null;
  engine: Engine | null = null;
  /** Milliseconds spent waiting for the asset to be packaged or for a server to answer. */
  waitedMs = 0;

  private address: Address | null = null;
  /** Where playback starts: where it was, when the same asset is opened again. */
  private at = 0;
  private losses = 0;
  private stop = new AbortController();
  private readonly hurry = new EventTarget();
  private readonly video: HTMLVideoElement;
  private readonly scene: Scene;

  constructor(video: HTMLVideoElement, scene: Scene) {
    this.video = video;
    this.scene = scene;
    video.addEventListener("waiting", () => this.doomed() && this.fail(this.problem));
  }

  /** Opens what the address bar says; a new key goes on where the old one ended. */
  async open(pathname: string, hash: string): Promise<void> {
    const parsed = parseAddress(pathname, hash);
    if (this.video.readyState > 0) this.at = this.video.currentTime;
    if (!isAddress(parsed) || parsed.asset !== this.address?.asset) this.at = 0;
    this.close();
    if (!isAddress(parsed)) return this.fail(parsed);
    this.address = parsed;
    this.scene.onAddress(parsed);
    this.enter("loading", null);
    if (await this.waitedOut(parsed)) this.start(parsed);
  }

  /** Something has changed at the server: whoever waits asks again now. */
  hurryUp(): void {
    this.hurry.dispatchEvent(new Event("hurry"));
  }

  onReady(): void {
    this.enter("open", null);
    this.scene.onReady();
  }

  onChange(): void {
    this.scene.onChange();
  }

  onLoaded(segment: Loaded): void {
    this.losses = 0;
    if (this.phase === "offline") this.enter("open", null);
    this.scene.onLoaded(segment);
  }

  onRetrying(problem: Problem): void {
    this.enter("offline", problem);
  }

  onRefused(problem: Problem): void {
    this.problem = problem;
    if (this.ahead() < WORTH_PLAYING_SECS) return this.fail(problem);
    this.enter("open", problem);
    this.scene.onDoomed(problem);
  }

  onUnplayable(reason: string): void {
    this.fail(own("unplayable", reason));
  }

  onNetworkLost(): void {
    const address = this.address;
    if (!address) return;
    this.losses += 1;
    if (this.losses > LOSSES_MAX) return this.onRefused(own("broken-stream"));
    // The playlist's answer tells why: key, asset, server or network.
    void this.waitedOut(address).then((there) => there && this.engine?.resume());
  }

  /** Media loaded ahead of what is on screen, seconds. */
  ahead(): number {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) <= currentTime + 0.1 && currentTime < buffered.end(i)) {
        return buffered.end(i) - currentTime;
      }
    }
    return 0;
  }

  private start(address: Address): void {
    const engine = HlsEngine.supported()
      ? new HlsEngine(this.video, this)
      : NativeEngine.supported(this.video)
        ? new NativeEngine(this.video, this)
        : null;
    if (!engine) return this.fail(own("unplayable", "it has neither Media Source Extensions nor HLS"));
    this.engine = engine;
    engine.load(address.media, this.at);
  }

  /** True once the playlist is there; false when this was stopped or refused. */
  private async waitedOut(address: Address): Promise<boolean> {
    const { signal } = this.stop;
    const since = performance.now();
    let asked = 0;
    try {
      await untilPlayable(address.media, { stop: signal, hurry: this.hurry }, (problem) => {
        asked += 1;
        this.enter(problem.kind.startsWith("not-yet") ? "preparing" : "offline", problem);
      });
      if (asked > 0) this.waitedMs += performance.now() - since;
      if (this.phase === "preparing") this.enter("loading", null);
      return !signal.aborted;
    } catch (error) {
      if (error instanceof Refused) this.onRefused(error.problem);
      return false;
    }
  }

  private doomed(): boolean {
    return this.phase === "open" && this.problem !== null;
  }

  private fail(problem: Problem | null): void {
    this.engine?.stop();
    this.video.pause();
    this.enter("failed", problem);
  }

  private close(): void {
    this.stop.abort();
    this.stop = new AbortController();
    this.engine?.destroy();
    this.engine = null;
    this.losses = 0;
  }

  private enter(phase: Phase, problem: Problem | null): void {
    this.phase = phase;
    this.problem = problem;
    this.scene.onPhase(phase, problem);
  }
}
