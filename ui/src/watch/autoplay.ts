/** How playback started: as asked, without sound, or not at all. */
export type Start = "started" | "muted" | "blocked";

/** Plays with sound; where the browser forbids that before a gesture, without. */
export async function autoplay(video: HTMLVideoElement): Promise<Start> {
  if (await plays(video)) return "started";
  if (video.muted) return "blocked";
  video.muted = true;
  if (await plays(video)) return "muted";
  video.muted = false;
  return "blocked";
}

async function plays(video: HTMLVideoElement): Promise<boolean> {
  try {
    await video.play();
    return true;
  } catch (error) {
    // AbortError: someone paused or opened something else meanwhile, and that is fine.
    return !(error instanceof DOMException && error.name === "NotAllowedError");
  }
}
