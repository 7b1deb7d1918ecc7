import Hls, { ErrorDetails, ErrorTypes, Events } from "hls.js";
import type { ErrorData, FragBufferedData, Fragment, HlsConfig, RetryConfig } from "hls.js";
import { nearestCache } from "./cache-status.ts";
import type { Engine, Facts, Level, Listener } from "./engine.ts";
import { isPassing, parseProblem, unreachable, type Problem } from "./problem.ts";
import { fromBrowser } from "./timing.ts";

/** Media errors that are recovered from in one load, before we say it can't be played. */
const RECOVERIES_MAX = 3;
/** Played media kept for seeking back, seconds. Chosen: a few minutes of 1080p. */
const BACK_BUFFER_SECS = 120;

/** Plays with hls.js, on Media Source Extensions. */
export class HlsEngine implements Engine {
  static supported(): boolean {
    return Hls.isSupported();
  }

  private hls: Hls | null = null;
  private recoveries = 0;
  private playing: Fragment | null = null;
  private audioBitrate = 0;
  private growing = false;
  /** Something came over the network, so that there is a speed to tell. */
  private measured = false;
  /** Loading was stopped: what fails after that is its own aborted requests. */
  private halted = false;
  private readonly video: HTMLVideoElement;
  private readonly listener: Listener;

  constructor(video: HTMLVideoElement, listener: Listener) {
    this.video = video;
    this.listener = listener;
  }

  load(url: string, at: number): void {
    this.hls?.destroy();
    const hls = new Hls(config(at));
    this.hls = hls;
    this.halted = false;
    this.recoveries = 0;
    hls.on(Events.MANIFEST_PARSED, () => this.listener.onReady());
    hls.on(Events.LEVEL_SWITCHED, () => this.listener.onChange());
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
      this.growing = details.live;
      this.listener.onChange();
    });
    hls.on(Events.FRAG_CHANGED, (_, { frag }) => (this.playing = frag));
    hls.on(Events.FRAG_LOADED, (_, { frag, networkDetails }) => this.loaded(frag, networkDetails));
    hls.on(Events.ERROR, (_, data) => this.failed(hls, data));
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  resume(): void {
    // Where nothing was read yet, there is nothing to go on with.
    const hls = this.hls;
    this.halted = false;
    if (hls && hls.levels.length > 0) hls.startLoad(this.video.currentTime);
    else if (hls?.url) hls.loadSource(hls.url);
  }

  stop(): void {
    this.halted = true;
    this.hls?.stopLoad();
  }

  destroy(): void {
    this.hls?.destroy();
    this.hls = null;
  }

  levels(): Level[] {
    return (this.hls?.levels ?? [])
      .map(({ width, height, bitrate }, index) => ({ index, width, height, bitrate }))
      .sort((a, b) => b.height - a.height || b.bitrate - a.bitrate);
  }

  level(): number {
    return this.hls?.currentLevel ?? -1;
  }

  chosen(): number {
    return this.hls && !this.hls.autoLevelEnabled ? this.hls.manualLevel : -1;
  }

  setLevel(index: number): void {
    // From the next segment on: the switch is seen at once, and nothing stalls.
    if (this.hls) this.hls.nextLevel = index;
    this.listener.onChange();
  }

  facts(): Facts {
    const video = bitrateOf(this.playing);
    return {
      bitrate: video === null ? null : video + this.audioBitrate,
      throughput: (this.measured && this.hls?.bandwidthEstimate) || null,
      growing: this.growing,
    };
  }

  private loaded(frag: Fragment, network: unknown): void {
    if (frag.type === "audio") this.audioBitrate = bitrateOf(frag) ?? 0;
    if (frag.type !== "main") return;
    if (isOwn(frag)) return this.listener.onLoaded({ own: true, throughput: null, cache: null });
    this.measured = true;
    const { loading, loaded } = frag.stats;
    const ms = Math.max(loading.end - loading.start, 1);
    const field = network instanceof XMLHttpRequest ? network.getResponseHeader("cache-status") : null;
    const throughput = (loaded * 8000) / ms;
    this.listener.onLoaded({ own: false, throughput, cache: nearestCache(field) });
  }

  private failed(hls: Hls, data: ErrorData): void {
    if (this.halted) return;
    if (data.type === ErrorTypes.NETWORK_ERROR) this.networkFailed(data);
    else if (data.fatal) this.mediaFailed(hls, data);
  }

  private networkFailed(data: ErrorData): void {
    const problem = problemOf(data);
    // A refused key is refused everywhere: no other rendition is worth a request.
    const final = problem !== null && (problem.status === 401 || problem.status === 403);
    if (final) {
      this.stop();
      this.listener.onRefused(problem);
    } else if (data.fatal) {
      this.stop();
      this.listener.onNetworkLost();
    } else if (problem && isPassing(problem)) {
      this.listener.onRetrying(problem);
    }
  }

  private mediaFailed(hls: Hls, data: ErrorData): void {
    if (data.type === ErrorTypes.MEDIA_ERROR && this.recoveries < RECOVERIES_MAX) {
      this.recoveries += 1;
      hls.recoverMediaError();
    } else {
      this.stop();
      this.listener.onUnplayable(data.error.message || data.details);
    }
  }
}

