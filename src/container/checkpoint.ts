// `checkpoint`: has criu write a container to files, from which `restore` makes it run again. The order, the
// error texts and the files are runc's (runc: checkpoint.go, libcontainer/criu_linux.go).

import { readHierarchies } from "../cgroups/host.ts";
import { dump } from "../checkpoint/dump.ts";
import type { DumpOptions } from "../checkpoint/options.ts";
import { SINCE } from "../checkpoint/plan.ts";
import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { mustCall } from "../linux/call/call.ts";
import { type Descriptor, makeDirectories, open, status } from "../linux/files/files.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFDIR } from "../linux/numbers/fcntl.ts";
import { processStatus } from "../linux/process/process.ts";
import { inInitialUserNamespace } from "../namespaces/id-maps.ts";
import { hostId, isIsolated, type NamespacePlan, planNamespaces } from "../namespaces/plan.ts";
import { liveMountsThere } from "../rootfs/live/mounts.ts";
import { planRootfs } from "../rootfs/plan/plan.ts";
import type { Spec } from "../spec/types.ts";
import { findCriu } from "./criu.ts";
import { destroy, killAndWait } from "./destroy.ts";
import { NOTIFY, withHandedDown } from "./handed-down.ts";
import type { CheckpointOptions, GlobalOptions } from "./options.ts";
import { cgroupLayout } from "./plan.ts";
import { processesOf } from "./processes.ts";
import type { StateRecord } from "./record.ts";
import { holdInit, openInit, statusWith } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

/**
 * Checkpoints a running or paused container. Unless its processes are to keep running, the container, its
 * state and its cgroup are gone afterwards.
 */
export function checkpointContainer(globals: GlobalOptions, options: CheckpointOptions): void {
  using directory = getStateDirectory(globals.root, options.id);
  directory.lock();
  const record = directory.load();
  using init = holdInit(record);
  using subject = openInit(record);
  const state = statusWith(init, record, directory);
  if (init === undefined || (state !== "running" && state !== "paused")) {
    throw new TsrunError("E_STATE", `Container cannot be checkpointed in ${state} state`, {
      hint: state === "created" ? `"start ${options.id}" lets it run first` : undefined,
    });
  }
  refuseLiveMounts(record, init);
  const spec = configOf(directory);
  const namespaces = planNamespaces(spec);
  makeImageDirectory(options.imagePath, namespaces);
  checkParent(options);
  const criu = findCriu(globals);
  const pid = record.init_process_pid;
  dump({
    criu: criu.path,
    version: criu.version,
    options,
    pid,
    init,
    subject,
    processes: () => [pid, ...(processesOf(record) ?? []).filter((one) => one !== pid)],
    annotations: record.annotations,
    rootfs: planRootfs({
      spec,
      bundle: record.bundle,
      noPivot: false,
      cgroups: cgroupLayout(readHierarchies(), record.cgroup.paths, namespaces),
      userNamespace: !inInitialUserNamespace() || isIsolated(namespaces, "user"),
    }),
    namespaces,
    freezer: freezerOf(record, criu.version),
    debug: globals.log.debug.bind(globals.log),
  });
  if (options.leaveRunning || options.preDump) return;
  try {
    // criu has killed them all; the last one may still be ending.
    killAndWait(record);
    destroy(directory, record, { inBundle: false, by: "checkpoint" });
  } catch (error) {
    throwIfOutOfMemory(error);
    // AS RUNC: the images are complete, so the command succeeds.
    globals.log.warning(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Nobody else may see the container's memory. But in a user namespace criu reads the images as the
 * container's root, so the directory is open to that root's group. An existing directory is not changed.
 */
function makeImageDirectory(path: string, { created, gidMappings }: NamespacePlan): void {
  const isNew = status(path) === undefined;
  makeDirectories(path, 0o700);
  const group = created.has("user") ? hostId(gidMappings, 0) : undefined;
  if (!isNew || group === undefined) return;
  const attempt = `open "${path}" to the container's root`;
  // By its descriptor: whoever may write beside it could put a link in its place.
  using made = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  mustCall(attempt, "fchown", made.number, -1, group);
  mustCall(attempt, "fchmod", made.number, 0o710);
}

/**
 * The container's configuration, with the mount that is added for a notification socket.
 */
function configOf(directory: StateDirectory): Spec {
  const notifySocket = directory.has(NOTIFY) ? "" : undefined;
  return withHandedDown(directory.loadConfig(), { preserveFds: 0, notifySocket }, directory.path);
}

/**
 * AS RUNC: the previous dump is found by a relative path, which is still right after both have been moved.
 */
function checkParent({ imagePath, parentPath }: DumpOptions): void {
  if (parentPath === undefined) return;
  const path = `${imagePath}/${parentPath}`;
  const found = status(path);
  const cause = found === undefined ? "no such file or directory" : "not a directory";
  if (found?.type === S_IFDIR) return;
  throw new TsrunError("E_USAGE", `invalid --parent-path: stat ${path}: ${cause}`, {
    hint: "it is relative to --image-path, and names the directory of the dump before this one",
  });
}

/** The freezer cgroup that criu uses; without one, it stops every process by ptrace(2). */
function freezerOf(record: StateRecord, version: number): string | undefined {
  const { driver, paths } = record.cgroup;
  // In a frozen v1 cgroup ptrace(2) would wait for a stopped process until the cgroup is thawed.
  if (driver !== "v2") return hasStopped(record) ? undefined : paths.freezer;
  return version >= SINCE.freezerV2 ? paths[""] : undefined;
}

function hasStopped(record: StateRecord): boolean {
  return (processesOf(record) ?? []).some((pid) => processStatus(pid)?.state === "T");
}

/** Refuses mounts added by `mounts add`: a container is restored from its configuration, which lacks them. */
function refuseLiveMounts({ liveMounts = [] }: StateRecord, init: Descriptor): void {
  const there = liveMountsThere(liveMounts, init);
  if (there.length === 0) return;
  const paths = there.map(({ destination }) => `"${destination}"`).join(", ");
  throw new TsrunError("E_STATE", `cannot checkpoint a container to which mounts were added: ${paths}`, {
    hint: '"mounts remove" takes them away',
  });
}
