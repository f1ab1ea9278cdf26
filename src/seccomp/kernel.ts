// What the running kernel's seccomp(2) can do; called by compile.ts.

import { tryCall } from "../linux/call/call.ts";
import { EFAULT } from "../linux/numbers/errno.ts";
import { SECCOMP_SET_MODE_FILTER } from "./tables.ts";

/**
 * Whether the kernel knows these flags. Tried with a program at address 0: for unknown flags the kernel
 * returns EINVAL before it reads that address, otherwise EFAULT, so nothing is ever installed.
 */
export function kernelKnowsFlags(flags: number): boolean {
  return tryCall("seccomp", SECCOMP_SET_MODE_FILTER, flags, 0) === -EFAULT;
}
