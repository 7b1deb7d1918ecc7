/** An answer that is not the media: RFC 9457, or what its status alone says. */
export interface Problem {
  /** The last part of the problem's `type`; see `crates/wire/src/problem.rs`. */
  kind: string;
  /** HTTP status; 0 when there was no answer at all. */
  status: number;
  /** What the server says about this case. */
  detail: string | null;
  /** How long it asks us to wait, milliseconds. */
  retryAfter: number | null;
}

/** What the viewer reads. */
export interface Message {
  /** What is the matter. */
  title: string;
  /** What to do. */
  hint: string;
}

/** Kinds that end by themselves: the page asks again. */
const PASSING = new Set([
  "not-yet-playable",
  "not-yet-whole",
  "origin-unreachable",
  "overloaded",
  "internal",
  "unreachable",
]);

/** Kinds of which nothing is left to tell a viewer; the details speak of paths and keys. */
const WHOLLY_SAID = new Set(["key-missing", "key-expired", "key-revoked", "key-scope"]);

const MESSAGES: Record<string, Message> = {
  "not-yet-playable": {
    title: "Being prepared",
    hint: "Playback starts by itself as soon as the first seconds are encoded.",
  },
  "not-yet-whole": {
    title: "Being prepared",
    hint: "Playback starts by itself when encoding is done.",
  },
  "packaging-failed": {
    title: "This video could not be prepared",
    hint: "Whoever uploaded it has to fix the file and upload it again.",
  },
  "not-found": {
    title: "No such video",
    hint: "Check the address. The video may also have been deleted.",
  },
  "key-missing": {
    title: "This video needs a key",
    hint: "Open the whole link that you were given. It ends in “#k=…”, and that part got lost.",
  },
  "key-invalid": {
    title: "The key in this link is damaged",
    hint: "Copy the whole link once more, to its last character, or ask for a new one.",
  },
  "key-expired": {
    title: "This link has expired",
    hint: "Ask whoever gave it to you for a new one, and open that.",
  },
  "key-revoked": {
    title: "This link was withdrawn",
    hint: "It opens nothing any more. Ask whoever gave it to you.",
  },
  "key-scope": {
    title: "This link opens another video",
    hint: "Its key is good, but not for this one. Check that address and key belong together.",
  },
  "origin-unreachable": {
    title: "The server can't reach its origin",
    hint: "Trying again by itself.",
  },
  overloaded: {
    title: "The server is busy",
    hint: "Trying again by itself.",
  },
  internal: {
    title: "The server has a fault",
    hint: "Trying again by itself. If it stays like this, tell whoever runs it.",
  },
  // The rest are ours; no server sends them.
  unreachable: {
    title: "Connection lost",
    hint: "Trying again by itself. Check your network.",
  },
  refused: {
    title: "The server refuses this video",
    hint: "Try again, or tell whoever runs it.",
  },
  "broken-stream": {
    title: "The stream is broken",
    hint: "Parts of it can't be loaded. Try again, or tell whoever runs the server.",
  },
  unplayable: {
    title: "This browser can't play the video",
    hint: "Bring the browser up to date, or try another one.",
  },
};

/** Kinds of problem that this page has words for. */
export const KINDS: readonly string[] = Object.keys(MESSAGES);

/** Reads an error answer. `body` may be anything: proxies answer too. */
export function parseProblem(status: number, body: string, retryAfter: string | null): Problem {
  const told = problemJson(body);
  return {
    kind: told.kind ?? kindOfStatus(status),
    status,
    detail: told.detail,
    retryAfter: parseRetryAfter(retryAfter),
  };
}

/** No answer came: no network, or no server. */
export function unreachable(): Problem {
  return { kind: "unreachable", status: 0, detail: null, retryAfter: null };
}

/** A problem that this page found itself. */
export function own(kind: string, detail: string | null = null): Problem {
  return { kind, status: 0, detail, retryAfter: null };
}

/** Whether asking again can end well without the viewer doing anything. */
export function isPassing(problem: Problem): boolean {
  return PASSING.has(problem.kind);
}

/** The words for a problem. */
export function messageFor(problem: Problem): Message {
  const message = MESSAGES[problem.kind] ?? MESSAGES[kindOfStatus(problem.status)];
  return message ?? { title: "Something went wrong", hint: "Try again." };
}

/** Whether only another link helps: the key in this one will be no better next time. */
export function needsNewLink(problem: Problem): boolean {
  return problem.kind.startsWith("key-");
}

/** The detail, unless the page's own words have said as much. */
export function newsIn(problem: Problem): string | null {
  if (problem.detail === null || WHOLLY_SAID.has(problem.kind)) return null;
  const { title, hint } = messageFor(problem);
  const said = new Set([...FILLERS, ...words(`${title} ${hint} ${problem.kind}`)]);
  return words(problem.detail).every((word) => said.has(word)) ? null : problem.detail;
}

/** Words that tell nothing new about a problem. */
const FILLERS = words("a an the this that there it is was are has have for of to and");

function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}%]+/gu) ?? [];
}

function problemJson(body: string): { kind: string | null; detail: string | null } {
  try {
    const { type, detail } = JSON.parse(body) as { type?: unknown; detail?: unknown };
    return {
      kind: typeof type === "string" ? (/\/problems\/([a-z0-9-]+)$/.exec(type)?.[1] ?? null) : null,
      detail: typeof detail === "string" && detail !== "" ? detail : null,
    };
  } catch {
    return { kind: null, detail: null };
  }
}

function kindOfStatus(status: number): string {
  if (status === 0) return "unreachable";
  if (status === 404 || status === 410) return "not-found";
  if (status === 401) return "key-missing";
  if (status === 403) return "key-scope";
  if (status === 429 || status === 503) return "overloaded";
  if (status === 502 || status === 504) return "origin-unreachable";
  return status >= 500 ? "internal" : "refused";
}

/** `Retry-After` in seconds (RFC 9110 §10.2.3). A date is left to our own pace. */
function parseRetryAfter(field: string | null): number | null {
  return field !== null && /^\s*\d{1,6}\s*$/.test(field) ? Number(field) * 1000 : null;
}
