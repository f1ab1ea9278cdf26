// Plans a container's namespaces: new ones, existing ones by path, and the host's for the rest. Pure. Called
// by the stories; runtime-spec config-linux.md#namespaces.

import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../linux/numbers/sched.ts";
import type { IDMapping, Spec } from "../spec/types.ts";

export type NamespaceKind = "user" | "mount" | "pid" | "network" | "ipc" | "uts" | "cgroup" | "time";

/**
 * In the order in which they are entered; the name under /proc/PID/ns and the flag of clone(2) and setns(2).
 */
export const NAMESPACES: Readonly<Record<NamespaceKind, { readonly proc: string; readonly flag: number }>> = {
  user: { proc: "user", flag: CLONE_NEWUSER },
  ipc: { proc: "ipc", flag: CLONE_NEWIPC },
  uts: { proc: "uts", flag: CLONE_NEWUTS },
  network: { proc: "net", flag: CLONE_NEWNET },
  pid: { proc: "pid", flag: CLONE_NEWPID },
  cgroup: { proc: "cgroup", flag: CLONE_NEWCGROUP },
  time: { proc: "time", flag: CLONE_NEWTIME },
  // Last: after it, the host's paths lead elsewhere.
  mount: { proc: "mnt", flag: CLONE_NEWNS },
};

export const NAMESPACE_KINDS = Object.keys(NAMESPACES) as NamespaceKind[];

export interface Join {
  readonly kind: NamespaceKind;
  readonly path: string;
}

export interface NamespacePlan {
  readonly joins: readonly Join[];
  readonly created: ReadonlySet<NamespaceKind>;
  readonly uidMappings: readonly IDMapping[];
  readonly gidMappings: readonly IDMapping[];
  /** Lines for /proc/PID/timens_offsets: `monotonic 3600 0`. */
  readonly timeOffsets: readonly string[];
  /** The process that becomes root of a user namespace keeps the caller's supplementary groups. */
  readonly keepsGroups: boolean;
  /** The root of the process whose namespaces are joined is not that of its mount namespace. */
  readonly entersRoot?: boolean;
}

/** Reads `linux.namespaces` and what belongs to it. */
export function planNamespaces(spec: Spec, { keepsGroups = false } = {}): NamespacePlan {
  const joins: Join[] = [];
  const created = new Set<NamespaceKind>();
  const listed = spec.linux?.namespaces ?? [];
  for (const kind of NAMESPACE_KINDS) {
    const entry = listed.find((namespace) => namespace.type === kind);
    if (entry === undefined) continue;
    if (entry.path === undefined || entry.path === "") created.add(kind);
    else joins.push({ kind, path: entry.path });
  }
  const offsets = Object.entries(spec.linux?.timeOffsets ?? {});
  return {
    joins,
    created,
    uidMappings: spec.linux?.uidMappings ?? [],
    gidMappings: spec.linux?.gidMappings ?? [],
    timeOffsets: offsets.map(([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}`),
    keepsGroups,
  };
}

/**
 * Whether the container's namespace is not the host's: it is new, or shared with another container.
 */
export function isIsolated(plan: NamespacePlan, kind: NamespaceKind): boolean {
  return plan.created.has(kind) || plan.joins.some((join) => join.kind === kind);
}

/** The content of /proc/PID/uid_map or gid_map. */
export function idMapText(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}

/** The host id for an id of the container; `undefined` if it is not mapped. */
export function hostId(mappings: readonly IDMapping[], id: number): number | undefined {
  if (mappings.length === 0) return id;
  const holder = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return holder === undefined ? undefined : holder.hostID + (id - holder.containerID);
}
