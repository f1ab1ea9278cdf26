// Chrome's format of trace events, which Perfetto and chrome://tracing open. Pure.

import type { Category } from "../spans.ts";
import {
  CATEGORY,
  DATE,
  DETAILS,
  DROPPED,
  DURATION,
  type Format,
  NAME,
  PROCESS,
  PROCESSES,
  PROGRAM,
  RESULT,
  START,
  WHAT,
} from "./template.ts";

export interface TraceArguments {
  /** What the event is about: the path or paths of a call, the path of a hook. */
  readonly what?: string;
  /** What a call returned: its result, or the negated errno. */
  readonly result?: number;
}

/** Something that took time. */
export interface CompleteEvent {
  readonly ph: "X";
  readonly name: string;
  /** What kind of event it is (src/spans.ts). */
  readonly cat: Category;
  /**
   * When it began, in microseconds of CLOCK_MONOTONIC modulo 2^20 seconds, so that traces of several commands
   * fit together.
   */
  readonly ts: number;
  /** How long it took, in microseconds. Both are multiples of 0.125, of which a double has no other value. */
  readonly dur: number;
  /**
   * The process in which it happened, by its pid on the host. Each process has one thread, of the same
   * number.
   */
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
    /** How many events were left out because there was no room. */
    readonly dropped: number;
  };
}

const process = `"pid":${PROCESS},"tid":${PROCESS}`;
const times = `"ts":${START},"dur":${DURATION},${process}`;

function nameOf(name: string): string {
  return `{"ph":"M","name":"process_name",${process},"args":{"name":"${name}"}},\n`;
}

/** Both texts around the events are constants, which takes less time than to make them. */
const FRAME = {
  before:
    `{"traceEvents":[\n${nameOf(`${PROGRAM} ${NAME}`)}${PROCESSES}` +
    `{"ph":"X","name":"${NAME}","cat":"command",${times},"args":{"result":${RESULT}}}`,
  after:
    `\n],"displayTimeUnit":"ms","otherData":{"program":"${PROGRAM}","command":"${NAME}",` +
    `"time":"${DATE}","status":${RESULT},"dropped":${DROPPED}}}\n`,
};

/** Writes one event per line. The text is not made by JSON.stringify, which would take ten times as long. */
export const chromeFormat: Format = {
  event: `,\n{"ph":"X","name":"${NAME}","cat":"${CATEGORY}",${times},"args":{${DETAILS}}}`,
  what: `"what":"${WHAT}"`,
  result: `"result":${RESULT}`,
  process: nameOf(NAME),
  isNested: false,
  frame: () => FRAME,
};
