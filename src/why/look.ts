// Looks at one container: its state, its processes, its cgroup, the commands that work on it, and what is
// remembered of it.

import { frozenAround } from "../cgroups/frozen.ts";
import { readProcesses } from "../cgroups/members.ts";
import { ownOomKills } from "../cgroups/oom-kills.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { readKey } from "../cgroups/writer.ts";
import { isOfEarlierBoot } from "../container/boot.ts";
import { type Ending, SIGNAL_NOTE, type Signalled, signalledIn } from "../container/ending.ts";
import type { GlobalOptions } from "../container/options.ts";
import { ownCgroup } from "../container/own-cgroup.ts";
import type { StateRecord } from "../container/record.ts";
import { PROXY_EXECUTABLE, statusOf } from "../container/status.ts";
import { findStateDirectory, type StateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { listIfReadable } from "../linux/files/directories.ts";
import { readLink, readTextIfThere } from "../linux/files/files.ts";
import { endOfZombie, processStatus } from "../linux/process/process.ts";
import { isSameStart } from "../linux/process/start-time.ts";
import type { Spec } from "../spec/types.ts";
import type { CommandsAtWork } from "./commands.ts";
import { kernelFacts } from "./kernel-log.ts";
import type { Existing, Facts, Frozen, ProcessFacts } from "./model.ts";
import { childrenOf, lookAtProcess, sleepingOf, targetOf } from "./processes.ts";

/** Facts for when the kernel's log was not searched. */
const NOTHING = { killed: [], seccompCall: undefined };

/** The latest remembered end of the container with this id. */
export type Remembered = (id: string) => Ending | undefined;

export interface Around {
  readonly commands: CommandsAtWork;
  readonly remembered: Remembered;
}

/** `undefined` if the container does not exist and no end of it is remembered. */
export function lookAt({ root }: GlobalOptions, id: string, around: Around): Facts | undefined {
  const { commands, remembered } = around;
  const ending = remembered(id);
  const found = findStateDirectory(root, id);
  if (found === undefined) {
    const after = commands.on(id);
    if (ending === undefined && after.length === 0) return undefined;
    return { id, ending, after, kernel: ending === undefined ? NOTHING : kernelOf(ending) };
  }
  using directory = found;
  let record: StateRecord;
  try {
    record = directory.load();
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    if (error.code !== "E_NOT_FOUND") return { id, damage: error.message, kernel: NOTHING };
    return { id, halfMade: { commands: commands.on(id) }, kernel: NOTHING };
  }
  const existing = lookAtExisting(directory, record, around);
  // An earlier container may have had the same id.
  const own = ending?.created === record.created ? ending : undefined;
  const from = Date.parse(record.created);
  const end = { pid: record.init_process_pid, cgroup: existing.oom.cgroup, from, to: Date.now() };
  const asks = existing.status === "stopped" || (existing.oom.oomKills ?? 0) > 0;
  return { id, existing, ending: own, kernel: asks ? kernelFacts(end) : NOTHING };
}

function kernelOf({ pid = 0, cgroup, created, at }: Ending): Facts["kernel"] {
  if (created === undefined) return NOTHING;
  return kernelFacts({ pid, cgroup, from: Date.parse(created), to: at });
}

function lookAtExisting(directory: StateDirectory, record: StateRecord, { commands }: Around): Existing {
  const status = statusOf(record, directory);
  const { init_process_pid: pid, init_process_start: startTime } = record;
  const cgroup = ownCgroup(record);
  const isThere = pid !== 0 && isThereSince(pid, startTime);
  const init = isThere ? lookAtProcess(pid) : undefined;
  const members = readProcesses(cgroup);
  const isBeforeProgram = isThere && readLink(`/proc/${pid}/exe`) === PROXY_EXECUTABLE;
  const spec = configOf(directory);
  return {
    record,
    status,
    waiting: directory.waiting(),
    isBeforeProgram,
    init,
    end: isThere ? endOfInit(pid, startTime) : {},
    sleeping: sleepingOf(members.length > 0 ? members : isThere ? [pid] : []),
    insideHooks: isBeforeProgram ? childrenOf(pid).flatMap((child) => lookAtProcess(child) ?? []) : [],
    members: members.length,
    frozen: frozenAt(cgroup),
    commands: commands.on(record.id),
    signals: signalsIn(directory.path),
    oom: ownOomKills(cgroup),
    isHeldByMemory: isHeldByMemory(cgroup),
    forksRefused: forksRefused(cgroup),
    isOfEarlierBoot: isOfEarlierBoot(record),
    hooks: spec?.hooks,
    seccomp: spec?.linux?.seccomp,
    stdout: isThere ? targetOf(pid, 1) : undefined,
    stderr: isThere ? targetOf(pid, 2) : undefined,
  };
}

/** Also one that has ended, and was not waited for. */
function isThereSince(pid: number, startTime: number): boolean {
  const found = processStatus(pid);
  return found !== undefined && isSameStart(found.startTime, startTime);
}

/** The configuration is only used to name hooks and rules, so `why` does without a damaged one. */
function configOf(directory: StateDirectory): Spec | undefined {
  try {
    return directory.loadConfig();
  } catch {
    return undefined;
  }
}

function endOfInit(pid: number, startTime: number): Existing["end"] {
  const ended = endOfZombie(pid, startTime);
  if (ended === undefined) return {};
  return ended.signal === 0 ? { status: ended.status } : { signal: ended.signal };
}

function signalsIn(path: string): Signalled[] {
  return listIfReadable(path)
    .filter(({ name, type }) => type === "symlink" && name.startsWith(SIGNAL_NOTE))
    .flatMap(({ name }) => signalledIn(name, readLink(`${path}/${name}`) ?? "") ?? []);
}

/** The frozen cgroup: the container's own, or one above it; `undefined` if none is frozen. */
function frozenAt(record: CgroupRecord): Frozen | undefined {
  const own = record.paths[record.driver === "v2" ? "" : "freezer"];
  for (const frozen of frozenAround(record)) return { ...frozen, isOwn: frozen.cgroup === own };
  return undefined;
}

/** cgroup v1 with the OOM killer disabled in memory.oom_control: what needs more memory waits. */
function isHeldByMemory({ driver, paths: { memory } }: CgroupRecord): boolean {
  if (driver !== "v1" || memory === undefined) return false;
  const text = readTextIfThere(`${memory}/memory.oom_control`, { isShort: true }) ?? "";
  return /^oom_kill_disable 1$/m.test(text) && /^under_oom 1$/m.test(text);
}

function forksRefused({ driver, paths }: CgroupRecord): number {
  const directory = paths[driver === "v2" ? "" : "pids"];
  return directory === undefined ? 0 : readKey(directory, "pids.events", "max");
}

/** All processes that might hang. */
export function suspectsIn({ existing, halfMade, after = [] }: Facts): ProcessFacts[] {
  const { init, sleeping = [], commands = [], insideHooks = [] } = existing ?? {};
  const working = [...commands, ...(halfMade?.commands ?? []), ...after];
  const all = [
    ...(init === undefined ? [] : [init]),
    ...sleeping,
    ...insideHooks,
    ...working.flatMap(({ process, children }) => [process, ...children]),
  ];
  return all;
}
