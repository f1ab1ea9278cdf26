// What `why` finds out and reports. Types only.

import type { End, Ending, Signalled } from "../container/ending.ts";
import type { Status } from "../container/options.ts";
import type { StateRecord } from "../container/record.ts";
import type { Hooks, Seccomp } from "../spec/types.ts";

/** One word for scripts. `half-made`: its create ended before the container was complete. `gone`: deleted. */
export type WhyState = Status | "half-made" | "damaged" | "gone";

/** `note`: worth knowing; `waits`: it waits, which may be intended; `wrong`: it hangs, or ended badly. */
export type Weight = "note" | "waits" | "wrong";

export interface Finding {
  /** For scripts: `oom`, `frozen`, `hook`. */
  readonly kind: string;
  readonly weight: Weight;
  /** A clause: `nobody has called start`. */
  readonly words: string;
  /** The evidence: files, processes, numbers. */
  readonly details?: readonly string[];
  /** What to do about it. */
  readonly next?: string | undefined;
}

export interface Report {
  readonly id: string;
  readonly state: WhyState;
  /** The state as a clause that follows the id: `runs since …`. */
  readonly words: string;
  /** Whether a finding has the weight `wrong`. */
  readonly wrong: boolean;
  readonly findings: readonly Finding[];
  /** The first process, while it exists. */
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
  /** The kernel functions in which it waits, the innermost first; empty if tsrun may not read them. */
  readonly functions: readonly string[];
  /** The system call that it is in. */
  readonly call: { readonly name: string; readonly first: number } | undefined;
  /** The process that traces it, or 0. */
  readonly tracer: number;
  /** Its counts of context switches: while they stay the same, the process does not run. */
  readonly switches: string;
}

/** A process that has the container's directory open. */
export interface CommandFacts {
  readonly process: ProcessFacts;
  /** Whether it is tsrun and not another program, such as a shell that somebody started there. */
  readonly isTsrun: boolean;
  readonly lock: "holds" | "waits" | "none";
  /** Whether it is creating the container. */
  readonly isMaking: boolean;
  /** Hooks, criu, and its own helpers. */
  readonly children: readonly ProcessFacts[];
}

export interface Frozen {
  /** The cgroup that was frozen. */
  readonly cgroup: string;
  /** The file that shows it. */
  readonly file: string;
  /** Whether it is the container's own cgroup and not one above it. */
  readonly isOwn: boolean;
}

/** What the kernel's log has about a container. */
export interface KernelFacts {
  /** Processes that the kernel killed because memory ran out. */
  readonly killed: readonly { readonly pid: number; readonly name: string; readonly limitOf: string }[];
  /** The system call for which a seccomp filter ended the first process. */
  readonly seccompCall: string | undefined;
}

/** A container whose state exists and can be read. */
export interface Existing {
  readonly record: StateRecord;
  readonly status: Status;
  /** Which FIFO it has before it is started: see `StateDirectory.waiting`. */
  readonly waiting: "creating" | "created" | undefined;
  /** Whether the first process has not executed its program yet. */
  readonly isBeforeProgram: boolean;
  /** The first process; it may have ended without anybody having waited for it. */
  readonly init: ProcessFacts | undefined;
  readonly end: End;
  /** The container's processes and threads that wait uninterruptibly, including the first process. */
  readonly sleeping: readonly ProcessFacts[];
  /** Children of the first process, while it runs hooks. */
  readonly insideHooks: readonly ProcessFacts[];
  /** How many processes are in its cgroup. */
  readonly members: number;
  readonly frozen: Frozen | undefined;
  readonly commands: readonly CommandFacts[];
  readonly signals: readonly Signalled[];
  readonly oom: { readonly oomKills?: number; readonly cgroup?: string };
  /** cgroup v1: it is out of memory, and the OOM killer is disabled. */
  readonly isHeldByMemory: boolean;
  /** How often pids.max has refused a fork. */
  readonly forksRefused: number;
  /** Whether its state is from an earlier boot of the machine. */
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
  /** Set if there is a directory without a state. */
  readonly halfMade?: { readonly commands: readonly CommandFacts[] };
  /** Why the state cannot be read. */
  readonly damage?: string;
  readonly ending?: Ending | undefined;
  /** Commands that still work on a deleted container. */
  readonly after?: readonly CommandFacts[];
  readonly kernel: KernelFacts;
}

/** What the facts are judged by. */
export interface Judging {
  /** In milliseconds since 1970. */
  readonly now: number;
  /** A wait that has lasted longer than this counts as hanging, in milliseconds. */
  readonly afterMs: number;
  /** The processes that stayed in their state for a second without running once. */
  readonly still: ReadonlySet<ProcessFacts>;
}
