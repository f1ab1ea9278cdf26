// A trace in Chrome's format of trace events, as it is written and read. It opens in Perfetto and in
// chrome://tracing. Types only.

/** What an event is about; the `cat` of an event. */
export type Category =
  /** The whole command, from its options having been read to the end. */
  | "command"
  /** A part of the command. Phases follow on each other without a gap, and lie in no other phase. */
  | "phase"
  /** A system call of tsrun's own process. */
  | "call"
  /** A system call that a process in the container's namespaces made for tsrun. */
  | "inside"
  /** Waiting: for a lock, for systemd, for a process. It contains the call that waits. */
  | "wait"
  /** A hook, with its path. */
  | "hook"
  /** Starting a process. */
  | "spawn"
  /** A call of a C library in a process of its own. */
  | "library"
  /** A message to systemd and its answer. */
  | "dbus";

export interface TraceArguments {
  /** What the event is about: the path or paths of a call, the path of a hook. */
  readonly what?: string;
  /** What a call has returned: its result, or the negated errno. */
  readonly result?: number;
}

/** Something that took time. */
export interface CompleteEvent {
  readonly ph: "X";
  readonly name: string;
  readonly cat: Category;
  /** When it began, in microseconds of CLOCK_MONOTONIC: traces of several commands fit together. */
  readonly ts: number;
  /** How long it took, in microseconds. Both have three decimals. */
  readonly dur: number;
  /** The process that it happened in, as the host counts. Each process has one thread, of the same number. */
  readonly pid: number;
  readonly tid: number;
  readonly args: TraceArguments;
}

/** The name of a process: "tsrun create", "first process". */
export interface NameEvent {
  readonly ph: "M";
  readonly name: "process_name" | "thread_name";
  readonly pid: number;
  readonly tid: number;
  readonly args: { readonly name: string };
}

export interface ChromeTrace {
  readonly traceEvents: readonly (CompleteEvent | NameEvent)[];
  readonly displayTimeUnit: "ms";
  readonly otherData: {
    /** `tsrun` and its version. */
    readonly program: string;
    /** The command's name. */
    readonly command: string;
    /** When the command began: RFC 3339, UTC. */
    readonly time: string;
    /** Its exit status. */
    readonly status: number;
    /** How many events there was no room for. */
    readonly dropped: number;
  };
}
