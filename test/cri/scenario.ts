// What a scenario is: it makes pods, looks at them, and returns what is worth a note.

import { match } from "node:assert/strict";
import type { Client } from "./client.ts";
import type { Pod, PodOptions } from "./pod.ts";

export interface Cluster {
  readonly client: Client;
  /** Of the runtime that is tried, as containerd's configuration names it. */
  readonly handler: string;
  /** A pod that is up, and taken down after the scenario. */
  pod(options?: PodOptions): Promise<Pod>;
  /** An empty folder of the host. */
  folder(): string;
  /** Done after the pods have gone. */
  after(undo: () => void): void;
}

export type Scenario = (cluster: Cluster) => Promise<string | undefined>;
/** By name, which a result is kept under. */
export type Scenarios = Readonly<Record<string, Scenario>>;

/** What this machine, or this containerd, cannot do, whatever the runtime. */
export class Skipped extends Error {}

/** That a call is refused, and how. */
export async function refused(words: RegExp, call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error("it was not refused"),
    (reason: Error) => reason,
  );
  match(error.message, words);
  return error.message;
}
