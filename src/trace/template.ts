// Placeholders in the template of an event's text. The engine replaces them
// (src/engine/native/trace-text.c). Pure.

export const NAME = "\x01";
export const CATEGORY = "\x02";
/** Microseconds with three decimals, in steps of 0.125: of CLOCK_MONOTONIC, modulo 2^20 seconds (12 days). */
export const START = "\x03";
export const DURATION = "\x04";
/** The pid of the process in which it happened. */
export const PROCESS = "\x05";
/** Nanoseconds since 1970. */
export const START_OF_EPOCH = "\x06";
export const END_OF_EPOCH = "\x07";
/**
 * The event's number, from 1, and the number of the event that contains it, where 0 is the command; each has
 * 8 hexadecimal digits.
 */
export const NUMBER = "\x08";
export const PARENT = "\x0b";
/** `what` and `result` of the format, each only if the event has one. */
export const DETAILS = "\x0c";
export const WHAT = "\x0e";
export const RESULT = "\x0f";
/** What only the frame has: `tsrun 1.4.0`; the time of day when the command began, as RFC 3339 has it. */
export const PROGRAM = "\x10";
export const DATE = "\x11";
/** How many events were left out because there was no room. */
export const DROPPED = "\x12";
/** The names of all other processes, each by the template `process`. */
export const PROCESSES = "\x13";

/** A format of traces. */
export interface Format {
  /** The template of an event, and those of the two details that an event may have. */
  readonly event: string;
  readonly what: string;
  readonly result: string;
  /** The template of the name of a process other than tsrun: its PROCESS and NAME. */
  readonly process: string;
  /** Whether an event names the event that contains it. */
  readonly isNested: boolean;
  /**
   * The texts before and after the events. The first includes the event of the whole command. In both, the
   * engine replaces the placeholders above by the parts of that event, except for DETAILS and WHAT.
   */
  frame(command: TracedCommand): { readonly before: string; readonly after: string };
}

/** A command that was traced. */
export interface TracedCommand {
  /** `tsrun 1.4.0` */
  readonly program: string;
  readonly name: string;
  readonly status: number;
}
