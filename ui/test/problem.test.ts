import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isPassing, KINDS, messageFor, needsNewLink, newsIn, own, parseProblem } from "../src/watch/problem.ts";

/** Kinds in the server's own list that no viewer's GET of media is answered with. */
const NOT_FOR_VIEWERS = [
  "lease-lost",
  "init-mismatch",
  "bad-request",
  "changed-meanwhile",
  "too-large",
  "not-media",
  "storage-full",
];
/** Kinds that this page finds without a server. */
const OURS = ["unreachable", "refused", "broken-stream", "unplayable"];

const problem = (kind: string, more = {}) => JSON.stringify({ type: `/problems/${kind}`, title: kind, ...more });

test("there are words for every kind that a server sends to viewers, and for no other", () => {
  const source = readFileSync("../crates/wire/src/problem.rs", "utf8");
  const sent = [...source.matchAll(/pub const [A-Z_]+: &str = "([a-z-]+)";/g)].map((match) => match[1] ?? "");
  const expected = sent.filter((kind) => !NOT_FOR_VIEWERS.includes(kind));
  assert.deepEqual([...KINDS].sort(), [...expected, ...OURS].sort());
});

test("a problem's kind and detail are read from the body", () => {
  const read = parseProblem(404, problem("packaging-failed", { detail: "no video stream" }), null);
  assert.deepEqual(read, { kind: "packaging-failed", status: 404, detail: "no video stream", retryAfter: null });
});

test("Retry-After counts in seconds; anything else leaves the pace to us", () => {
  const after = (field: string | null) => parseProblem(404, problem("not-yet-playable"), field).retryAfter;
  assert.equal(after("1"), 1000);
  assert.equal(after("0"), 0);
  for (const field of [null, "", "soon", "-1", "Sat, 21 Nov 2026 10:00:00 GMT"]) assert.equal(after(field), null);
});

test("a body from somebody else falls back on the status", () => {
  const kind = (status: number, body = "<html>") => parseProblem(status, body, null).kind;
  assert.deepEqual([404, 401, 403, 503, 504, 500, 418].map((status) => kind(status)), [
    "not-found",
    "key-missing",
    "key-scope",
    "overloaded",
    "origin-unreachable",
    "internal",
    "refused",
  ]);
  for (const body of ["", "null", "[]", '{"type":7}', '{"type":"about:blank"}']) assert.equal(kind(404, body), "not-found");
});

test("what ends by itself is waited out, and what a person must mend is not", () => {
  for (const kind of ["not-yet-playable", "overloaded", "unreachable"]) assert.equal(isPassing(own(kind)), true, kind);
  for (const kind of ["key-expired", "key-revoked", "packaging-failed", "not-found"]) {
    assert.equal(isPassing(own(kind)), false, kind);
  }
});

test("a kind from a newer server gets the words of its status", () => {
  const newer = parseProblem(401, problem("key-from-the-future"), null);
  assert.equal(messageFor(newer).title, messageFor(own("key-missing")).title);
});

test("a detail that repeats what the page says is no news", () => {
  for (const [kind, detail] of [
    ["key-expired", "the key has expired; get a new one"],
    ["key-missing", "this needs a key: /k/<key>/v/…"],
    ["not-found", "There is no such video."],
    ["unplayable", "this browser can't play it"],
    ["not-yet-playable", null],
  ] as const) {
    assert.equal(newsIn(own(kind, detail)), null, String(detail));
  }
});

test("a detail that says more is shown as it is", () => {
  for (const [kind, detail] of [
    ["key-invalid", "key has a wrong signature"],
    ["packaging-failed", "no video stream"],
    ["not-yet-playable", "12 % encoded"],
  ] as const) {
    assert.equal(newsIn(own(kind, detail)), detail);
  }
});

test("trying again is no help against a bad key, and may be against the rest", () => {
  const keys = KINDS.filter((kind) => needsNewLink(own(kind)));
  assert.deepEqual(keys, ["key-missing", "key-invalid", "key-expired", "key-revoked", "key-scope"]);
});
