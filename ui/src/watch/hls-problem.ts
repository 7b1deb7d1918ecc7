import { ErrorDetails } from "hls.js";
import type { ErrorData } from "hls.js";
import { parseProblem, unreachable, type Problem } from "./problem.ts";

const TIMEOUTS = new Set<ErrorDetails>([
  ErrorDetails.FRAG_LOAD_TIMEOUT,
  ErrorDetails.LEVEL_LOAD_TIMEOUT,
  ErrorDetails.AUDIO_TRACK_LOAD_TIMEOUT,
]);

/** The server's words on a failed request; `null` when it was no server's doing. */
export function problemOf(data: ErrorData): Problem | null {
  const status = data.response?.code ?? (TIMEOUTS.has(data.details) ? 0 : 200);
  if (status === 0) return unreachable();
  if (status < 400) return null;
  const request = data.networkDetails;
  if (!(request instanceof XMLHttpRequest)) return parseProblem(status, "", null);
  return parseProblem(status, bodyOf(request), request.getResponseHeader("retry-after"));
}

function bodyOf(request: XMLHttpRequest): string {
  if (request.response instanceof ArrayBuffer) return new TextDecoder().decode(request.response);
  return typeof request.response === "string" ? request.response : "";
}
