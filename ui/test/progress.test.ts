import assert from "node:assert/strict";
import { test } from "node:test";
import { isFinal, parseProgress, progressLine } from "../src/watch/progress.ts";

const EVENT = { state: "packaging", percent: 42.7, stage: "encode", speed: 1.84, eta_secs: 124.2, renditions: ["v240", "a1"], duration_secs: 60 };

test("an event tells stage, percent, speed and time left", () => {
  const progress = parseProgress(EVENT);
  assert.deepEqual(progress, { state: "packaging", percent: 42.7, stage: "encode", speed: 1.84, etaSecs: 124.2, renditions: ["v240", "a1"] });
  assert.equal(progress && progressLine(progress), "encode · 42 % · 1.8× · 2:05 left");
});

test("what the server does not say is left out", () => {
  const progress = parseProgress({ state: "packaging", speed: 0, percent: -1, eta_secs: "soon", renditions: [1, "v240"] });
  assert.deepEqual(progress?.renditions, ["v240"]);
  assert.equal(progress && progressLine(progress), null);
});

test("an answer without a state is no progress", () => {
  for (const other of [null, undefined, 7, "packaging", {}, { state: 3 }]) assert.equal(parseProgress(other), null);
});

test("after ready and failed nothing more comes", () => {
  for (const [state, final] of [["packaging", false], ["playable", false], ["ready", true], ["failed", true]] as const) {
    const progress = parseProgress({ ...EVENT, state });
    assert.equal(progress && isFinal(progress), final);
  }
});
