import Hls from "hls.js";
import type { Events, FragBufferedData, Fragment, HlsConfig, RetryConfig } from "hls.js";
import { fromBrowser } from "./timing.ts";

/** Played media kept for seeking back, seconds. Chosen: a few minutes of 1080p. */
const BACK_BUFFER_SECS = 120;

/** hls.js's choice of rendition, that learns the network's speed from the network only. */
class Abr extends Hls.DefaultConfig.abrController {
  protected override onFragBuffered(event: Events.FRAG_BUFFERED, data: FragBufferedData): void {
    if (!isOwn(data.frag)) super.onFragBuffered(event, data);
  }
}

export function isOwn(frag: Fragment): boolean {
  return fromBrowser(frag.url, frag.stats.loading.start);
}

/** Settings for playback of `url` from `at`, seconds. */
export function config(url: string, at: number): Partial<HlsConfig> {
  return {
    startPosition: at,
    // Of an encrypted asset, the keys are beside the playlist, under the viewer's own key.
    emeEnabled: true,
    drmSystems: { "org.w3.clearkey": { licenseUrl: new URL("license", new URL(url, location.href)).href } },
    abrController: Abr,
    // A phone gains nothing from more lines than it has.
    capLevelToPlayerSize: true,
    backBufferLength: BACK_BUFFER_SECS,
    // fMP4 is passed through as it is: there is no work for a worker.
    enableWorker: false,
    // Our subtitles are tracks of their own; there are none inside the video.
    enableCEA708Captions: false,
    // Nothing is cut into our videos; whatever looks for it would move where loading starts.
    enableInterstitialPlayback: false,
    renderTextTracksNatively: false,
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
