import assert from "node:assert/strict";
import { test } from "node:test";
import { trackStops } from "../src/watch/track.ts";

test("every loaded stretch stands out from the rest", () => {
  assert.equal(
    trackStops([[0, 5], [10, 15]], 20),
    "var(--track) 0.00% 0.00%, var(--loaded) 0.00% 25.00%, " +
      "var(--track) 25.00% 50.00%, var(--loaded) 50.00% 75.00%, var(--track) 75.00% 100%",
  );
});

test("a stretch ends with the slider", () => {
  assert.equal(
    trackStops([[-1, 21]], 20),
    "var(--track) 0.00% 0.00%, var(--loaded) 0.00% 100.00%, var(--track) 100.00% 100%",
  );
});

test("without a length nothing is loaded", () => {
  for (const whole of [0, NaN]) assert.equal(trackStops([[0, 5]], whole), "var(--track) 0% 100%");
});