/** hls.js's choice of rendition, that learns the network's speed from the network only. */
class Abr extends Hls.DefaultConfig.abrController {
  protected override onFragBuffered(event: Events.FRAG_BUFFERED, data: FragBufferedData): void {
    if (!isOwn(data.frag)) super.onFragBuffered(event, data);
  }
}

function isOwn(frag: Fragment): boolean {
  return fromBrowser(frag.url, frag.stats.loading.start);
}

function config(at: number): Partial<HlsConfig> {
  return {
    startPosition: at,
    abrController: Abr,
    // A phone gains nothing from more lines than it has.
    capLevelToPlayerSize: true,
    backBufferLength: BACK_BUFFER_SECS,
    // fMP4 is passed through as it is: there is no work for a worker.
    enableWorker: false,
    fragLoadPolicy: { default: { ...Hls.DefaultConfig.fragLoadPolicy.default, errorRetry } },
    playlistLoadPolicy: { default: { ...Hls.DefaultConfig.playlistLoadPolicy.default, errorRetry } },
  };
}

/** hls.js gives up at once when nobody answers; a lost network comes back. */
const errorRetry: RetryConfig = {
  maxNumRetry: 6,
  retryDelayMs: 1000,
  maxRetryDelayMs: 4000,
  shouldRetry: (_config, _count, _timeout, response, retry) => retry || response?.code === 0,
};

const TIMEOUTS = new Set<ErrorDetails>([
  ErrorDetails.FRAG_LOAD_TIMEOUT,
  ErrorDetails.LEVEL_LOAD_TIMEOUT,
  ErrorDetails.AUDIO_TRACK_LOAD_TIMEOUT,
]);

function bitrateOf(frag: Fragment | null): number | null {
  if (!frag || !frag.stats.loaded || !frag.duration) return null;
  return (frag.stats.loaded * 8) / frag.duration;
}

/** The server's words on a failed request; `null` when it was no server's doing. */
function problemOf(data: ErrorData): Problem | null {
  const status = data.response?.code ?? (TIMEOUTS.has(data.details) ? 0 : 200);
  if (status === 0) return unreachable();
  if (status < 400) return null;
  const request = data.networkDetails;
  if (!(request instanceof XMLHttpRequest)) return parseProblem(status, "", null);
  return parseProblem(status, bodyOf(request), request.getResponseHeader("retry-after"));
}

function bodyOf(request: XMLHttpRequest): string {
  if (request.response instanceof ArrayBuffer) return new TextDecoder().decode(request.response);
  return typeof request.response === "string" ? request.response : "";
}
