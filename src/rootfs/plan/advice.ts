// Advice about a mount that failed: the beginning of the error's hint, before the place in the configuration.
// Pure.

import { EACCES, EINVAL, ENODEV, ENOENT, ENOSYS, EPERM } from "../../linux/numbers/errno.ts";
import type { SyscallName } from "../../linux/numbers/syscalls.ts";
import type { Operation } from "../../proxy/calls/operation.ts";
import { meantMountWord } from "../../spec/mount-words.ts";
import { nearestWord } from "../../spec/nearest.ts";
import type { FilesystemMount } from "./mounts.ts";

/** The message of a file system's context about an unknown word (vfs_parse_fs_param in the kernel). */
const UNKNOWN_PARAMETER = /Unknown parameter '([^']*)'/;

/** The message about an id that is not mapped. */
const UNMAPPED = /Invalid ([ug]id) '(\d+)'/;

/** The namespace that a user namespace must own to mount a file system that shows it (user_namespaces(7)). */
const SHOWS: Readonly<Record<string, string>> = {
  proc: "pid",
  sysfs: "network",
  mqueue: "ipc",
  cgroup: "cgroup",
  cgroup2: "cgroup",
};

/** The calls that make a file system; a mount's other calls fail with EPERM for other reasons. */
const MAKING: ReadonlySet<SyscallName> = new Set(["fsopen", "fsconfig", "fsmount", "mount"]);

const AT_SOURCE: Readonly<Record<number, string>> = {
  [EACCES]: "the container's root user may not reach the source; ",
  [ENOENT]: "the source must be there on the host; ",
};

const AT_MAPPING: Readonly<Record<number, string>> = {
  [EINVAL]: "maybe the filesystem used does not support idmap mounts on this kernel; ",
  [ENOSYS]: "id-mapped mounts need mount_setattr(2), which this kernel or a filter around tsrun lacks; ",
};

/**
 * Ends in `; `, or is empty.
 * @param source the operation that opens the source
 * @param mapping the operation that maps the ids of the mount
 */
export function adviceForBind(
  failed: Operation,
  { source, mapping }: { [Part in "source" | "mapping"]?: Operation | undefined },
): string {
  const errno = -(failed.result ?? 0);
  if (failed === source) return AT_SOURCE[errno] ?? "";
  return failed === mapping ? (AT_MAPPING[errno] ?? "") : "";
}

/** Advice about a mount point. Ends in `; `, or is empty. */
export function adviceForTarget(failed: Operation): string {
  if (failed.result !== -EACCES) return "";
  return "the container's root user may not enter or write to its directory there, see who owns that; ";
}

/** What file systems take themselves, beside the words of mount(8). */
const PARAMETERS: Readonly<Record<string, string>> = {
  tmpfs: "size nr_blocks nr_inodes mode uid gid huge mpol inode32 inode64 noswap",
  proc: "hidepid gid subset",
  devpts: "uid gid mode ptmxmode newinstance max",
  overlay: "lowerdir upperdir workdir redirect_dir index metacopy userxattr volatile xino",
};

function meantOption(type: string, word: string): string | undefined {
  return nearestWord(word, (PARAMETERS[type] ?? "").split(" ")) ?? meantMountWord(word);
}

interface Refusal {
  readonly failed: Operation;
  /** Whether mount(2) rejects its arguments. */
  readonly refused: boolean;
  /** The kernel's message about it; may be empty. */
  readonly log: string;
}

/** Ends in `; `, or is empty. */
export function adviceForFilesystem(
  { type, data }: Pick<FilesystemMount, "type" | "data">,
  { failed, refused, log }: Refusal,
): string {
  if (failed.result === -ENODEV && (failed.call === "fsopen" || failed.call === "mount")) {
    return `this kernel has no filesystem "${type}", or its module is not loaded; `;
  }
  const shown = SHOWS[type];
  if (failed.result === -EPERM && shown !== undefined && MAKING.has(failed.call)) {
    return `in a user namespace "${type}" needs a new ${shown} namespace too, and none of it hidden; `;
  }
  const [, kind, id] = UNMAPPED.exec(log) ?? [];
  if (kind !== undefined) return `the user namespace maps no ${kind} ${id}: map it or leave it out; `;
  const [, unknown] = UNKNOWN_PARAMETER.exec(log) ?? [];
  const meant = unknown === undefined ? undefined : meantOption(type, unknown);
  if (meant !== undefined) return `did you mean "${meant}"? `;
  const silent = refused && log === "" && data.length > 0;
  return silent ? `the kernel's log may say which option "${type}" does not take; ` : "";
}
