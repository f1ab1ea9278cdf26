// Sets attributes of the container's first process from outside, as a privileged process of the host. Called
// by the stories, by pid.

import { TsrunError } from "../errors.ts";
import { syscallError, tryCall } from "../linux/call/call.ts";
import { u64Struct } from "../linux/call/words.ts";
import {
  type Descriptor,
  filesystemType,
  openIfThere,
  readTextIfThere,
  tryWriteFile,
} from "../linux/files/files.ts";
import { EACCES, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { O_DIRECTORY, O_PATH } from "../linux/numbers/fcntl.ts";
import { RLIM_INFINITY } from "../linux/numbers/rlimits.ts";
import { parseList } from "./cpu-list.ts";
import { checkLabels, hasLabels, type Labels, type SecurityModules } from "./labels.ts";
import type { PlannedRlimit } from "./plan.ts";
import { nodeMask } from "./scheduling.ts";

/** CAP_CHECKPOINT_RESTORE, the last one of Linux 5.9 to 6.18; assumed if /proc/sys is missing. */
const LAST_CAPABILITY = 40;

export interface LimitOptions {
  /** Allow one process more than the limit, for a child, which then sets the real limit (`limitItself`). */
  readonly forOneMore?: boolean;
}

/** Sets resource limits from outside: root of a user namespace may not raise them (runc: setupRlimits). */
export function setLimits(
  pid: number,
  rlimits: readonly PlannedRlimit[],
  { forOneMore = false }: LimitOptions = {},
): void {
  for (const limit of rlimits) {
    const { name, resource, soft, hard } = limit;
    // An ordinary user cannot raise its own limit.
    if (forOneMore && countsProcesses(limit) && hard < RLIM_INFINITY) {
      if (tryCall("prlimit64", pid, resource, u64Struct(hard + 1n, hard + 1n), 0) >= 0) continue;
    }
    const result = tryCall("prlimit64", pid, resource, u64Struct(soft, hard), 0);
    if (result < 0) {
      const wanted = `${shown(soft)} (hard ${shown(hard)})`;
      throw new TsrunError("E_SYSCALL", `cannot set ${name} to ${wanted}: ${errnoWords(-result)}`, {
        errno: errnoName(-result),
        hint: "a limit can be raised above tsrun's own hard limit only with CAP_SYS_RESOURCE",
        subject: { kind: "rlimit", name, hard },
      });
    }
  }
}

export function countsProcesses({ name }: PlannedRlimit): boolean {
  return name === "RLIMIT_NPROC";
}

/**
 * Writes /proc/PID/oom_score_adj, even if the value is 0.
 * DIFFERS: rootless, a value that only a privileged process may have is no error; runc refuses it.
 */
export function writeOomScore(pid: number, value: number, { rootless }: { rootless: boolean }): void {
  const failure = tryWriteFile(`/proc/${pid}/oom_score_adj`, `${value}`);
  if (failure >= 0 || (failure === -EACCES && rootless)) return;
  throw new TsrunError(
    "E_SYSCALL",
    `cannot set the OOM score adjustment to ${value}: ${errnoWords(-failure)}`,
    { errno: errnoName(-failure), hint: "a score below the present one needs CAP_SYS_RESOURCE" },
  );
}

/**
 * Lets a process run on every CPU of its cgroup's cpuset. Since Linux 6.2 (da019032819a) a process keeps the
 * affinity that tsrun's caller had. Setting all bits is enough: the kernel removes those that the cpuset
 * forbids.
 * AS RUNC: a failure is no error (runc: tryResetCPUAffinity).
 */
export function resetCpuAffinity(pid: number): void {
  const all = new Uint8Array(1024).fill(0xff);
  tryCall("sched_setaffinity", pid, all.length, all);
}

/** Binds a process to the CPUs of a list such as `0-3,7`. */
export function setCpuAffinity(pid: number, list: string): void {
  const mask = nodeMask(parseList(list));
  const result = tryCall("sched_setaffinity", pid, mask.length, mask);
  if (result < 0) throw syscallError(`set the CPU affinity to "${list}"`, -result);
}

/**
 * Whether a process may call setgroups(2): in a user namespace that an ordinary user made it may not.
 * @param process its pid, or its directory of /proc
 */
export function maySetGroups(process: number | Descriptor): boolean {
  const text =
    typeof process === "number"
      ? readTextIfThere(`/proc/${process}/setgroups`, { isShort: true })
      : readTextIfThere("setgroups", { at: process.number, isShort: true });
  return text?.trim() !== "deny";
}

/** The last capability that the kernel knows; capabilities of later kernels are dropped by number. */
export function lastCapability(): number {
  const number = Number(readTextIfThere("/proc/sys/kernel/cap_last_cap", { isShort: true }) ?? "");
  return Number.isInteger(number) && number > 0 && number < 64 ? number : LAST_CAPABILITY;
}

/** Refuses labels that nothing on this host would enforce. */
export function checkHostLabels(labels: Labels): void {
  if (hasLabels(labels)) checkLabels(labels, securityModules());
}

/** Which security modules enforce labels on this host (runc: apparmor.isEnabled, go-selinux). */
function securityModules(): SecurityModules {
  return {
    apparmor: readTextIfThere("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true,
    selinux: hasSelinux(),
  };
}

/** Whether the host runs SELinux. */
export function hasSelinux(): boolean {
  using held = openIfThere("/sys/fs/selinux", O_PATH | O_DIRECTORY);
  return held !== undefined && filesystemType(held.number) === SELINUX_MAGIC;
}

const SELINUX_MAGIC = 0xf97cff8c;

function shown(value: bigint): string {
  return value === RLIM_INFINITY ? "unlimited" : value.toString();
}
