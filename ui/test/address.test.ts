import assert from "node:assert/strict";
import { test } from "node:test";
import { isAddress, parseAddress } from "../src/watch/address.ts";

function media(path: string, hash: string): string {
  const parsed = parseAddress(path, hash);
  return isAddress(parsed) ? parsed.media : parsed.kind;
}

test("the key comes from the fragment and goes before the media path", () => {
  assert.equal(media("/watch/a-1", "#k=h.p-_.s"), "/k/h.p-_.s/v/a-1/master.m3u8");
  assert.equal(media("/watch/a-1/", "#t=3&k=abc"), "/k/abc/v/a-1/master.m3u8");
});

test("without a key the media path stands alone", () => {
  for (const hash of ["", "#", "#k=", "#other"]) assert.equal(media("/watch/a", hash), "/v/a/master.m3u8", hash);
});

test("what is known about the asset stands beside its playlist, behind the same key", () => {
  const info = (hash: string) => {
    const parsed = parseAddress("/watch/a", hash);
    return isAddress(parsed) && parsed.info;
  };
  assert.deepEqual([info(""), info("#k=abc")], ["/v/a/info.json", "/k/abc/v/a/info.json"]);
  const parsed = parseAddress("/watch/a", "#k=abc");
  assert.equal(isAddress(parsed) && parsed.events, "/k/abc/v/a/events");
});

test("a key that could leave its place in the path is refused", () => {
  for (const key of ["a/b", "..%2Fv", "a%20b", "a?b", "a%23b", "x".repeat(1025)]) {
    assert.equal(media("/watch/a", `#k=${key}`), "key-invalid", key);
  }
});

test("only an asset id is an asset", () => {
  for (const path of ["/watch/", "/watch/A", "/watch/-a", "/watch/a.b", "/watch/a/b", `/watch/${"a".repeat(41)}`]) {
    assert.equal(media(path, ""), "not-found", path);
  }
});
