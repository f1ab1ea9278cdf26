// What stands for the parts of an event in a text that describes it; the engine fills them in
// (src/engine/native/trace-text.c). White space stands for itself. Pure.

export const NAME = "\x01";
export const CATEGORY = "\x02";
/** Microseconds of CLOCK_MONOTONIC, with three decimals. */
export const START = "\x03";
export const DURATION = "\x04";
/** The pid. */
export const PROCESS = "\x05";
/** Nanoseconds since 1970. */
export const START_OF_EPOCH = "\x06";
export const END_OF_EPOCH = "\x07";
/**
 * The event's number from 1 on, in 8 hexadecimal digits, and that of the one that contains it; 0 is the
 * command.
 */
export const NUMBER = "\x08";
export const PARENT = "\x0b";
/** Those of the two texts below for which there is something. */
export const DETAILS = "\x0c";
export const WHAT = "\x0e";
export const RESULT = "\x0f";

/** A format of traces: what stands before, between and after the events. */
export interface Format {
  /** The engine puts these together. */
  readonly event: string;
  readonly what: string;
  readonly result: string;
  /** Whether an event names the one that contains it. */
  readonly isNested: boolean;
  /** What comes before the events, with the event of the whole command, and what comes after them. */
  frame(command: TracedCommand): { readonly before: string; readonly after: string };
}

/** A command that was recorded. */
export interface TracedCommand {
  /** `tsrun 1.4.0` */
  readonly program: string;
  readonly name: string;
  readonly pid: number;
  readonly status: number;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly start: number;
  readonly end: number;
  /** The time of day at 0 of that clock, in nanoseconds. */
  readonly epoch: bigint;
  readonly dropped: number;
  /** The names of other processes, by pid. */
  readonly names: ReadonlyMap<number, string>;
}
