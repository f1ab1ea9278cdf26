// The rehearsal of `create`: its stages in their order, by the functions that carry them out, on a process
// that carries nothing out. What tsrun itself does from outside is written down from the same plan.

import { ALLOW_ALL, buildDeviceSet, transition } from "../../cgroups/devices/device-set.ts";
import { assembleDeviceProgram, INSTRUCTION_SIZE } from "../../cgroups/devices/program.ts";
import { showRule } from "../../cgroups/devices/rules.ts";
import { joinNewCgroup } from "../../cgroups/driver.ts";
import { planLimits, writtenWithout } from "../../cgroups/limits.ts";
import { plannedRecord } from "../../cgroups/plan.ts";
import { giveTerminal } from "../../container/console.ts";
import { hookState } from "../../container/create.ts";
import { inheritedFds } from "../../container/handed-down.ts";
import { leaveListening } from "../../container/hooks-inside.ts";
import {
  furnishStep,
  initOperations,
  leaveWaiting,
  oomScoreFromOutside,
  settlement,
} from "../../container/init.ts";
import type { ContainerPlan } from "../../container/plan.ts";
import { TsrunError } from "../../errors.ts";
import { argumentsOf, type HookKind, type HookState } from "../../hooks/plan.ts";
import { Descriptor } from "../../linux/files/files.ts";
import { ENOENT } from "../../linux/numbers/errno.ts";
import { S_IFDIR, S_IFMT } from "../../linux/numbers/fcntl.ts";
import { type Entered, enterNamespaces } from "../../namespaces/enter.ts";
import { idMapText } from "../../namespaces/plan.ts";
import { becomeUser } from "../../process/become-user.ts";
import { openLabelFiles } from "../../process/label-files.ts";
import { hasLabels } from "../../process/labels.ts";
import { type HostView, mountPointAbove } from "../../rootfs/host/view.ts";
import type { FileKind } from "../../rootfs/place/context.ts";
import { buildRootfs, enterRootfs, layOutFor, sealRootfs } from "../../rootfs/rootfs.ts";
import type { ShownCall } from "../model.ts";
import { type PretendedFile, PretendedFiles } from "./files.ts";
import { RehearsedHelper } from "./helper.ts";
import { HostSide, NOBODY } from "./host-side.ts";
import { RehearsalProxy, shownCall } from "./proxy.ts";
import type { Stage } from "./stage.ts";
import { topicOf } from "./topics.ts";

export interface Rehearsed {
  /** The calls of each topic, in their order. */
  readonly calls: ReadonlyMap<string, readonly ShownCall[]>;
  /** Why it goes no further, where it does not. */
  readonly stopped: string | undefined;
}

/** Goes through the making of a container. `missing` is what `missingFiles` tells of its cgroup. */
export function rehearse(plan: ContainerPlan, missing: ReadonlySet<string>): Rehearsed {
  const calls = new Map<string, ShownCall[]>();
  let phase = "";
  let topic = "";
  let number = 0;
  const stage: Stage = {
    files: new PretendedFiles(),
    rootfs: plan.rootfs.rootfs,
    note: (by, of) => {
      // What is closed belongs to what was done with it.
      if (of.call !== "close") topic = topicOf(phase, of);
      number += 1;
      const call = shownCall(of).replaceAll(String(NOBODY), "PID");
      calls.set(topic, [...(calls.get(topic) ?? []), { number, by, call }]);
    },
  };
  try {
    perform({ plan, stage, missing }, (name) => {
      phase = name;
      topic = name;
    });
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return { calls, stopped: error.message };
  }
  return { calls, stopped: undefined };
}

/** As `createContainer` and `setUp` of src/container/create.ts. */
interface Play {
  readonly plan: ContainerPlan;
  readonly stage: Stage;
  readonly missing: ReadonlySet<string>;
}

