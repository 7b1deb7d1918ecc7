/** One cache's word on an answer: a member of `Cache-Status` (RFC 9211). */
export interface CacheStatus {
  /** The cache's name. */
  cache: string;
  /** `hit`, else why it went on (`miss`, `stale`, …), else `unknown`. */
  outcome: string;
  /** The request waited for another one's fetch of the same thing. */
  collapsed: boolean;
}

// A member's name or value: a token (RFC 8941 §3.3.4) or a quoted string (§3.3.3).
const ITEM = /^(?:"((?:[^"\\]|\\["\\])*)"|([A-Za-z*][^\s;,="]*))/;
const PARAMETER = /^\s*;\s*([a-z*][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\["\\])*"|[^\s;,"]+))?/;

/**
 * The cache nearest to the viewer: the last member of the list (RFC 9211 §2).
 * `null` when the field is absent or malformed.
 */
export function nearestCache(field: string | null): CacheStatus | null {
  let rest = (field ?? "").trim();
  let last: CacheStatus | null = null;
  while (rest !== "") {
    const item = ITEM.exec(rest);
    if (!item) return null;
    rest = rest.slice(item[0].length);
    const cache = item[2] ?? (item[1] ?? "").replace(/\\(["\\])/g, "$1");
    const parameters = new Map<string, string>();
    for (let p = PARAMETER.exec(rest); p; p = PARAMETER.exec(rest)) {
      parameters.set(p[1] ?? "", p[2] ?? "?1");
      rest = rest.slice(p[0].length);
    }
    last = { cache, outcome: outcome(parameters), collapsed: parameters.get("collapsed") === "?1" };
    const comma = /^\s*,\s*/.exec(rest);
    if (!comma && rest.trim() !== "") return null;
    rest = rest.slice(comma?.[0].length ?? rest.length);
  }
  return last;
}

/** The POP in the name of one of Weir's caches: `weir-fra` is in `fra`. */
export function popOf(cache: string): string {
  return cache.replace(/^weir-/, "");
}

function outcome(parameters: Map<string, string>): string {
  if (parameters.get("hit") === "?1") return "hit";
  const forwarded = parameters.get("fwd");
  if (forwarded === undefined) return "unknown";
  return forwarded === "uri-miss" || forwarded === "vary-miss" ? "miss" : forwarded;
}
