// What `check` finds: one line for each thing that containers need of the host. Types only.

export type Topic = "kernel" | "cgroups" | "namespaces" | "ids" | "security" | "programs" | "files";

/** `lesser`: a substitute is used, or something optional is missing; `lacking`: what needs it is refused. */
export type Health = "well" | "lesser" | "lacking";

export interface Line {
  /** For scripts, and for what a bundle needs: `cgroups.memory`. */
  readonly id: string;
  readonly topic: Topic;
  /** What it is, in words. */
  readonly what: string;
  readonly health: Health;
  /** What the host has. */
  readonly found: string;
  /** Of a line that is not well: what cannot be done without, or gets slower. */
  readonly costs?: string;
  /** How it is mended. */
  readonly mend?: string;
}

export interface Report {
  /** Whose containers: those of root, or of an ordinary user. */
  readonly rootless: boolean;
  /** The bundle for which it was asked. */
  readonly bundle: string | undefined;
  /** Whether what is needed is there. */
  readonly passes: boolean;
  readonly lines: readonly Line[];
  /** The ids of needed lines that are lacking. */
  readonly lacking: readonly string[];
}
