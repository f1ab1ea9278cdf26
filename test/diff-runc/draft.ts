// A draft is one trial: a configuration, the state of the host and the commands of a caller. It consists of
// randomly chosen parts; each can be left out, to find the smallest draft that shows a difference.

import { baseConfig, type Config } from "../support/config.ts";

/** The arena's folder; the same for both runtimes, since paths are visible. */
export const FOLDER = "/run/diff-runc";
/** A tmpfs in which everything is made again for each runtime. */
export const BOX = `${FOLDER}/box`;
export const BUNDLE = `${BOX}/bundle`;
export const SOURCES = `${BOX}/sources`;
/** The observations are written here; it is also the container's /out. */
export const OUT = `${FOLDER}/out`;
export const STATE_ROOT = `${BOX}/state`;
export const NAMESPACES = `${BOX}/namespaces`;
export const PROBE = `${FOLDER}/probe`;
export const ID = "box";
/** The host id of a user namespace's root. */
export const MAPPED = 100_000;

/** One call of the runtime, or a wait. */
export interface Step {
  /** The name under which its result is compared. */
  readonly name: string;
  /** A shell command; `$R` is the runtime with its global flags. */
  readonly command: string;
}

export interface Draft {
  readonly config: Config;
  /** Shell commands that root runs on the host before the first call. */
  readonly host: string[];
  /** How the container is made, and what happens to it while it runs. */
  way: "run" | "create" | "detach" | "unstarted";
  readonly globals: string[];
  readonly flags: string[];
  readonly runFlags: string[];
  /** Shell commands before each call of the runtime. */
  readonly caller: string[];
  /** Steps before `start`, and between it and the end. */
  readonly before: Step[];
  readonly steps: Step[];
  /** How the program ends, if it does not wait. */
  ending: string;
  /** The signal that ends a program that waits. */
  signal: string;
}

export type Random = (limit: number) => number;

export interface Part {
  readonly name: string;
  readonly apply: (draft: Draft) => void;
}

/** Makes a part, with all random choices in it. */
export type Maker = (random: Random) => Part;

export function pick<T>(from: readonly T[], random: Random): T {
  return from[random(from.length)] as T;
}

/** Some of them, in their order. */
export function some<T>(from: readonly T[], random: Random, oneIn = 2): T[] {
  return from.filter(() => random(oneIn) === 0);
}

function emptyDraft(): Draft {
  const config = baseConfig(ID);
  config.process.args = [];
  return {
    config,
    host: [],
    way: "create",
    globals: [],
    flags: [],
    runFlags: [],
    caller: [],
    before: [],
    steps: [],
    ending: "exit 0",
    signal: "KILL",
  };
}

export function draftOf(parts: readonly Part[]): Draft {
  const draft = emptyDraft();
  for (const { apply } of parts) apply(draft);
  const { config } = draft;
  const ending = draft.way === "run" ? draft.ending : "wait";
  if (config.process.args.length === 0) {
    config.process.args = ["/bin/probe", "report", "/out/main", "tree", ...ending.split(" ")];
  }
  config.mounts.push({ destination: "/out", type: "bind", source: OUT, options: ["rbind", "rw"] });
  return draft;
}
