// The type of a scenario: a function that makes pods, checks them, and returns a note.

import { match } from "node:assert/strict";
import type { Client } from "./client.ts";
import type { Pod, PodOptions } from "./pod.ts";

export interface Cluster {
  readonly client: Client;
  /** The runtime's handler in containerd's configuration. */
  readonly handler: string;
  /** A running pod, which is removed after the scenario. */
  pod(options?: PodOptions): Promise<Pod>;
  /** An empty folder of the host. */
  folder(): string;
  /** Registers a function that runs after the pods have been removed. */
  after(undo: () => void): void;
}

export type Scenario = (cluster: Cluster) => Promise<string | undefined>;
/** Scenarios by name; results are kept under these names. */
export type Scenarios = Readonly<Record<string, Scenario>>;

/** Thrown if this machine, or this containerd, cannot run a scenario, with any runtime. */
export class Skipped extends Error {}

/** Checks that a call is refused with this message. */
export async function refused(words: RegExp, call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error("it was not refused"),
    (reason: Error) => reason,
  );
  match(error.message, words);
  return error.message;
}
