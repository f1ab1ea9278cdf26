// What a controller wants written into its files, as values: planned by controllers/*.ts, carried out by
// writer.ts, shown by `explain`. Pure.

/** One write(2) into one file of a cgroup. */
export interface CgroupWrite {
  readonly file: string;
  readonly value: string;
  /**
   * Names of errors after which the write counts as done: a knob the kernel may lack, a limit it may not
   * need.
   */
  readonly tolerate?: readonly string[];
  /** Written in its place where the kernel has no such file. */
  readonly otherwise?: CgroupWrite;
  /**
   * The kernel may refuse it (EINVAL) until a later write of the list is done; it is tried again at the end.
   */
  readonly again?: boolean;
  /**
   * The kernel clamps the value silently: it is read back, and a difference is an error that calls it this.
   */
  readonly verifyAs?: string;
}

/** The writes of one controller, in order. */
export interface ControllerWrites {
  readonly controller: string;
  readonly writes: readonly CgroupWrite[];
}

const UINT64_END = 2 ** 64;
const INT64_END = 2 ** 63;

/**
 * A whole number as the kernel reads it. Where every digit counts it comes as a bigint when it is that large
 * (restoreExactNumbers); elsewhere the largest 64-bit values arrive rounded up, past the end of their type,
 * and mean the largest.
 */
export function decimal(value: number | bigint, signed: "signed" | "unsigned" = "signed"): string {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return String(value);
  if (signed === "signed" && value >= INT64_END) return "9223372036854775807";
  if (value >= UINT64_END) return "18446744073709551615";
  return BigInt(Math.trunc(value)).toString();
}

/** `major:minor`, as block devices are named in cgroup files. */
export function deviceNumber(device: { readonly major: number; readonly minor: number }): string {
  return `${device.major}:${device.minor}`;
}

/**
 * True for a number that is set. AS RUNC: its structures cannot tell 0 from absent, so 0 leaves a limit
 * alone.
 */
export function isSet<N extends number | bigint>(value: N | undefined): value is N {
  return value !== undefined && value !== 0;
}
