import Hls, { Events } from "hls.js";
import type { HlsConfig, HlsListeners } from "hls.js";
import { config } from "./hls-config.ts";

/** Media that plays on from what the old one loaded while the new one makes ready, seconds. */
const BRIDGE_SECS = 4;
/** Longest wait for anything of the new one. Chosen: above the retries of one request. */
const READY_MAX_MS = 20_000;
/** Longest wait until the old one's video is out of the way; it takes some 10 ms. */
const FLUSH_MAX_MS = 1_000;

/**
 * A second hls.js that reads the multivariant playlist anew and takes the open
 * `MediaSource` over from the first. What is loaded stays where it is, so that neither
 * picture nor clock stop; from a segment's border a few seconds ahead on, the old one's
 * video makes place for the new one's.
 */
export class Successor {
  private readonly old: Hls;
  private readonly video: HTMLVideoElement;
  private readonly next: Hls;
  private readonly stop = new AbortController();
  /** Where the new one's video begins, seconds. */
  private border = 0;

  constructor(old: Hls, video: HTMLVideoElement) {
    this.old = old;
    this.video = video;
    this.next = new Hls({
      ...config(old.url ?? "", video.currentTime),
      autoStartLoad: false,
      // What the network can do is known: no need to start with the lowest and try.
      abrEwmaDefaultEstimate: old.bandwidthEstimate,
      testBandwidth: false,
      ...choice(old),
    });
  }

  /** The new one, once its first segment is there; `null` when it offers no more than the old. */
  async ready(url: string): Promise<Hls | null> {
    const { next, old } = this;
    try {
      await this.when(Events.MANIFEST_PARSED, () => next.loadSource(url));
      if (next.levels.length <= old.levels.length) throw new Error("nothing new");
      const { height, bitrate } = old.levels[old.manualLevel] ?? {};
      const chosen = next.levels.findIndex((level) => level.height === height && level.bitrate === bitrate);
      if (!old.autoLevelEnabled && chosen >= 0) next.loadLevel = chosen;
      // Playlists first: without a video element no segment is asked for.
      await this.when(Events.LEVEL_UPDATED, () => next.startLoad(this.video.currentTime));
      this.border = this.borderAhead();
      next.config.startFragPrefetch = true;
      // The buffers are taken over once it is known what goes into each of them.
      const kinds: string[] = next.audioTracks.some((track) => track.url) ? ["main", "audio"] : ["main"];
      const parsed = kinds.map((kind) => this.when(Events.FRAG_PARSED, () => {}, ({ frag }) => frag.type === kind));
      next.startLoad(this.border);
      await Promise.all(parsed);
      return next;
    } catch {
      this.drop();
      return null;
    }
  }

  /** Gives the new one the video element, and ends the old one. */
  async takeOver(): Promise<void> {
    const { old, next, border } = this;
    old.stopLoad();
    if (this.video.currentTime < border) {
      const flushed = new Promise<void>((done) => {
        old.once(Events.BUFFER_FLUSHED, () => done());
        setTimeout(done, FLUSH_MAX_MS);
      });
      old.trigger(Events.BUFFER_FLUSHING, { startOffset: border, endOffset: Infinity, type: "video" });
      await flushed;
    }
    // It must not seek to where its own video begins.
    next.startLoad(this.video.currentTime, true);
    const media = old.transferMedia();
    if (media) next.attachMedia(media);
    old.destroy();
  }

  drop(): void {
    this.stop.abort();
    this.next.destroy();
  }

  /** The first border of segments that leaves time for the new one's to come. */
  private borderAhead(): number {
    const { next, video } = this;
    const at = video.currentTime + BRIDGE_SECS * Math.max(video.playbackRate, 1);
    const fragments = next.levels[next.loadLevel]?.details?.fragments ?? [];
    return fragments.find((fragment) => fragment.start >= at)?.start ?? video.currentTime;
  }

  /** Does something, and waits for what comes of it. */
  private when<E extends keyof HlsListeners>(event: E, act: () => void, ours?: Ours<E>): Promise<void> {
    const { next, stop } = this;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no answer")), READY_MAX_MS);
      stop.signal.addEventListener("abort", () => reject(new Error("ended")));
      next.on(Events.ERROR, (_, { fatal, error }) => fatal && reject(error));
      const came = (_: E, data: Parameters<HlsListeners[E]>[1]) => {
        if (ours && !ours(data)) return;
        clearTimeout(timer);
        next.off(event, came as HlsListeners[E]);
        resolve();
      };
      next.on(event, came as HlsListeners[E]);
      act();
    });
  }
}

/** Tells the event that is waited for from others of its kind. */
type Ours<E extends keyof HlsListeners> = (data: Parameters<HlsListeners[E]>[1]) => boolean;

/** What the viewer hears and reads, for the new one to begin with. */
function choice(old: Hls): Partial<HlsConfig> {
  const audio = old.audioTracks[old.audioTrack];
  const text = old.subtitleTracks[old.subtitleTrack];
  return {
    ...(audio && { audioPreference: { lang: audio.lang ?? "", name: audio.name } }),
    ...(text && { subtitlePreference: { lang: text.lang ?? "", name: text.name } }),
  };
}
