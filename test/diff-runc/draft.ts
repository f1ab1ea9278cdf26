// What is tried once: a configuration, the host that it finds and the commands of a caller. It is made of
// parts that chance has chosen; each can be left out, which is how the smallest that shows a difference is
// found.

import { baseConfig, type Config } from "../support/config.ts";

/** Of the arena; the same for both runtimes, since paths are seen. */
export const FOLDER = "/run/diff-runc";
/** Where everything that is tried is made anew for each runtime: a tmpfs of its own. */
export const BOX = `${FOLDER}/box`;
export const BUNDLE = `${BOX}/bundle`;
export const SOURCES = `${BOX}/sources`;
/** What is observed is written here; also the container's /out. */
export const OUT = `${FOLDER}/out`;
export const STATE_ROOT = `${BOX}/state`;
export const NAMESPACES = `${BOX}/namespaces`;
export const PROBE = `${FOLDER}/probe`;
export const ID = "box";
/** Whom the root of a user namespace is to the host. */
export const MAPPED = 100_000;

/** One call of the runtime, or what a caller waits for. */
export interface Step {
  /** Under which what it answers is compared. */
  readonly name: string;
  /** Words of a shell, `$R` being the runtime with its global flags. */
  readonly command: string;
}

export interface Draft {
  readonly config: Config;
  /** Lines of a shell, as root of the host, before the first command. */
  readonly host: string[];
  /** How the container is made, and what happens to it while it runs. */
  way: "run" | "create" | "detach" | "unstarted";
  readonly globals: string[];
  readonly flags: string[];
  readonly runFlags: string[];
  /** What a shell does before each call of the runtime. */
  readonly caller: string[];
  /** Before `start`, and between it and the end. */
  readonly before: Step[];
  readonly steps: Step[];
  /** Of the program, when it does not wait. */
  ending: string;
  /** What ends a program that waits. */
  signal: string;
}

export type Random = (limit: number) => number;

export interface Part {
  readonly name: string;
  readonly apply: (draft: Draft) => void;
}

/** Makes a part, which holds all that chance has chosen. */
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
