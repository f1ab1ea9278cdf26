// What `why` finds out, and what it tells. Types only.

import type { End, Ending, Signalled } from "../container/ending.ts";
import type { Status } from "../container/options.ts";
import type { StateRecord } from "../container/record.ts";
import type { Hooks, Seccomp } from "../spec/types.ts";

/** One word for scripts. `half-made`: its create has ended before it was complete. `gone`: deleted. */
export type WhyState = Status | "half-made" | "damaged" | "gone";

/** `note`: worth knowing; `waits`: it waits for somebody, as it may; `wrong`: it hangs, or ended badly. */
export type Weight = "note" | "waits" | "wrong";

export interface Finding {
  /** For scripts: `oom`, `frozen`, `hook`. */
  readonly kind: string;
  readonly weight: Weight;
  /** A clause: `nobody has called start`. */
  readonly words: string;
  /** What shows it: files, processes, numbers. */
  readonly details?: readonly string[];
  /** What to do about it. */
  readonly next?: string | undefined;
}

export interface Report {
  readonly id: string;
  readonly state: WhyState;
  /** The state as a clause, which follows the id: `runs since …`. */
  readonly words: string;
  /** Whether one of the findings is wrong. */
  readonly wrong: boolean;
  readonly findings: readonly Finding[];
  /** Of the first process, while it is there. */
  readonly pid?: number | undefined;
  /** How it ended, as far as that is known. */
  readonly end?: End | undefined;
}

/** A process, or a thread of one. */
export interface ProcessFacts {
  readonly pid: number;
  readonly name: string;
  /** Its command line, or its name where it has none. */
  readonly command: string;
  /** One letter, as in proc_pid_stat(5). */
  readonly state: string;
  readonly parent: number;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  /** The functions of the kernel that it waits in, the innermost first; none where they may not be read. */
  readonly functions: readonly string[];
  /** The system call that it is in. */
  readonly call: { readonly name: string; readonly first: number } | undefined;
  /** Who traces it, 0 if nobody does. */
  readonly tracer: number;
  /** How often it was switched away from: as long as it stays the same, the process has not run. */
  readonly switches: string;
}

/** A command of tsrun's that has the container's directory open. */
export interface CommandFacts {
  readonly process: ProcessFacts;
  /** It is tsrun, and not another program that somebody has started there. */
  readonly isTsrun: boolean;
  readonly lock: "holds" | "waits" | "none";
  /** It is the one that makes the container. */
  readonly isMaking: boolean;
  /** Hooks, criu, and its own helpers. */
  readonly children: readonly ProcessFacts[];
}

export interface Frozen {
  /** The cgroup that was frozen. */
  readonly cgroup: string;
  /** The file that says so. */
  readonly file: string;
  /** It is the container's own, not one above it. */
  readonly isOwn: boolean;
}

/** What the kernel has written down about a container. */
export interface KernelFacts {
  /** Processes that it has killed for want of memory. */
  readonly killed: readonly { readonly pid: number; readonly name: string; readonly limitOf: string }[];
  /** The call for which it has ended the first process. */
  readonly seccompCall: string | undefined;
}

/** A container whose state is there and can be read. */
export interface Existing {
  readonly record: StateRecord;
  readonly status: Status;
  /** Where it stands before it is started: see start.ts. */
  readonly waiting: "creating" | "created" | undefined;
  /** The first process has not executed its program yet. */
  readonly isBeforeProgram: boolean;
  /** Also one that has ended, and that nobody has waited for. */
  readonly init: ProcessFacts | undefined;
  readonly end: End;
  /** Processes and threads of it that wait uninterruptibly, the first process included. */
  readonly sleeping: readonly ProcessFacts[];
  /** Children of the first process, while it runs hooks. */
  readonly insideHooks: readonly ProcessFacts[];
  /** How many processes are in its cgroup. */
  readonly members: number;
  readonly frozen: Frozen | undefined;
  readonly commands: readonly CommandFacts[];
  readonly signals: readonly Signalled[];
  readonly oom: { readonly oomKills?: number; readonly cgroup?: string };
  /** v1: it is out of memory, and the kernel may kill nobody. */
  readonly isHeldByMemory: boolean;
  /** How often pids.max has refused a fork. */
  readonly forksRefused: number;
  /** Its state is of an earlier boot of the machine. */
  readonly isOfEarlierBoot: boolean;
  readonly hooks: Hooks | undefined;
  readonly seccomp: Seccomp | undefined;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

/** Everything that is known of a container. */
export interface Facts {
  readonly id: string;
  readonly existing?: Existing;
  /** There is a directory without a state. */
  readonly halfMade?: { readonly commands: readonly CommandFacts[] };
  /** Why the state cannot be read. */
  readonly damage?: string;
  readonly ending?: Ending | undefined;
  /** Commands that still work on one that is deleted. */
  readonly after?: readonly CommandFacts[];
  readonly kernel: KernelFacts;
}

/** By which the facts are judged. */
export interface Judging {
  /** In milliseconds since 1970. */
  readonly now: number;
  /** What has lasted longer hangs, in milliseconds. */
  readonly afterMs: number;
  /** The processes that have been in their state for a second, without running once. */
  readonly still: ReadonlySet<ProcessFacts>;
}
