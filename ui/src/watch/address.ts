import { own, type Problem } from "./problem.ts";

/** What the page's address says. */
export interface Address {
  asset: string;
  /** The viewer's key. It comes from the fragment, which no server and no log sees. */
  key: string | null;
  /** Path of the multivariant playlist on this host. */
  media: string;
  /** Path of what is known about the asset: its name among it. */
  info: string;
  /** Path of the stream of events about its packaging. */
  events: string;
}

/** An asset id, as `crates/wire/src/id.rs` has it. */
const ASSET = /^\/watch\/([a-z0-9][a-z0-9-]{0,39})\/?$/;

/** A compact JWS, and nothing that could leave its place in a path. 1024: the server's bound. */
const KEY = /^[A-Za-z0-9_.-]{1,1024}$/;

/** Reads `/watch/<asset>` and `#k=<token>`. */
export function parseAddress(pathname: string, hash: string): Address | Problem {
  const asset = ASSET.exec(pathname)?.[1];
  if (asset === undefined) return own("not-found", "the address has the form /watch/<asset>#k=<key>");
  const key = new URLSearchParams(hash.replace(/^#/, "")).get("k")?.trim() || null;
  if (key !== null && !KEY.test(key)) return own("key-invalid");
  const root = `${key === null ? "" : `/k/${key}`}/v/${asset}`;
  return { asset, key, media: `${root}/master.m3u8`, info: `${root}/info.json`, events: `${root}/events` };
}

/** Tells the two answers of {@link parseAddress} apart. */
export function isAddress(parsed: Address | Problem): parsed is Address {
  return "media" in parsed;
}