function perform({ plan, stage, missing }: Play, enter: (phase: string) => void): void {
  const host = new HostSide(stage);
  const { hooks } = plan.bundle.spec;
  enter("cgroup");
  for (const { path } of plan.cgroup.directories) {
    host.makeDirectory(path);
    stage.files.pretend(path);
  }

  enter("namespaces");
  const { proxy, extra } = startFirst(plan, stage, host);
  const [fifo = -1, console, listener] = extra;

  enter("apart");
  host.resetAffinity();
  const score = oomScoreFromOutside(plan);
  if (score !== undefined) host.writeFile(`/proc/${NOBODY}/oom_score_adj`, `${score}`);
  const labels = hasLabels(plan.process) ? openLabelFiles(proxy, plan.process) : undefined;
  proxy.run(initOperations(plan, labels).operations);

  enter("mounts");
  const layout = layOutFor(plan.rootfs, viewOf(stage));
  const rootfs = buildRootfs(plan.rootfs, layout, { proxy, helper: new RehearsedHelper(stage) });

  enter("limits");
  limit(plan, host, missing);
  enter("rlimits");
  for (const { name, soft, hard } of plan.process.rlimits) host.setLimit(name, soft, hard);

  enter("hooks");
  const creating = hookState(plan, "creating", NOBODY);
  const run = (kind: HookKind, state: HookState): void => {
    for (const hook of hooks?.[kind] ?? []) {
      host.tell(JSON.stringify(state));
      host.execute("hook", hook.path, argumentsOf(hook), hook.env ?? []);
    }
  };
  run("prestart", { ...creating, status: "created" });
  run("createRuntime", creating);
  run("createContainer", creating);

  enter("root");
  enterRootfs(proxy, plan.rootfs, rootfs);
  const size = plan.bundle.spec.process?.consoleSize;
  if (console !== undefined) giveTerminal(proxy, { size, socket: console, rootfs });
  proxy.run(sealRootfs(plan.rootfs, rootfs, furnishStep(plan, rootfs)).operations);

  enter("identity");
  const executable = becomeUser(proxy, plan.process, { filter: plan.seccomp !== undefined, labels });
  enter("command");
  const { operations, filter } = settlement(proxy, plan, { fifo, listener, output: undefined });
  proxy.run(operations);
  const wait = { executable, fifo, filter, recipient: undefined };
  if (listener === undefined) leaveWaiting(proxy, plan, wait);
  else leaveListening(proxy, { ...wait, listener, output: undefined });
}

function viewOf({ files, rootfs }: Stage): HostView {
  return {
    kindOf: (path) => kindOf(files.onHost(path)),
    modeOf: (path) => {
      const place = files.walk({ in: "host", path: rootfs }, path.slice(1), "no links");
      if (typeof place === "number") return place === -ENOENT ? { mode: undefined } : undefined;
      const file = files.find(place);
      if (file === undefined) return { mode: undefined };
      return kindOf(file) === "directory" ? { mode: file.mode & ~S_IFMT } : undefined;
    },
    mountPoint: () => mountPointAbove(rootfs),
  };
}

function kindOf(file: PretendedFile | undefined): FileKind | undefined {
  if (file === undefined) return undefined;
  return (file.mode & S_IFMT) === S_IFDIR ? "directory" : "file";
}

function startFirst(plan: ContainerPlan, stage: Stage, host: HostSide): Entered {
  const join = joinNewCgroup(plan.cgroup, plannedRecord(plan.cgroup));
  const path = "directory" in join ? join.directory : join.unified;
  const directory = path === undefined ? undefined : new Descriptor(-1);
  const { hooks, process } = plan.bundle.spec;
  const nothing = new Descriptor(-1);
  return enterNamespaces({
    plan: plan.namespaces,
    // Systemd moves the process into a unit; that is none of our calls.
    cgroup: { tasks: "tasks" in join ? join.tasks : [], directory },
    inherited: inheritedFds(plan.options),
    extra: [
      nothing,
      process?.terminal === true ? nothing : undefined,
      (hooks?.startContainer?.length ?? 0) > 0 ? nothing : undefined,
    ],
    rootless: plan.rootless,
    trace: undefined,
    outside: {
      startProxy: ({ control, descriptors = [] }) =>
        new RehearsalProxy(stage, "first", { control, opened: descriptors.map(({ to }) => to) }),
      writeIdMaps: (pid, { uidMappings, gidMappings }) => {
        host.writeFile(`/proc/${pid}/uid_map`, idMapText(uidMappings));
        host.writeFile(`/proc/${pid}/gid_map`, idMapText(gidMappings));
      },
      writeFile: (file, content) => host.writeFile(file, String(content)),
    },
  });
}

/** As `applyResources` of src/cgroups/driver.ts: devices first, then each controller's files. */
function limit({ cgroup }: ContainerPlan, host: HostSide, missing: ReadonlySet<string>): void {
  const { driver, directories, devices } = cgroup;
  const directoryOf = (controller: string): string =>
    directories.find(({ controllers }) => controllers.includes(controller))?.path ?? controller;
  if (driver === "none") return;
  const set = buildDeviceSet(devices);
  if (driver === "v2")
    host.guardDevices(directoryOf(""), assembleDeviceProgram(set).length / INSTRUCTION_SIZE);
  else {
    for (const rule of transition(ALLOW_ALL, set)) {
      host.writeFile(`${directoryOf("devices")}/devices.${rule.allow ? "allow" : "deny"}`, showRule(rule));
    }
  }
  for (const { controller, writes } of planLimits(cgroup)) {
    for (const write of writes) {
      const { file, value } = writtenWithout(write, missing);
      host.writeFile(`${directoryOf(driver === "v2" ? "" : controller)}/${file}`, value);
    }
  }
}
