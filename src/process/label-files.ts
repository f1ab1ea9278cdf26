// Opens the files under /proc/thread-self/attr that labels are written to, through a procfs that nobody can
// have replaced or covered (CVE-2019-16884, CVE-2025-52881). Called by the stories for a process that has
// labels. Only the thread itself may write these files, so the proxy opens them.

import { TsrunError } from "../errors.ts";
import { u64Struct, viewOf } from "../linux/call/words.ts";
import { parseStatx } from "../linux/files/statx.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  O_WRONLY,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "../linux/numbers/fcntl.ts";
import { PROC_SUPER_MAGIC } from "../linux/numbers/mount.ts";
import { data, type Fd } from "../proxy/calls/arguments.ts";
import { close, fstatfs, openat, type Reading, statx } from "../proxy/calls/calls.ts";
import { fsconfigCreate, fsmount, fsopen } from "../proxy/calls/mount-calls.ts";
import { type Operation, operation, orGoOn, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import type { LabelFiles } from "./labels.ts";
import type { ProcessPlan } from "./plan.ts";

/** Opens the files for the labels that the plan has. */
export function openLabelFiles(proxy: Conversation, plan: ProcessPlan): LabelFiles {
  const { apparmorProfile, selinuxLabel } = plan;
  const proc = openProc(proxy);
  const specific = openAttribute(proc, "apparmor/exec");
  const files = [
    ...(apparmorProfile === undefined ? [] : [specific]),
    openAttribute(proc, "exec"),
    openAttribute(proc, "keycreate"),
  ];
  proxy.ask([...files, close(proc)]);
  const [exec, keys] = files.slice(-2);
  // Before Linux 5.8 AppArmor has no folder of its own there.
  const apparmor = apparmorProfile === undefined ? undefined : (opened(specific) ?? opened(exec));
  const selinux = selinuxLabel === undefined ? undefined : opened(exec);
  const labelled = selinuxLabel !== undefined && plan.newKeyring ? opened(keys) : undefined;
  if (
    (apparmorProfile !== undefined && apparmor === undefined) ||
    (selinuxLabel !== undefined && selinux === undefined)
  ) {
    throw new TsrunError("E_SYSCALL", "cannot open /proc/thread-self/attr/exec to label the process");
  }
  const kept = new Set([apparmor, selinux, labelled]);
  const rest = files.map(opened).filter((one) => one !== undefined && !kept.has(one));
  if (rest.length > 0) proxy.ask(rest.map((one) => close(one ?? -1)));
  return { apparmor, selinux, keys: labelled };
}

const PROC_ROOT_INO = 1n;

/**
 * A procfs that can be trusted: a new one that is mounted nowhere, or /proc if that is the root of a procfs.
 * In a user namespace the kernel refuses a new one while the visible one is partly covered
 * (mount_too_revealing in fs/namespace.c).
 */
function openProc(proxy: Conversation): number {
  const attempt = "open a procfs of our own";
  const context = orGoOn(fsopen("proc", attempt));
  const create = orGoOn(fsconfigCreate(context, attempt));
  const own = orGoOn(fsmount(context, 0, attempt));
  const there = orGoOn(openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
  const magic = orGoOn(fstatfs(there, 'look at "/proc"'));
  const status = orGoOn(statx(there, "", AT_EMPTY_PATH, 'look at "/proc"'));
  proxy.ask([context, create, own, orGoOn(close(context)), there, magic, status]);
  if (opened(own) !== undefined) {
    if (opened(there) !== undefined) proxy.ask([close(resultOf(there))]);
    return resultOf(own);
  }
  if (opened(there) !== undefined && isProc(magic, status)) return resultOf(there);
  throw new TsrunError("E_SYSCALL", 'cannot label the process: "/proc" is no procfs', {
    hint: "mount a procfs on /proc in the container, or remove the labels",
  });
}

function isProc(magic: Reading, status: Reading): boolean {
  if (magic.result !== 0 || status.result !== 0) return false;
  const type = viewOf(magic.out.bytes).getBigUint64(0, true);
  return type === BigInt(PROC_SUPER_MAGIC) && parseStatx(status.out.bytes).inode === PROC_ROOT_INO;
}

/** Opens a file of procfs itself, and nothing that is mounted over a part of it. */
function openAttribute(proc: Fd, name: string): Operation {
  const path = `thread-self/attr/${name}`;
  const how = data(u64Struct(O_WRONLY | O_CLOEXEC, 0, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS), () => {
    return "{flags=O_WRONLY|O_CLOEXEC, resolve=RESOLVE_NO_XDEV|RESOLVE_NO_MAGICLINKS}";
  });
  return orGoOn(operation("openat2", [proc, path, how, 24], `open "/proc/${path}"`));
}

function opened(of: Operation | undefined): number | undefined {
  return of?.result === undefined || of.result < 0 ? undefined : of.result;
}
