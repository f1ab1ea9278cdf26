// Whether a container that joins another one's pid namespace can be prepared by a process that nobody in that
// namespace sees (namespaces/stand.ts). If somebody there saw it and had CAP_SYS_PTRACE, he could use all of
// tsrun's privileges through it, or read the host's files below its /proc/PID/root. Called by plan.ts.

import { tryCall } from "../linux/call/call.ts";
import { FSCONFIG_SET_STRING, FSOPEN_CLOEXEC } from "../linux/numbers/mount.ts";
import type { NamespacePlan } from "../namespaces/plan.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import type { Spec } from "../spec/types.ts";

export interface UnseenRequest {
  readonly spec: Spec;
  readonly namespaces: NamespacePlan;
  readonly rootless: boolean;
}

/**
 * Not with hooks of the creation, which get the pid of the first process, and are visible themselves. Not
 * with a user namespace, in which a process may not join the pid namespace of its parent. Not in a joined
 * mount namespace, whose /proc need not show the process itself. Not if the cgroup has room for one process
 * only.
 */
export function mayBeUnseen({ spec, namespaces: { joins, created }, rootless }: UnseenRequest): boolean {
  if (!joins.some(({ kind }) => kind === "pid") || rootless) return false;
  const { prestart = [], createRuntime = [], createContainer = [] } = spec.hooks ?? {};
  if (prestart.length + createRuntime.length + createContainer.length > 0) return false;
  const { pids, unified } = spec.linux?.resources ?? {};
  if (pids?.limit === 1 || unified?.["pids.max"]?.trim() === "1") return false;
  return !created.has("user") && !joins.some(({ kind }) => kind === "user" || kind === "mount");
}

/** The pid namespace of a process's children, in the host's procfs. */
const OF_CHILDREN = "/proc/self/ns/pid_for_children";

/**
 * Whether procfs has the option `pidns` (Linux 6.18, proc(5)). Without it, a procfs always shows the pid
 * namespace of the process that mounts it.
 */
export function mountsProcUnseen(): boolean {
  const context = tryCall("fsopen", "proc", FSOPEN_CLOEXEC);
  if (context < 0) return false;
  const result = tryCall("fsconfig", context, FSCONFIG_SET_STRING, "pidns", OF_CHILDREN, 0);
  tryCall("close", context);
  return result >= 0;
}

export function withProcOfChildren(rootfs: RootfsPlan): RootfsPlan {
  const mounts = rootfs.mounts.map((mount) => {
    if (mount.kind !== "filesystem" || mount.type !== "proc") return mount;
    return { ...mount, data: [`pidns=${OF_CHILDREN}`, ...mount.data] };
  });
  return { ...rootfs, mounts };
}
