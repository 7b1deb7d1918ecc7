import { time } from "./format.ts";

/** How far an asset is; `null`: the server doesn't say. */
export interface Progress {
  /** `uploading`, `packaging`, `playable`, `ready` or `failed`. */
  state: string;
  /** Done of all work, 0 to 100. */
  percent: number | null;
  /** What is being done: `plan`, `encode`, … */
  stage: string | null;
  /** Seconds of video that are packaged in a second. */
  speed: number | null;
  /** Time left, seconds. */
  etaSecs: number | null;
  /** Names of the tracks that a player is offered. */
  renditions: string[];
}

/** Nothing more will come. */
export function isFinal(progress: Progress): boolean {
  return progress.state === "ready" || progress.state === "failed";
}

/** Reads an event's data, or `info.json`, which has the same members. */
export function parseProgress(json: unknown): Progress | null {
  const told = (json ?? {}) as Record<string, unknown>;
  const { state, percent, stage, speed, eta_secs, renditions } = told;
  if (typeof state !== "string") return null;
  const names = Array.isArray(renditions) ? renditions.filter((name) => typeof name === "string") : [];
  return {
    state,
    percent: number(percent),
    stage: typeof stage === "string" && stage !== "" ? stage : null,
    speed: number(speed),
    etaSecs: number(eta_secs),
    renditions: names,
  };
}

/** `encode · 42 % · 1.8× · 2:05 left`; `null` when there is nothing to tell. */
export function progressLine({ stage, percent, speed, etaSecs }: Progress): string | null {
  const parts = [
    stage,
    percent === null ? null : `${Math.floor(percent)} %`,
    speed === null || speed <= 0 ? null : `${speed.toFixed(speed < 10 ? 1 : 0)}×`,
    etaSecs === null ? null : `${time(Math.ceil(etaSecs))} left`,
  ];
  return parts.filter((part) => part !== null).join(" · ") || null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}
