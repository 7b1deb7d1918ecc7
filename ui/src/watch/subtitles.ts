import type { Track } from "./language.ts";

/**
 * Shows subtitles as the video element's own text tracks: one for each of the stream's,
 * which outlives the player that reads it, so that nothing flickers when another takes over.
 */
export class Subtitles {
  private readonly shown = new Map<string, Shown>();
  private readonly video: HTMLVideoElement;

  constructor(video: HTMLVideoElement) {
    this.video = video;
  }

  /** Shows this track and no other. */
  show(track: Track | undefined): void {
    const wanted = track && this.of(track);
    for (const { text } of this.shown.values()) text.mode = text === wanted?.text ? "showing" : "disabled";
  }

  /** Cues that were read of a track. One that spans segments comes with each of them. */
  add(track: Track, cues: Iterable<VTTCue>): void {
    const { text, seen } = this.of(track);
    for (const cue of cues) {
      const key = `${cue.startTime} ${cue.endTime} ${cue.text}`;
      if (seen.has(key)) continue;
      seen.add(key);
      text.addCue(cue);
    }
  }

  /** Another video comes: no cue of this one may stand in it. */
  clear(): void {
    for (const { text, seen } of this.shown.values()) {
      // Cues of a disabled track can't be read.
      text.mode = "hidden";
      for (const cue of [...(text.cues ?? [])]) text.removeCue(cue);
      text.mode = "disabled";
      seen.clear();
    }
  }

  private of({ lang, name, forced }: Track): Shown {
    const key = JSON.stringify([lang, name, forced]);
    let shown = this.shown.get(key);
    if (!shown) {
      shown = { text: this.video.addTextTrack("subtitles", name, lang), seen: new Set() };
      this.shown.set(key, shown);
    }
    return shown;
  }
}

interface Shown {
  text: TextTrack;
  seen: Set<string>;
}
