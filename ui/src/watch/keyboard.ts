import type { Controls } from "./controls.ts";
import type { Menus } from "./menus.ts";

const SEEK_SECS = 5;
const VOLUME_STEP = 0.05;

/** Keys of the page, wherever the focus is. */
export function bindKeys(controls: Controls, panel: { toggle(): void }, menus: Menus): void {
  const keys: Record<string, () => void> = {
    " ": () => controls.togglePlay(),
    k: () => controls.togglePlay(),
    ArrowLeft: () => controls.seekBy(-SEEK_SECS),
    ArrowRight: () => controls.seekBy(SEEK_SECS),
    ArrowUp: () => controls.changeVolume(VOLUME_STEP),
    ArrowDown: () => controls.changeVolume(-VOLUME_STEP),
    m: () => controls.toggleMute(),
    f: () => controls.toggleFullscreen(),
    i: () => panel.toggle(),
    q: () => menus.quality.toggle(),
    a: () => menus.audio.toggle(),
    c: () => menus.text.toggle(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (belongsToTarget(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = /^[0-9]$/.test(key) ? () => controls.seekToPart(Number(key) / 10) : keys[key];
    if (!act || (event.repeat && !key.startsWith("Arrow"))) return;
    event.preventDefault();
    controls.wake();
    act();
  });
}

/** Space presses a focused button or link; left and right move a focused volume. */
function belongsToTarget({ key, target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (key === " ") return target.matches("button, a");
  return target.id === "volume" && key.startsWith("Arrow");
}
