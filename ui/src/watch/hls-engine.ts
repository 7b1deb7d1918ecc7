import Hls, { ErrorDetails, ErrorTypes, Events } from "hls.js";
import type { ErrorData, Fragment, MediaPlaylist } from "hls.js";
import { nearestCache } from "./cache-status.ts";
import type { Engine, Facts, Level, Listener } from "./engine.ts";
import { config, isOwn } from "./hls-config.ts";
import { problemOf } from "./hls-problem.ts";
import { Successor } from "./hls-renew.ts";
import { OFF, pickAudio, pickText, remembered, Wanted, type Track } from "./language.ts";
import { isPassing } from "./problem.ts";
import { Subtitles } from "./subtitles.ts";

/** Media errors that are recovered from in one load, before we say it can't be played. */
const RECOVERIES_MAX = 3;

/** Plays with hls.js, on Media Source Extensions. */
export class HlsEngine implements Engine {
  static supported(): boolean {
    return Hls.isSupported();
  }

  private hls: Hls | null = null;
  private successor: Successor | null = null;
  private readonly wanted = new Wanted();
  private readonly subtitles: Subtitles;
  private recoveries = 0;
  private playing: Fragment | null = null;
  private audioBitrate = 0;
  private growing = false;
  private encrypted = false;
  /** Something came over the network, so that there is a speed to tell. */
  private measured = false;
  /** Loading was stopped: what fails after that is its own aborted requests. */
  private halted = false;
  private readonly video: HTMLVideoElement;
  private readonly listener: Listener;

  constructor(video: HTMLVideoElement, listener: Listener) {
    this.video = video;
    this.listener = listener;
    this.subtitles = new Subtitles(video);
  }

  load(url: string, at: number): void {
    this.destroy();
    const hls = new Hls(config(url, at));
    this.take(hls);
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
    this.successor?.drop();
    this.successor = null;
    this.hls?.destroy();
    this.hls = null;
    this.subtitles.clear();
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

  audios(): Track[] {
    return (this.hls?.audioTracks ?? []).map(trackOf);
  }

  audio(): number {
    return this.hls?.audioTrack ?? -1;
  }

  setAudio(index: number): void {
    this.wanted.audio = remembered(this.audios()[index]);
    this.chooseAudio();
  }

  texts(): Track[] {
    return (this.hls?.subtitleTracks ?? []).map(trackOf);
  }

  text(): number {
    return this.hls?.subtitleTrack ?? OFF;
  }

  setText(index: number): void {
    this.wanted.text = remembered(this.texts()[index]);
    this.chooseText();
  }

  async renew(): Promise<boolean> {
    const old = this.hls;
    if (!old?.url || this.successor || this.halted || old.levels.length === 0) return false;
    // The keys are the element's: two players of one element would take them from each other.
    if (this.encrypted) return false;
    const successor = new Successor(old, this.video);
    this.successor = successor;
    try {
      const next = await successor.ready(old.url);
      if (!next || this.successor !== successor) return false;
      this.take(next);
      await successor.takeOver();
      this.chooseAudio();
      this.listener.onChange();
      return true;
    } finally {
      if (this.successor === successor) this.successor = null;
    }
  }

  facts(): Facts {
    const video = bitrateOf(this.playing);
    return {
      bitrate: video === null ? null : video + this.audioBitrate,
      throughput: (this.measured && this.hls?.bandwidthEstimate) || null,
      growing: this.growing,
    };
  }

  /** From now on, what this one tells is what happens. */
  private take(hls: Hls): void {
    this.hls = hls;
    this.halted = false;
    this.recoveries = 0;
    hls.on(Events.MANIFEST_PARSED, () => this.listener.onReady());
    hls.on(Events.LEVEL_SWITCHED, () => this.listener.onChange());
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
      this.growing = details.live;
      this.encrypted = details.encryptedFragments.length > 0;
      this.listener.onChange();
    });
    hls.on(Events.AUDIO_TRACKS_UPDATED, () => this.chooseAudio());
    hls.on(Events.AUDIO_TRACK_SWITCHED, () => this.chooseText());
    hls.on(Events.SUBTITLE_TRACKS_UPDATED, () => this.chooseText());
    hls.on(Events.FRAG_CHANGED, (_, { frag }) => (this.playing = frag));
    hls.on(Events.FRAG_LOADED, (_, { frag, networkDetails }) => this.loaded(frag, networkDetails));
    hls.on(Events.ERROR, (_, data) => this.failed(hls, data));
    hls.on(Events.CUES_PARSED, (_, { cues, subtitleTrack }) => {
      if (subtitleTrack) this.subtitles.add(trackOf(subtitleTrack, subtitleTrack.id), cues as VTTCue[]);
    });
  }

  private chooseAudio(): void {
    const { hls } = this;
    if (!hls) return;
    const index = pickAudio(this.audios(), this.wanted.audio);
    if (index !== hls.audioTrack && index >= 0) hls.audioTrack = index;
    this.chooseText();
  }

  private chooseText(): void {
    const { hls } = this;
    if (!hls) return;
    const heard = this.audios().find((track) => track.index === hls.audioTrack)?.lang ?? "";
    const index = pickText(this.texts(), this.wanted.text, heard);
    if (index !== hls.subtitleTrack) hls.subtitleTrack = index;
    this.subtitles.show(this.texts()[index]);
    this.listener.onChange();
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
    if (this.halted || hls !== this.hls) return;
    const asked = data.type === ErrorTypes.NETWORK_ERROR;
    if (asked || data.details === ErrorDetails.KEY_SYSTEM_LICENSE_REQUEST_FAILED) this.networkFailed(data);
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

function trackOf({ lang, name, forced, default: preferred }: MediaPlaylist, index: number): Track {
  return { index, lang: lang ?? "", name, forced, preferred };
}

function bitrateOf(frag: Fragment | null): number | null {
  if (!frag || !frag.stats.loaded || !frag.duration) return null;
  return (frag.stats.loaded * 8) / frag.duration;
}
