// Finds out which system calls this kernel, or a filter around tsrun, does not know: each is tried once, and
// avoided from then on. Called after a failure; docs/kernel.md lists the calls.

import { ENOSYS } from "../../linux/numbers/errno.ts";
import type { SyscallName } from "../../linux/numbers/syscalls.ts";
import type { Operation } from "../../proxy/calls/operation.ts";
import type { KernelFeatures, RootContext } from "./context.ts";

const FEATURE_OF: Readonly<Partial<Record<SyscallName, keyof KernelFeatures>>> = {
  mount_setattr: "mountSetattr",
  openat2: "openat2",
  open_tree: "mountApi",
  move_mount: "mountApi",
  fsopen: "mountApi",
  fsconfig: "mountApi",
  fsmount: "mountApi",
};

/** Whether `failed` is a call that this kernel lacks and that tsrun can do without; if so, try again. */
export function adapt(context: RootContext, failed: Operation): boolean {
  if (failed.result !== -ENOSYS) return false;
  const feature = FEATURE_OF[failed.call];
  if (feature === undefined || !context.features[feature]) return false;
  context.lacks(feature);
  return true;
}
