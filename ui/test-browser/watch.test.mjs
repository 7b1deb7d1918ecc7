// The built watch page in Chromium, on a real stream that grows as the test says.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser } from "./browser.mjs";
import { Asset } from "./server.mjs";
import { make, SEGMENTS } from "./stream.mjs";

/** Longest time that the clock may stand when new renditions are taken over, milliseconds. */
const STOP_MAX_MS = 300;

const LEAD = { state: "playable", percent: 40, renditions: ["v180", "a1", "a2"] };
const ALL = { renditions: ["v180", "v360", "a1", "a2"], percent: 60 };

/** Measures from now on how long clock and picture stand, and tells of what happens to the video. */
const WATCH = `
  window.gap = { clock: 0, frame: 0, jump: 0, events: [] };
  let at = video.currentTime, moved = performance.now(), shown = moved;
  setInterval(() => {
    const now = performance.now();
    if (video.currentTime === at) { gap.clock = Math.max(gap.clock, now - moved); return; }
    gap.jump = Math.max(gap.jump, Math.abs(video.currentTime - at) * 1000 - (now - moved) * video.playbackRate);
    [at, moved] = [video.currentTime, now];
  }, 5);
  const frame = (now) => { gap.frame = Math.max(gap.frame, now - shown); shown = now; video.requestVideoFrameCallback(frame); };
  video.requestVideoFrameCallback(frame);
  for (const type of ["waiting", "emptied", "pause", "seeking", "ratechange"]) video.addEventListener(type, () => gap.events.push(type));`;

const folder = mkdtempSync(join(tmpdir(), "weir-ui-"));
let browser, asset, root;

before(() => make(folder));
after(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  asset = new Asset(folder);
  root = await asset.serve();
  browser = await Browser.start();
});
afterEach(async () => {
  await browser.quit();
  asset.close();
});

async function opened(state, segments) {
  asset.change(state, segments);
  await browser.open(`${root}/watch/x`);
  await browser.until("weir.state === 'playing' && video.currentTime > 0.5");
}

test("what is being prepared shows how far it is, and starts by itself when it is playable", async () => {
  await browser.open(`${root}/watch/x`);
  await browser.until("weir.state === 'preparing' && weir.progress");
  assert.equal(await browser.ask("document.getElementById('notice-detail').textContent"), "encode · 12 % · 2.5× · 0:30 left");
  asset.change({ percent: 55, eta_secs: 10 });
  await browser.until("document.getElementById('notice-detail').textContent === 'encode · 55 % · 2.5× · 0:10 left'");
  asset.change(LEAD, 8);
  await browser.until("weir.state === 'playing'");
});

test("without events the page asks, and starts by itself all the same", async () => {
  asset.events = false;
  await browser.open(`${root}/watch/x`);
  await browser.until("weir.state === 'preparing'");
  while (asset.requests.filter((path) => path === "/v/x/info.json").length < 2) {
    await browser.until("weir.state === 'preparing'");
  }
  assert.equal(asset.requests.filter((path) => path === "/v/x/events").length, 2);
  asset.change(LEAD, 8);
  await browser.until("weir.state === 'playing'");
});

test("a better rendition is taken over while clock and choices go on", async () => {
  await opened(LEAD, 12);
  await browser.run("weir.setAudio(1); weir.setText(0); video.volume = 0.3; video.playbackRate = 1.25");
  await browser.until("weir.audio === 1 && weir.text === 0 && [...video.textTracks].some(t => t.mode === 'showing' && t.cues.length > 0)");
  await browser.until("video.currentTime > 4");
  await browser.run(WATCH);
  asset.change(ALL, 16);
  await browser.until("weir.renewals === 1 && video.videoWidth === 640");
  await browser.until("video.currentTime > 16");
  const gap = await browser.ask("gap");
  console.log(`clock stood ${gap.clock.toFixed(0)} ms, picture ${gap.frame.toFixed(0)} ms, jumped ${gap.jump.toFixed(0)} ms`);
  assert.ok(gap.clock <= STOP_MAX_MS && gap.frame <= STOP_MAX_MS && gap.jump <= STOP_MAX_MS, JSON.stringify(gap));
  assert.deepEqual(gap.events, []);
  assert.deepEqual(await browser.ask("[weir.audio, weir.text, video.volume, video.playbackRate, video.muted]"), [1, 0, 0.3, 1.25, false]);
  assert.deepEqual(await browser.ask("weir.levels().map(level => level.height)"), [360, 180]);
  assert.deepEqual(await browser.ask("[...video.textTracks].filter(t => t.mode === 'showing').map(t => t.language)"), ["en"]);
  asset.change({ state: "ready", percent: 100 }, SEGMENTS);
  await browser.until("!weir.stats().growing");
  assert.deepEqual(await browser.console(), []);
});

