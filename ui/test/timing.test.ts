import assert from "node:assert/strict";
import { test } from "node:test";
import { isOwn } from "../src/watch/timing.ts";

const timing = (startTime: number, transferSize: number, decodedBodySize = 9) => ({
  startTime,
  transferSize,
  decodedBodySize,
});

test("a body of which nothing was transferred comes from the browser's cache", () => {
  assert.equal(isOwn([timing(10, 0)], 10), true);
  assert.equal(isOwn([timing(10, 309)], 10), false);
});

test("the last timing of an address counts", () => {
  assert.equal(isOwn([timing(1, 309), timing(10, 0)], 10), true);
  assert.equal(isOwn([timing(1, 0), timing(10, 309)], 10), false);
});

test("a timing of an earlier request says nothing", () => {
  assert.equal(isOwn([timing(1, 0)], 10), false);
  assert.equal(isOwn([timing(9.5, 0)], 10), true);
});

test("where no size may be known, the network is taken for the source", () => {
  assert.equal(isOwn([timing(10, 0, 0)], 10), false);
  assert.equal(isOwn([], 10), false);
});
