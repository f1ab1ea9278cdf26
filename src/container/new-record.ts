// The record of a container that is being made. Called by create and restore.

import { plannedRecord } from "../cgroups/plan.ts";
import { TsrunError } from "../errors.ts";
import { hasHooksAfter } from "../hooks/plan.ts";
import { checkProc, PROC_HINT } from "../linux/process/own-proc.ts";
import { isChrooted } from "../linux/process/own-root.ts";
import { processStatus } from "../linux/process/process.ts";
import { keptStartTime } from "../linux/process/start-time.ts";
import { mountsOn } from "../rootfs/host/host-mounts.ts";
import type { ContainerPlan } from "./plan.ts";
import type { StateRecord } from "./record.ts";
import type { StateDirectory } from "./store.ts";

/** What is saved of a container before anything of it exists. Throws if /proc shows other processes' ids. */
export function newRecord(plan: ContainerPlan, directory: StateDirectory): StateRecord {
  checkProc();
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
    ...(isChrooted() ? { chrooted: true } : {}),
    ownPidNamespace: namespaces.created.has("pid"),
  };
}

/** The first process' part of the record. */
export function identityOf(pid: number): Pick<StateRecord, "init_process_pid" | "init_process_start"> {
  const found = processStatus(pid);
  if (found === undefined) {
    const words = "cannot read the status of the container's first process in /proc";
    throw new TsrunError("E_SYSCALL", words, { hint: PROC_HINT });
  }
  return { init_process_pid: pid, init_process_start: keptStartTime(found.startTime) };
}
