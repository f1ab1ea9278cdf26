// Reads what the kernel wrote about the end of processes: its log, by syslog(2), and the file of auditd,
// which takes some records out of the log.

import { readHierarchies } from "../cgroups/host.ts";
import { tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { Descriptor, readLink, status } from "../linux/files/files.ts";
import { AT_FDCWD, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDONLY, SEEK_SET } from "../linux/numbers/fcntl.ts";
import { INITIAL_PID_NAMESPACE } from "../linux/numbers/sched.ts";
import { machine } from "../linux/numbers/syscalls.ts";
import { once } from "../once.ts";
import { callName } from "../seccomp/call-names.ts";
import type { KernelFacts } from "./model.ts";
import { oomKillsIn, type SeccompKill, seccompKillsIn, stampOf } from "./proc-texts.ts";

/** SYSLOG_ACTION_READ_ALL of syslog(2) */
const READ_ALL = 3;
/** At most this many bytes are read, from the end of each log. */
const MOST = 2 << 20;
const AUDIT_LOG = "/var/log/audit/audit.log";
/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h */
const ARCHITECTURES = { "x86-64": "c000003e", arm64: "c00000b7" };
/** The clocks of the log and of tsrun may differ by this many milliseconds. */
const SLACK_MS = 2000;

export interface Ended {
  readonly pid: number;
  /** Its cgroup directory in the hierarchy that limits memory. */
  readonly cgroup: string | undefined;
  /** When it was created, and the time by which it had ended, in milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/** What the kernel wrote about a container; nothing if tsrun may not read its log. */
export function kernelFacts({ pid, cgroup, from, to }: Ended): KernelFacts {
  const path = cgroup && kernelPath(cgroup);
  const log = kernelLog();
  const killed = path === undefined ? [] : oomKillsIn(between(log, from, to), path);
  // The pids in the log are those of the initial namespace.
  if (pid === 0 || readLink("/proc/self/ns/pid") !== INITIAL_PID_NAMESPACE)
    return { killed, seccompCall: undefined };
  const kills = [...seccompKillsIn(log), ...seccompKillsIn(lastOf(AUDIT_LOG))];
  const last = kills.findLast((kill) => {
    return kill.pid === pid && kill.at >= from - SLACK_MS && kill.at <= to + SLACK_MS;
  });
  return { killed, seccompCall: last && nameOf(last) };
}

function nameOf({ number, architecture }: SeccompKill): string | undefined {
  return architecture === ARCHITECTURES[machine] ? callName(number) : undefined;
}

/** The path of a cgroup from the root of its hierarchy, as the kernel's log has it. */
function kernelPath(directory: string): string | undefined {
  const mounts = readHierarchies().mounts.map(({ mountpoint }) => mountpoint);
  const [mountpoint] = mounts
    .filter((point) => directory.startsWith(`${point}/`))
    .sort((a, b) => b.length - a.length);
  return mountpoint === undefined ? undefined : directory.slice(mountpoint.length);
}

/** The lines of the log between two times. */
function between(log: string, from: number, to: number): string {
  const epoch = logEpoch();
  const lines = log.split("\n").filter((line) => {
    const stamp = stampOf(line);
    if (stamp === undefined) return false;
    const at = epoch + stamp * 1000;
    return at >= from - SLACK_MS && at <= to + SLACK_MS;
  });
  return lines.join("\n");
}

/**
 * The time at 0 of the log's clock, in milliseconds since 1970. That clock stands still while the machine is
 * suspended, as CLOCK_MONOTONIC does.
 */
function logEpoch(): number {
  return Date.now() - performance.now();
}

const kernelLog = once(() => {
  const buffer = new Uint8Array(MOST);
  const length = tryCall("syslog", READ_ALL, buffer, buffer.length);
  return length <= 0 ? "" : text(buffer.subarray(0, length));
});

function lastOf(path: string): string {
  const opened = tryCall("openat", AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  if (opened < 0) return "";
  using file = new Descriptor(opened);
  const size = status("", { at: file.number, itself: true })?.size ?? 0;
  const buffer = new Uint8Array(MOST);
  tryCall("lseek", file.number, Math.max(0, size - MOST), SEEK_SET);
  const length = tryCall("read", file.number, buffer, buffer.length);
  return length <= 0 ? "" : text(buffer.subarray(0, length));
}
