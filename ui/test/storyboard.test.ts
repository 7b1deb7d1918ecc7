import assert from "node:assert/strict";
import { test } from "node:test";
import { chapterAt, parseChapters, parseStoryboard, tileAt } from "../src/watch/storyboard.ts";

const BOARD = "WEBVTT\r\n\r\n1\r\n00:00.000 --> 00:05.000\r\nstoryboard-1.jpg#xywh=0,0,160,90\r\n\r\n" +
  "00:59:55.500 --> 01:00:00.000\nstoryboard-2.jpg#xywh=160,90,160,90\n\nNOTE nothing\n\n00:01.000 --> 00:02.000\nno picture\n";

test("each cue of a storyboard is a picture in a sheet", () => {
  assert.deepEqual(parseStoryboard(BOARD), [
    { start: 0, end: 5, sheet: "storyboard-1.jpg", x: 0, y: 0, width: 160, height: 90 },
    { start: 3595.5, end: 3600, sheet: "storyboard-2.jpg", x: 160, y: 90, width: 160, height: 90 },
  ]);
});

test("a moment has the picture that it lies in, or none", () => {
  const tiles = parseStoryboard(BOARD);
  assert.equal(tileAt(tiles, 4.9)?.sheet, "storyboard-1.jpg");
  assert.equal(tileAt(tiles, 5), null);
  assert.equal(tileAt(tiles, 3599)?.x, 160);
});

test("chapters are read from a list; what has no start is none", () => {
  const two = [{ start: 0, title: "One" }, { start_secs: 61.5, title: "Two" }, { title: "?" }, null];
  const read = [{ start: 0, title: "One" }, { start: 61.5, title: "Two" }];
  assert.deepEqual(parseChapters(two), read);
  assert.deepEqual(parseChapters({ chapters: two }), read);
  for (const other of [null, 7, "x", {}]) assert.deepEqual(parseChapters(other), []);
  assert.equal(chapterAt(read, 61.4)?.title, "One");
  assert.equal(chapterAt(read, 61.5)?.title, "Two");
  assert.equal(chapterAt([], 5), null);
});
