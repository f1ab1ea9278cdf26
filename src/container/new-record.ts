// The record of a container that is being made. Called by create and restore.

import { plannedRecord } from "../cgroups/plan.ts";
import { TsrunError } from "../errors.ts";
import { hasHooksAfter } from "../hooks/plan.ts";
import { type ProcessStatus, processStatus } from "../linux/process/process.ts";
import { PROXY_NAME } from "../proxy/name.ts";
import { mountsOn } from "../rootfs/host/host-mounts.ts";
import type { ContainerPlan } from "./plan.ts";
import type { StateRecord } from "./record.ts";
import type { StateDirectory } from "./store.ts";

/** What is saved of a container before anything of it exists. */
export function newRecord(plan: ContainerPlan, directory: StateDirectory): StateRecord {
  const { bundle, options, cgroup, namespaces, rootfs, seccomp } = plan;
  const { spec } = bundle;
  const bootId = directory.boot();
  return {
    version: 1,
    id: options.id,
    ociVersion: spec.ociVersion,
    init_process_pid: 0,
    init_process_start: 0,
    ...(bootId === undefined ? {} : { bootId }),
    created: new Date().toISOString(),
    bundle: bundle.path,
    rootfs: bundle.rootfs,
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    cgroup: plannedRecord(cgroup),
    cgroupIsPlanned: true,
    newKeyring: !options.noNewKeyring,
    hooksAfter: hasHooksAfter(spec.hooks),
    ...(seccomp?.notify === true ? { notifiesAgent: true } : {}),
    ...(rootfs.onHost ? { mountsBefore: mountsOn(bundle.rootfs) } : {}),
    ownPidNamespace: namespaces.created.has("pid"),
  };
}

type Identity = Pick<StateRecord, "init_process_pid" | "init_process_start">;

/** The first process' part of the record. */
export function identityOf(pid: number): Identity {
  const { startTime } = statusIn(pid);
  return { init_process_pid: pid, init_process_start: startTime };
}

/**
 * The same while the process is a proxy. If /proc is that of another pid namespace, the pid belongs to some
 * process of that namespace there: `delete --force` would kill it later.
 */
export function identityOfProxy(pid: number): Identity {
  const { name, parent, startTime } = statusIn(pid);
  // It is called like the descriptor that it was executed from until it has read its first message.
  const isProxy = name === PROXY_NAME || /^\d+$/.test(name);
  // Another tsrun's proxy is no child of ours.
  if (isProxy && parent === process.pid) return { init_process_pid: pid, init_process_start: startTime };
  throw unreadable(`: process ${pid} is "${name}" there`);
}

function statusIn(pid: number): ProcessStatus {
  const found = processStatus(pid);
  if (found === undefined) throw unreadable();
  return found;
}

function unreadable(cause = ""): TsrunError {
  const words = `cannot read the status of the container's first process in /proc${cause}`;
  return new TsrunError("E_SYSCALL", words, {
    hint: "tsrun needs the /proc of its own pid namespace, mounted without hidepid for its own processes",
  });
}
