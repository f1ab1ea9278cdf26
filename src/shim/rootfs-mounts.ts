// The mounts that make a bundle's root, as containerd hands them over with Create: made before the container,
// removed together with it (containerd, core/mount).

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { cString, utf8 } from "../linux/call/words.ts";
import { makeDirectory, openDirectory, readText } from "../linux/files/files.ts";
import { EBUSY, EINVAL } from "../linux/numbers/errno.ts";
import { MNT_DETACH, MS_BIND, MS_REC, MS_REMOUNT, UMOUNT_NOFOLLOW } from "../linux/numbers/mount.ts";
import { parseMounts } from "../rootfs/host/mountinfo.ts";
import { parseMountOptions } from "../rootfs/plan/mount-options.ts";
import type { MountMessage } from "./messages/well-known.ts";

/** mount(2) takes a page of data, with its NUL. */
const MOST_DATA = 4095;

/** Makes the mounts on `target`, one on top of the other. If one fails, those before it are undone. */
export function mountRootfs(mounts: readonly MountMessage[], target: string): void {
  if (mounts.length === 0) return;
  makeDirectory(target, 0o711);
  try {
    for (const mount of mounts) mountOne(mount, mount.target ? `${target}/${mount.target}` : target);
  } catch (error) {
    unmountRootfs(target);
    throw error;
  }
}

/**
 * Unmounts what is on `target` and below, the last first. A mount in use is detached, and disappears when it
 * is no longer used.
 */
export function unmountRootfs(target: string): void {
  const points = parseMounts(readText("/proc/self/mountinfo"))
    .map(({ point }) => point)
    .filter((point) => point === target || point.startsWith(`${target}/`));
  for (const point of points.reverse()) {
    const path = cString(point);
    const result = tryCall("umount2", path, UMOUNT_NOFOLLOW);
    if (result === -EBUSY) mustCall(`unmount "${point}"`, "umount2", path, MNT_DETACH | UMOUNT_NOFOLLOW);
    else if (result < 0 && result !== -EINVAL)
      mustCall(`unmount "${point}"`, "umount2", path, UMOUNT_NOFOLLOW);
  }
}

function mountOne({ type = "", source = "", options = [] }: MountMessage, target: string): void {
  const { setFlags, data, propagation } = parseMountOptions(options.filter((word) => word !== "loop"));
  if (options.includes("loop")) throw unsupported("loop", source);
  const isBind = (setFlags & MS_BIND) !== 0 || type === "bind";
  const flags = isBind ? setFlags | MS_BIND : setFlags;
  const short = data.join(",").length > MOST_DATA ? shortened(data) : { data, directory: undefined };
  const attempt = `mount "${source}" of type ${type} on "${target}"`;
  using directory = short.directory === undefined ? undefined : openDirectory(short.directory);
  using here = openDirectory(".");
  if (directory !== undefined) mustCall(attempt, "fchdir", directory.number);
  try {
    mount(attempt, {
      source,
      target,
      type,
      flags: isBind ? MS_BIND | (flags & MS_REC) : flags,
      data: short.data,
    });
  } finally {
    if (directory !== undefined) mustCall("go back", "fchdir", here.number);
  }
  // The first call of a bind mount ignores all other flags (mount(2)).
  if (isBind && (flags & ~(MS_BIND | MS_REC)) !== 0) {
    mount(attempt, { source: "", target, type: "", flags: flags | MS_REMOUNT, data: [] });
  }
  for (const flag of propagation) mount(attempt, { source: "", target, type: "", flags: flag, data: [] });
}

interface MountCall {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags: number;
  readonly data: readonly string[];
}

function mount(attempt: string, { source, target, type, flags, data }: MountCall): void {
  const text = data.join(",");
  const bytes = text === "" ? 0 : cString(text);
  mustCall(attempt, "mount", cString(source), cString(target), cString(type), flags, bytes);
}

/**
 * The paths of a large image's layers can be longer than a page. They begin alike, so they are given relative
 * to the directory that they share.
 */
function shortened(data: readonly string[]): { data: readonly string[]; directory: string } {
  const layers = data.find((word) => word.startsWith("lowerdir="))?.slice("lowerdir=".length) ?? "";
  const paths = layers.split(":");
  const directory = sharedDirectory(paths);
  const words = data.map((word) =>
    word.startsWith("lowerdir=")
      ? `lowerdir=${paths.map((path) => path.slice(directory.length + 1)).join(":")}`
      : word,
  );
  if (directory === "" || utf8(words.join(",")).length > MOST_DATA) {
    throw new TsrunError("E_CONFIG", "cannot mount the root file system: its options are longer than a page");
  }
  return { data: words, directory };
}

/** The longest directory that all these paths lie below. */
function sharedDirectory(paths: readonly string[]): string {
  const [first = "", ...others] = paths;
  let directory = first.slice(0, first.lastIndexOf("/"));
  for (const path of others) {
    while (directory !== "" && !path.startsWith(`${directory}/`)) {
      directory = directory.slice(0, directory.lastIndexOf("/"));
    }
  }
  return directory;
}

function unsupported(option: string, source: string): TsrunError {
  return new TsrunError("E_UNSUPPORTED", `cannot mount "${source}": the option "${option}" is not supported`);
}
