import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOf, OFF, pickAudio, pickText, remembered, type Track } from "../src/watch/language.ts";

const track = (index: number, lang: string, more: Partial<Track> = {}): Track => {
  return { index, lang, name: lang, forced: false, preferred: false, ...more };
};
const AUDIO = [track(0, "en"), track(1, "de", { preferred: true }), track(2, "pt-BR"), track(3, "de", { name: "Kommentar" })];
const TEXT = [track(0, "en"), track(1, "de"), track(2, "de", { forced: true })];

test("the language once chosen is heard again, in the same region or another", () => {
  for (const [wanted, index] of [["en/en", 0], ["de/Kommentar", 3], ["DE/de", 1], ["pt/pt", 2], ["pt-PT/x", 2], ["en-GB", 0]] as const) {
    assert.equal(pickAudio(AUDIO, wanted), index, wanted);
  }
});

test("without a choice that is there, the preferred language is heard, else the first", () => {
  for (const wanted of [null, "", "ja/ja"]) assert.equal(pickAudio(AUDIO, wanted), 1);
  assert.equal(pickAudio([track(4, ""), track(5, "en")], null), 4);
  assert.equal(pickAudio([], "de/de"), -1);
});

test("without subtitles the forced ones of the language that is heard are shown", () => {
  assert.equal(pickText(TEXT, "", "de"), 2);
  assert.equal(pickText(TEXT, null, "de"), 2);
  assert.equal(pickText(TEXT, "", "en"), OFF);
  assert.equal(pickText(TEXT, "", ""), OFF);
});

test("subtitles once chosen are shown again, and forced ones are no choice", () => {
  assert.equal(pickText(TEXT, remembered(TEXT[0]), "de"), 0);
  assert.equal(pickText(TEXT, remembered(TEXT[2]), "en"), 1);
});

test("what the video's maker prefers is shown to whoever never chose, and not to whoever chose none", () => {
  const preferred = [track(0, "en", { preferred: true })];
  assert.equal(pickText(preferred, null, "de"), 0);
  assert.equal(pickText(preferred, "", "de"), OFF);
});

test("a track has a name, whatever is known of it", () => {
  assert.equal(nameOf(track(0, "de", { name: "Kommentar" }), 0), "Kommentar");
  assert.equal(nameOf(track(0, "de"), 0), "German");
  assert.equal(nameOf(track(0, "not a code"), 0), "not a code");
  assert.equal(nameOf(track(0, ""), 1), "Track 2");
});
