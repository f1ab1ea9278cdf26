// The mounts that make a bundle's root, as containerd hands them over with Create: made before the container,
// removed together with it (containerd, core/mount).

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { cString } from "../linux/call/words.ts";
import { makeDirectory, openDirectory, readText } from "../linux/files/files.ts";
import { EBUSY, EINVAL } from "../linux/numbers/errno.ts";
import { MNT_DETACH, MS_BIND, MS_REC, MS_REMOUNT, UMOUNT_NOFOLLOW } from "../linux/numbers/mount.ts";
import { parseMounts } from "../rootfs/host/mountinfo.ts";
import { parseMountOptions } from "../rootfs/plan/mount-options.ts";
import { fitInPage, layersOf, moveLayers, sharedDirectory } from "./lower-layers.ts";
import { type MountMaps, mountMapped, splitMaps } from "./mapped-mounts.ts";
import type { MountMessage } from "./messages/well-known.ts";

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
  const { maps, others } = splitMaps(options);
  const parsed = parseMountOptions(others.filter((word) => word !== "loop"));
  const { setFlags, propagation } = parsed;
  if (options.includes("loop")) throw unsupported("loop", source);
  const isBind = (setFlags & MS_BIND) !== 0 || type === "bind";
  const flags = isBind ? setFlags | MS_BIND : setFlags;
  const data = maps === undefined || isBind ? parsed.data : mapLayers(parsed.data, target, maps);
  const short = fitInPage(data);
  const attempt = `mount "${source}" of type ${type} on "${target}"`;
  using directory = short.directory === undefined ? undefined : openDirectory(short.directory);
  using here = openDirectory(".");
  if (directory !== undefined) mustCall(attempt, "fchdir", directory.number);
  try {
    if (isBind && maps !== undefined) mountMapped(source, target, maps);
    else
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

/** Below the overlay, on the same place, so that whoever unmounts that unmounts this as well. */
function mapLayers(data: readonly string[], target: string, maps: MountMaps): readonly string[] {
  const layers = layersOf(data);
  if (layers.length === 0)
    throw new TsrunError("E_UNSUPPORTED", "only binds and overlays can have mapped ids");
  const directory = sharedDirectory(layers);
  mountMapped(directory === "" ? "/" : directory, target, maps);
  return moveLayers(data, directory, target);
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

function unsupported(option: string, source: string): TsrunError {
  return new TsrunError("E_UNSUPPORTED", `cannot mount "${source}": the option "${option}" is not supported`);
}
