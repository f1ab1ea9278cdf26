// The rehearsal of `create`: runs its `setUp` on a process that makes no system calls. What tsrun itself does
// from outside is noted from the same plan.

import { ALLOW_ALL, buildDeviceSet, transition } from "../../cgroups/devices/device-set.ts";
import { assembleDeviceProgram, INSTRUCTION_SIZE } from "../../cgroups/devices/program.ts";
import { showRule } from "../../cgroups/devices/rules.ts";
import { joinNewCgroup } from "../../cgroups/driver.ts";
import { planLimits, writtenWithout } from "../../cgroups/limits.ts";
import { plannedRecord } from "../../cgroups/plan.ts";
import { hookState } from "../../container/creation-hooks.ts";
import { inheritedFds } from "../../container/handed-down.ts";
import { oomScoreFromOutside } from "../../container/init.ts";
import type { ContainerPlan } from "../../container/plan.ts";
import { type Outside, setUp } from "../../container/set-up.ts";
import { TsrunError } from "../../errors.ts";
import { argumentsOf, type HookKind, type HookState } from "../../hooks/plan.ts";
import { Descriptor } from "../../linux/files/files.ts";
import { ENOENT } from "../../linux/numbers/errno.ts";
import { S_IFDIR, S_IFMT } from "../../linux/numbers/fcntl.ts";
import { openFilesLimit } from "../../linux/process/limits.ts";
import { type Entered, enterNamespaces } from "../../namespaces/enter.ts";
import { idMapText } from "../../namespaces/plan.ts";
import { standUnseen } from "../../namespaces/stand.ts";
import { Conversation } from "../../proxy/conversation.ts";
import { type HostView, mountPointAbove } from "../../rootfs/host/view.ts";
import type { FileKind } from "../../rootfs/place/context.ts";
import type { ShownCall } from "../model.ts";
import { type PretendedFile, PretendedFiles } from "./files.ts";
import { RehearsedHelper } from "./helper.ts";
import { HostSide } from "./host-side.ts";
import { RehearsedProcess, shownCall } from "./proxy.ts";
import { NOBODY, type Rehearsal } from "./rehearsal.ts";
import { topicOf } from "./topics.ts";

export interface Rehearsed {
  /** The calls of each topic, in their order. */
  readonly calls: ReadonlyMap<string, readonly ShownCall[]>;
  /** Why `create` would stop; `undefined` if it would succeed. */
  readonly stopped: string | undefined;
}

/** @param missing what `missingFiles` returns for the cgroup */
export function rehearse(plan: ContainerPlan, missing: ReadonlySet<string>): Rehearsed {
  const calls = new Map<string, ShownCall[]>();
  let stage = "";
  let topic = "";
  let number = 0;
  const rehearsal: Rehearsal = {
    files: new PretendedFiles(),
    rootfs: plan.rootfs.rootfs,
    enter: (name) => {
      stage = name;
      topic = name;
    },
    note: (by, of) => {
      // A close belongs to the topic of the calls before it.
      if (of.call !== "close") topic = topicOf(stage, of);
      number += 1;
      const call = shownCall(of).replaceAll(String(NOBODY), "PID");
      calls.set(topic, [...(calls.get(topic) ?? []), { number, by, call }]);
    },
  };
  try {
    const host = new HostSide(rehearsal);
    makeCgroup(plan, rehearsal, host);
    setUp(plan, startFirst(plan, rehearsal, host), outsideOf({ plan, rehearsal, missing, host }));
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return { calls, stopped: error.message };
  }
  return { calls, stopped: undefined };
}

function makeCgroup(plan: ContainerPlan, rehearsal: Rehearsal, host: HostSide): void {
  rehearsal.enter("cgroup");
  for (const { path } of plan.cgroup.directories) {
    host.makeDirectory(path);
    rehearsal.files.pretend(path);
  }
}

interface Play {
  readonly plan: ContainerPlan;
  readonly rehearsal: Rehearsal;
  readonly missing: ReadonlySet<string>;
  readonly host: HostSide;
}

/** Like the `Outside` of `createContainer`, but its calls are only noted. */
function outsideOf({ plan, rehearsal, missing, host }: Play): Outside {
  const { hooks } = plan.bundle.spec;
  const run = (kind: HookKind, state: HookState): void => {
    for (const hook of hooks?.[kind] ?? []) {
      host.tell(JSON.stringify(state));
      host.execute("hook", hook.path, argumentsOf(hook), hook.env ?? []);
    }
  };
  return {
    host: viewOf(rehearsal),
    helper: new RehearsedHelper(rehearsal),
    hookFiles: undefined,
    // These need the pid of the process, which exists only now.
    welcome: ({ pid }) => {
      rehearsal.enter("apart");
      host.resetAffinity();
      const score = oomScoreFromOutside(plan);
      if (score !== undefined) host.writeFile(`/proc/${pid}/oom_score_adj`, `${score}`);
    },
    letGoOfHelper: () => {},
    prepareLimits: () => {},
    limit: () => {
      rehearsal.enter("limits");
      limit(plan, host, missing);
    },
    runHooks: () => {
      rehearsal.enter("hooks");
      const creating = hookState(plan, "creating", NOBODY);
      run("prestart", { ...creating, status: "created" });
      run("createRuntime", creating);
      run("createContainer", creating);
    },
    limitProgram: () => {
      rehearsal.enter("rlimits");
      for (const { name, soft, hard } of plan.process.rlimits) host.setLimit(name, soft, hard);
      // The stage in which that is done goes on.
      rehearsal.enter("identity");
    },
    follow: () => {},
    recipient: () => undefined,
  };
}

function viewOf({ files, rootfs }: Rehearsal): HostView {
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
    openFilesLimit,
  };
}

function kindOf(file: PretendedFile | undefined): FileKind | undefined {
  if (file === undefined) return undefined;
  return (file.mode & S_IFMT) === S_IFDIR ? "directory" : "file";
}

function startFirst(plan: ContainerPlan, rehearsal: Rehearsal, host: HostSide): Entered {
  rehearsal.enter("namespaces");
  const { tasks, directory: path } = joinNewCgroup(plan.cgroup, plannedRecord(plan.cgroup), []);
  const directory = path === undefined ? undefined : new Descriptor(-1);
  const { hooks, process } = plan.bundle.spec;
  const nothing = new Descriptor(-1);
  const enter = plan.isUnseen ? standUnseen : enterNamespaces;
  return enter({
    plan: plan.namespaces,
    // systemd moves the process into a unit; tsrun makes no system call for that.
    cgroup: { tasks, directory },
    inherited: inheritedFds(plan.options),
    extra: [
      nothing,
      process?.terminal === true ? nothing : undefined,
      (hooks?.startContainer?.length ?? 0) > 0 ? nothing : undefined,
    ],
    rootless: plan.rootless,
    trace: undefined,
    hostCalls: {
      start: ({ control, descriptors = [] }) => {
        const opened = descriptors.map(({ to }) => to);
        return Conversation.with(new RehearsedProcess(rehearsal, "first", { control, opened }));
      },
      writeIdMaps: (pid, { uidMappings, gidMappings }) => {
        host.writeFile(`/proc/${pid}/uid_map`, idMapText(uidMappings));
        host.writeFile(`/proc/${pid}/gid_map`, idMapText(gidMappings));
      },
      writeFile: (file, content) => host.writeFile(file, String(content)),
    },
  });
}

/** Like `applyResources` of src/cgroups/driver.ts: devices first, then each controller's files. */
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
