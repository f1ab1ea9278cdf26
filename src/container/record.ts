// The content of state.json: what later commands must know of a container. Types only.

import type { CgroupRecord } from "../cgroups/record.ts";
import type { RdtRecord } from "../rdt/group.ts";
import type { HostMounts } from "../rootfs/host-mounts.ts";
import type { Resources } from "../spec/types.ts";

/** What `start` must know to tell the first process what to do. */
export interface StartInside {
  /** The number of the control socket in it. */
  readonly control: number;
  readonly path: string;
  readonly environment: readonly string[];
  /** Whether the seccomp filter is installed already. */
  readonly filtered: boolean;
}

export interface StateRecord {
  readonly version: 1;
  readonly id: string;
  readonly ociVersion: string;
  /**
   * 0 until the first process exists. With the start time it is the container's identity: pids are used
   * again.
   */
  readonly init_process_pid: number;
  /** Clock ticks after boot. */
  readonly init_process_start: number;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly cgroup: CgroupRecord;
  /** The group of Intel RDT, where there is one. */
  readonly rdt?: RdtRecord;
  /** The resources in force, once `update` has changed them; until then config.json has them. */
  readonly resources?: Resources;
  /** Whether the container has a session keyring of its own, which `exec` then joins. */
  readonly newKeyring: boolean;
  /** Whether `start` or `delete` has hooks to run, which config.json then tells. */
  readonly hooksAfter: boolean;
  /** The seccomp profile notifies: whoever waits for the first process may wait for an agent. */
  readonly notifiesAgent?: true;
  /** Set once the first process waits, where `start` has hooks to run inside: see hooks-inside.ts. */
  readonly startInside?: StartInside;
  /** Without a mount namespace of its own: what was mounted on the root's path before. */
  readonly mountsBefore?: HostMounts;
  /** Whether the first process' end is everybody's: it has a pid namespace of its own. */
  readonly ownPidNamespace: boolean;
}
