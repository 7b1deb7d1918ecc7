import assert from "node:assert/strict";
import { test } from "node:test";
import { offersMore } from "../src/watch/renewal.ts";

const level = (width: number, height: number) => ({ index: 0, width, height, bitrate: 1 });

test("a list offers more when it names a better rendition, or more of them", () => {
  assert.equal(offersMore(["v240", "v480"], [level(426, 240), level(640, 360)]), true);
  assert.equal(offersMore(["v720-source", "v360"], [level(1280, 720)]), true);
  assert.equal(offersMore(["v720-source"], [level(1280, 720)]), false);
});

test("a portrait video is named after its width", () => {
  assert.equal(offersMore(["v720"], [level(720, 1280)]), false);
});
