import assert from "node:assert/strict";
import { test } from "node:test";
import { nameIn } from "../src/watch/title.ts";

test("a title loses its file's extension", () => {
  for (const [title, name] of [
    ["holiday.mp4", "holiday"],
    ["a.b.MKV", "a.b"],
    [" clip.3gp ", "clip"],
    ["Episode 1.5", "Episode 1.5"],
    ["Dr. Who", "Dr. Who"],
    [".mp4", ".mp4"],
    ["été", "été"],
  ]) {
    assert.equal(nameIn({ title }), name);
  }
});

test("without a title there is no name", () => {
  for (const info of [null, 5, "x.mp4", [], {}, { title: 7 }, { title: null }, { title: " " }]) {
    assert.equal(nameIn(info), null, JSON.stringify(info));
  }
});