test("a paused video stays where it is, and keeps the chosen quality", async () => {
  await opened(LEAD, 12);
  await browser.run("weir.setLevel(0); video.pause(); video.currentTime = 3");
  await browser.until("!video.seeking && weir.chosen === 0");
  asset.change(ALL, 16);
  await browser.until("weir.renewals === 1 && weir.levels().length === 2");
  const height = "weir.levels().find(level => level.index === weir.chosen)?.height";
  assert.deepEqual(await browser.ask(`[video.paused, video.currentTime, ${height}]`), [true, 3, 180]);
  await browser.run("video.play()");
  await browser.until("video.currentTime > 9");
  assert.equal(await browser.ask("video.videoWidth"), 320);
});

test("the same renditions are no reason to read them anew", async () => {
  await opened({ ...ALL, state: "playable" }, 12);
  const asked = () => asset.requests.filter((path) => path === "/v/x/master.m3u8").length;
  const before = asked();
  asset.change({ percent: 80 }, 16);
  await browser.until("weir.progress.percent === 80 && video.duration > 30");
  assert.equal(asked(), before);
});

test("language and subtitles are chosen by keys, and remembered", async () => {
  await opened({ ...ALL, state: "ready" }, SEGMENTS);
  for (const key of ["a", "ArrowDown"]) await browser.key(key);
  await browser.run("document.activeElement.click()");
  await browser.until("weir.audio === 1 && weir.text === 2");
  const showing = "[...video.textTracks].filter(t => t.mode === 'showing').map(t => t.label)";
  assert.deepEqual(await browser.ask(showing), ["Deutsch, forced"]);
  assert.deepEqual(await browser.ask("[...document.querySelectorAll('#text-menu .name')].map(n => n.textContent)"), ["Off", "English", "Deutsch"]);
  for (const key of ["c", "ArrowDown"]) await browser.key(key);
  await browser.run("document.activeElement.click()");
  await browser.until("weir.text === 0");
  assert.deepEqual(await browser.ask(showing), ["English"]);
  await browser.open(`${root}/watch/x?again`);
  await browser.until("weir.state === 'playing' && weir.audio === 1 && weir.text === 0");
  await browser.run("weir.setText(-1)");
  await browser.until("weir.text === 2");
});

test("the seek bar has pictures and chapters once info.json names them", async () => {
  const extras = () => asset.requests.filter((path) => /(storyboard|poster|chapters)/.test(path));
  await opened({ ...ALL, state: "playable" }, 12);
  assert.deepEqual(extras(), []);
  asset.change({ state: "ready", percent: 100 }, SEGMENTS);
  await browser.until("document.querySelectorAll('#seek-marks i').length === 1 && video.poster !== ''");
  await browser.until("video.duration > 39");
  await browser.run(`
    const seek = document.getElementById("seek"), box = seek.getBoundingClientRect();
    seek.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + box.width * 0.55, clientY: box.top, bubbles: true }))`);
  const tip = await browser.ask("[document.getElementById('seek-words').textContent, document.getElementById('seek-thumb').style.backgroundPosition]");
  assert.deepEqual(tip, ["0:22 · Middle", "-800px 0px"]);
  await browser.until("performance.getEntriesByType('resource').some(r => r.name.endsWith('storyboard-1.jpg'))");
  assert.deepEqual(await browser.console(), []);
});
