import { saved } from "./dom.ts";

/** One language that can be heard or read. */
export interface Track {
  /** What the engine takes. */
  index: number;
  /** BCP 47, or empty where nobody knows. */
  lang: string;
  name: string;
  /** Subtitles for what the picture says in another language than the sound. */
  forced: boolean;
  /** What whoever made the video would choose. */
  preferred: boolean;
}

/** No subtitles. */
export const OFF = -1;

/** What the viewer wants to hear and read, kept from visit to visit. */
export class Wanted {
  /** As {@link remembered}; `null` where nothing was ever chosen. */
  get audio(): string | null {
    return saved.get("audio");
  }

  set audio(track: string) {
    saved.set("audio", track);
  }

  /** The same of subtitles; `""` is none. */
  get text(): string | null {
    return saved.get("text");
  }

  set text(track: string) {
    saved.set("text", track);
  }
}

/** The track to hear: the wanted language, else the preferred, else the first. -1: none. */
export function pickAudio(tracks: readonly Track[], wanted: string | null): number {
  const track = spoken(tracks, wanted) ?? tracks.find((t) => t.preferred) ?? tracks[0];
  return track?.index ?? -1;
}

/**
 * The subtitles to show. Where none are wanted, the forced ones in the language that is
 * heard: without them a part of the film can't be understood.
 */
export function pickText(tracks: readonly Track[], wanted: string | null, heard: string): number {
  const whole = tracks.filter((track) => !track.forced);
  const chosen = wanted === null ? whole.find((track) => track.preferred) : spoken(whole, wanted);
  const forced = spoken(tracks.filter((track) => track.forced), heard);
  return (chosen ?? forced)?.index ?? OFF;
}

/** The name of a language, for people: its own, else the browser's word for its code. */
export function nameOf({ name, lang }: Track, index: number): string {
  if (name !== "" && name !== lang) return name;
  try {
    if (lang !== "") return new Intl.DisplayNames(["en"], { type: "language" }).of(lang) ?? lang;
  } catch {
    return lang;
  }
  return `Track ${index + 1}`;
}

/** A track, as it is remembered: there may be several in one language. */
export function remembered(track: Track | undefined): string {
  return track ? `${track.lang}/${track.name}` : "";
}

/** `en-GB` is heard by whoever wants `en`; the same region goes before, the same name first. */
function spoken(tracks: readonly Track[], wanted: string | null): Track | undefined {
  if (!wanted) return undefined;
  const [lang = "", base] = [wanted.split("/", 1)[0]?.toLowerCase(), baseOf(wanted)];
  const same = tracks.filter((track) => track.lang.toLowerCase() === lang);
  const exact = same.find((track) => remembered(track) === wanted) ?? same[0];
  return exact ?? tracks.find((track) => base !== "" && baseOf(track.lang) === base);
}

function baseOf(lang: string): string {
  return lang.toLowerCase().split(/[-/]/, 1)[0] ?? "";
}
