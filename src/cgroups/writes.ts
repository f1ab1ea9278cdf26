// Writes to a controller's files, as values: planned by controllers/*.ts, carried out by writer.ts, shown by
// `explain`. Pure.

/** One write(2) into one file of a cgroup. */
export interface CgroupWrite {
  readonly file: string;
  readonly value: string;
  /**
   * Errors after which the write counts as done: the kernel may lack the file, or may not need the limit.
   */
  readonly tolerate?: readonly string[];
  /** Written instead if the kernel has no such file. */
  readonly otherwise?: CgroupWrite;
  /**
   * The kernel may refuse it (EINVAL) until a later write of the list is done, so it is retried at the end.
   */
  readonly mayPostpone?: boolean;
  /**
   * The kernel clamps the value silently, so it is read back; the error about a difference uses this name.
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
 * A whole number as the kernel reads it. Members in which every digit counts arrive as a bigint if they are
 * that large (restoreExactNumbers). In others the largest 64-bit values arrive rounded up, beyond the range
 * of their type, and are written as the largest value.
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
 * unchanged.
 */
export function isSet<N extends number | bigint>(value: N | undefined): value is N {
  return value !== undefined && value !== 0;
}
