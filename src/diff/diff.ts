// `diff`: compares a created or running container with its configuration, including the changes of `update`.
// It changes nothing without `--fix`.
//
// Decide: limits.ts with limit-values.ts, device-rules.ts with interpreter.ts, process.ts with
// capabilities.ts and rlimits.ts, mounts.ts with mount-attributes.ts and found-mounts.ts, sysctl-values.ts.
// Look at the container: devices.ts, namespaces.ts, look.ts, sysctls.ts. fix.ts writes limits again; model.ts
// has the types.

import { parseHierarchies } from "../cgroups/hierarchies.ts";
import { planExisting } from "../container/existing.ts";
import { profileOf } from "../container/filter.ts";
import type { GlobalOptions } from "../container/options.ts";
import type { UnfilteredPlan } from "../container/plan.ts";
import type { StateRecord } from "../container/record.ts";
import { isRootless } from "../container/rootless.ts";
import { holdInit, notRunning, statusWith } from "../container/status.ts";
import { getStateDirectory, type StateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { Descriptor, open, openIfThere, readLink, readTextIfThere, status } from "../linux/files/files.ts";
import { O_DIRECTORY, O_PATH, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { isEnding } from "../linux/process/process.ts";
import { isIsolated } from "../namespaces/plan.ts";
import { lastCapability, maySetGroups } from "../process/host-side.ts";
import { PROXY_NAME } from "../proxy/name.ts";
import { isEmptyProfile } from "../seccomp/profile.ts";
import { readAnnotations } from "../spec/annotations.ts";
import type { IDMapping, Spec } from "../spec/types.ts";
import { diffDevices } from "./devices.ts";
import { fix } from "./fix.ts";
import { type FoundMount, foundMounts } from "./found-mounts.ts";
import { compareLimits } from "./limits.ts";
import { givesPrivileges, lookIn, mayLook } from "./look.ts";
import { type Comparison, type DiffReport, joined, NOTHING, unseen } from "./model.ts";
import { compareMounts } from "./mounts.ts";
import { diffNamespaces } from "./namespaces.ts";
import { compareProcess, type IdMaps, type ProcessFacts } from "./process.ts";
import { diffSysctls } from "./sysctls.ts";

export interface DiffOptions {
  /** Whether to write limits and device rules again. */
  readonly fix: boolean;
}

/** The container, with its first process's directory of /proc open. */
interface Container {
  readonly globals: GlobalOptions;
  readonly record: StateRecord;
  readonly plan: UnfilteredPlan;
  readonly init: Descriptor;
  readonly status: DiffReport["status"];
  /** Whether an ordinary user created it. */
  readonly isOfUser: boolean;
}

/** A container as it is now. */
interface Subject extends Container {
  /** The mounts that its first process sees; `undefined` if they cannot be read. */
  readonly mounts: readonly FoundMount[] | undefined;
  /** /proc/self/mountinfo */
  readonly hostMounts: string;
}

export function diffContainer(globals: GlobalOptions, id: string, options: DiffOptions): DiffReport {
  using directory = getStateDirectory(globals.root, id);
  // Without `--fix` nothing is changed, so this command need not wait for another one.
  if (options.fix) directory.lock();
  const record = directory.load();
  const held = holdInit(record);
  if (held === undefined) throw notRunning(id, "stopped");
  using init = held;
  const container = containerOf(globals, { directory, record, init });
  const found = compareAll(container);
  if (!options.fix) return report(container, found);
  const written = fix(record, container.plan.cgroup, found.differences);
  return { ...report(container, written.length === 0 ? found : compareAll(container)), written };
}

interface Opened {
  readonly directory: StateDirectory;
  readonly record: StateRecord;
  readonly init: Descriptor;
}

function containerOf(globals: GlobalOptions, { directory, record, init }: Opened): Container {
  const status = statusWith(init, record, directory);
  if (status === "creating" || status === "stopped") throw notRunning(record.id, status);
  const plan = planExisting(globals, directory, record, {
    noPivot: false,
    preserveFds: 0,
    handedDown: true,
  });
  return { globals, record, plan, init, status, isOfUser: directory.ownerUid() !== 0 };
}

function report({ record, status }: Container, found: Comparison): DiffReport {
  return {
    id: record.id,
    status,
    pid: record.init_process_pid,
    differs: found.differences.some(({ own }) => own !== true),
    ...found,
  };
}

function compareAll(container: Container): Comparison {
  const { globals, record, plan, init } = container;
  const { spec } = plan.bundle;
  const mountinfo = readTextIfThere("mountinfo", { at: init.number });
  const subject: Subject = {
    ...container,
    mounts: mountinfo === undefined ? undefined : foundMounts(mountinfo),
    hostMounts: readTextIfThere("/proc/self/mountinfo") ?? "",
  };
  const found = joined(
    compareCgroup(subject),
    { differences: compareLimits(record.cgroup, plan.cgroup.resources, readLimit), unseen: [] },
    // An ordinary user cannot set device rules, and needs none.
    isRootless(globals) || subject.isOfUser ? NOTHING : diffDevices(record.cgroup, plan.cgroup.devices),
    diffNamespaces({ init, plan: plan.namespaces, isParent: isParent(init) }),
    mountsOf(subject),
    { differences: processOf(subject), unseen: [] },
    diffSysctls({
      init,
      plan: plan.namespaces,
      sysctl: spec.linux?.sysctl ?? {},
      trace: globals.trace,
    }),
    compareNetwork(init, spec),
  );
  // A process that ends gives up its cgroups, namespaces and mounts one after the other, and may then wait
  // for others in its pid namespace: nothing that was found counts.
  if (isEnding(init.number)) throw notRunning(record.id, "ending");
  return found;
}

const readLimit = (directory: string, file: string): string | undefined =>
  file.includes("/") ? undefined : readTextIfThere(`${directory}/${file}`);

/** Checks that the first process is still in the cgroup that has its limits, or below it. */
function compareCgroup({ record, init, hostMounts }: Subject): Comparison {
  const { cgroup } = record;
  const own = readTextIfThere("cgroup", { at: init.number });
  if (own === undefined || cgroup.driver === "none") return NOTHING;
  const { mounts } = parseHierarchies(hostMounts, own);
  const differences = mounts.flatMap(({ controllers, own: found }) => {
    const [name = ""] = controllers;
    const asked = cgroup.paths[name];
    if (asked === undefined || found === asked || found.startsWith(`${asked}/`)) return [];
    return [
      {
        topic: "cgroup" as const,
        what: name === "" ? "cgroup" : `cgroup of ${name}`,
        asked,
        found,
        costs: "its limits do not apply to its first process, nor to what that starts",
        next: `echo ${record.init_process_pid} >${asked}/cgroup.procs`,
      },
    ];
  });
  return { differences, unseen: [] };
}

function mountsOf({ record, plan, init, globals, mounts, hostMounts }: Subject): Comparison {
  if (plan.rootfs.onHost || plan.rootfs.joinsMounts) {
    return unseen(
      "mounts",
      "the container shares its mount namespace with the host or with another container",
    );
  }
  const root = openRoot(init);
  if (mounts === undefined || root === undefined) return unseen("mounts", "they cannot be read");
  using held = root;
  const { spec } = plan.bundle;
  const { rootfs } = record;
  const { hooks } = spec;
  return compareMounts({
    plan: plan.rootfs,
    found: mounts,
    below: foundMounts(hostMounts)
      .filter(({ point }) => point.startsWith(`${rootfs}/`))
      .map((one) => ({ ...one, point: one.point.slice(rootfs.length) })),
    liveMounts: record.liveMounts ?? [],
    terminal: spec.process?.terminal === true,
    hooks: [hooks?.prestart, hooks?.createRuntime, hooks?.createContainer, hooks?.startContainer].some(
      (kind) => (kind ?? []).length > 0,
    ),
    mayBeLocked: isIsolated(plan.namespaces, "user") || isRootless(globals),
    look: mayLook(mounts) ? (path) => lookIn(held, path, mounts) : () => undefined,
  });
}

function openRoot(init: Descriptor): Descriptor | undefined {
  try {
    return openIfThere("root", O_PATH | O_DIRECTORY, { at: init.number });
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}

function processOf(subject: Subject): ReturnType<typeof compareProcess> {
  const { globals, record, plan, init, status, mounts = [] } = subject;
  const read = (file: string) => readTextIfThere(file, { at: init.number });
  const waits = status === "created" || waitsStill(init);
  const facts: ProcessFacts = {
    pid: record.init_process_pid,
    status: read("status") ?? "",
    limits: read("limits") ?? "",
    oomScoreAdj: read("oom_score_adj"),
    apparmor: read("attr/apparmor/current") ?? read("attr/current"),
    selinux: read("attr/current"),
    waits,
    isPrivilegedFile: !waits && mayLook(mounts) && givesPrivileges(init),
    lastCapability: lastCapability(),
    ids: idsOf(subject),
    maySetGroups: maySetGroups(init),
  };
  const callerStatus = readTextIfThere("/proc/self/status") ?? "";
  const asked = {
    process: plan.process,
    rootless: isRootless(globals),
    hasFilter: hasFilter(plan.bundle.spec),
    callerStatus,
  };
  return facts.status === "" ? [] : compareProcess(asked, facts);
}

/** Whether the first process waits for `start`. A paused container may wait, too. */
function waitsStill(init: Descriptor): boolean {
  return readLink("exe", { at: init.number })?.startsWith(`/memfd:${PROXY_NAME}`) === true;
}

function hasFilter(spec: Spec): boolean {
  if (readAnnotations(spec).seccompProgram !== undefined) return true;
  const profile = profileOf(spec);
  return profile !== undefined && !isEmptyProfile(profile);
}

/** The container's id mappings as this process sees them. */
function idsOf({ plan, init }: Subject): IdMaps | undefined {
  if (!isIsolated(plan.namespaces, "user")) {
    const isOurs = readLink("ns/user", { at: init.number }) === readLink("/proc/self/ns/user");
    return isOurs ? { uids: [], gids: [] } : undefined;
  }
  const [uids, gids] = ["uid_map", "gid_map"].map((file) =>
    mapIn(readTextIfThere(file, { at: init.number })),
  );
  return uids === undefined || gids === undefined ? undefined : { uids, gids };
}

function mapIn(text: string | undefined): IDMapping[] | undefined {
  const rows = (text ?? "")
    .trim()
    .split("\n")
    .filter((row) => row !== "");
  if (rows.length === 0) return undefined;
  return rows.map((row) => {
    const [containerID = 0, hostID = 0, size = 0] = row.trim().split(/\s+/).map(Number);
    return { containerID, hostID, size };
  });
}

/** ioctl_nsfs(2) */
const NS_GET_PARENT = 0xb702;

/**
 * Whether the container's user namespace is a child of this process's. Only then do its maps show the host
 * ids that the configuration has.
 */
function isParent(init: Descriptor): boolean {
  try {
    using users = open("ns/user", O_RDONLY, { at: init.number });
    const parent = tryCall("ioctl", users.number, NS_GET_PARENT);
    if (parent < 0) return false;
    using held = new Descriptor(parent);
    const [found, own] = [status("", { at: held.number, itself: true }), status("/proc/self/ns/user")];
    return found !== undefined && found.inode === own?.inode;
  } catch (error) {
    if (error instanceof TsrunError) return false;
    throw error;
  }
}

/** Checks that the network devices that were moved into the container are still there. */
function compareNetwork(init: Descriptor, spec: Spec): Comparison {
  const devices = Object.entries(spec.linux?.netDevices ?? {});
  if (devices.length === 0) return NOTHING;
  const text = readTextIfThere("net/dev", { at: init.number });
  if (text === undefined) return unseen("network", "the container's network devices cannot be read");
  const there = new Set(text.split("\n").map((line) => line.split(":")[0]?.trim()));
  const differences = devices.flatMap(([host, { name = host }]) =>
    there.has(name)
      ? []
      : [
          {
            topic: "network" as const,
            what: name,
            asked: host === name ? "moved in" : `"${host}" moved in`,
            found: "no such device",
            costs: "the container cannot reach that network",
            next: `move it in again: ip link set ${host} netns PID name ${name}`,
          },
        ],
  );
  return { differences, unseen: [] };
}
