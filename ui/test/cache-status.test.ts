import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestCache, popOf } from "../src/watch/cache-status.ts";

const outcome = (field: string | null) => nearestCache(field)?.outcome ?? null;

test("a hit names its cache", () => {
  assert.deepEqual(nearestCache('"weir-fra"; hit'), { cache: "weir-fra", outcome: "hit", collapsed: false });
  assert.deepEqual(nearestCache("weir-fra;hit;ttl=-12"), { cache: "weir-fra", outcome: "hit", collapsed: false });
});

test("the last member is the cache nearest to the viewer", () => {
  const field = 'shield; hit, "weir-sin"; fwd=uri-miss; fwd-status=200; stored; collapsed';
  assert.deepEqual(nearestCache(field), { cache: "weir-sin", outcome: "miss", collapsed: true });
});

test("why a request went on is the outcome", () => {
  assert.equal(outcome("c; fwd=miss"), "miss");
  assert.equal(outcome("c; fwd=vary-miss"), "miss");
  assert.equal(outcome("c; fwd=stale"), "stale");
  assert.equal(outcome("c; hit=?0; fwd=bypass"), "bypass");
  assert.equal(outcome("c"), "unknown");
});

test("commas and semicolons inside strings divide nothing", () => {
  const field = 'a; detail="x, y; hit", "b, \\"c\\""; fwd=stale; key="/v/a,b"';
  assert.deepEqual(nearestCache(field), { cache: 'b, "c"', outcome: "stale", collapsed: false });
});

test("an absent or malformed field says nothing", () => {
  for (const field of [null, "", "  ", "; hit", 'a; hit, "b', "a hit", "1cache; hit", "a; hit,, b"]) {
    assert.equal(nearestCache(field), null, String(field));
  }
});

test("a POP is what follows weir-", () => {
  assert.equal(popOf("weir-fra"), "fra");
  assert.equal(popOf("other-cdn"), "other-cdn");
});
