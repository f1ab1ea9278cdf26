// What `check` finds: one line for each thing that containers need from the host. Types only.

export type Topic = "kernel" | "cgroups" | "namespaces" | "ids" | "security" | "programs" | "files";

/**
 * `lesser`: tsrun uses a substitute, or something optional is missing; `lacking`: what needs it is refused.
 */
export type Health = "well" | "lesser" | "lacking";

export interface Line {
  /** For scripts, and for what a bundle needs: `cgroups.memory`. */
  readonly id: string;
  readonly topic: Topic;
  /** The thing, in words. */
  readonly what: string;
  readonly health: Health;
  /** What the host has. */
  readonly found: string;
  /** If it is not well: what does not work, or gets slower. */
  readonly costs?: string;
  /** If it is not well: how to mend it. */
  readonly mend?: string;
}

export interface Report {
  /** Whether the answer is for an ordinary user's containers or for root's. */
  readonly rootless: boolean;
  /** The bundle that was checked for. */
  readonly bundle: string | undefined;
  /** Whether the host has all that is needed. */
  readonly passes: boolean;
  readonly lines: readonly Line[];
  /** The ids of needed lines that are lacking. */
  readonly lacking: readonly string[];
}
