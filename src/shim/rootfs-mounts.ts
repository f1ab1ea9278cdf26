// The mounts that make a bundle's root, as containerd hands them over with Create: made before the container,
// removed together with it (containerd, core/mount).

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { makeDirectory, openDirectory, readText } from "../linux/files/files.ts";
import { EBUSY, EINVAL } from "../linux/numbers/errno.ts";
import { MNT_DETACH, MS_BIND, MS_REC, MS_REMOUNT, UMOUNT_NOFOLLOW } from "../linux/numbers/mount.ts";
import { parseMounts } from "../rootfs/host/mountinfo.ts";
import { parseNewMountOptions } from "../rootfs/plan/mount-options.ts";
import { fitInPage } from "./lower-layers.ts";
import { type MountMaps, mountMapped, mountOnMappedLayers, splitMaps } from "./mapped-mounts.ts";
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
  for (const point of pointsOn(target).reverse()) {
    const result = tryCall("umount2", point, UMOUNT_NOFOLLOW);
    if (result === -EBUSY) mustCall(`unmount "${point}"`, "umount2", point, MNT_DETACH | UMOUNT_NOFOLLOW);
    else if (result < 0 && result !== -EINVAL)
      mustCall(`unmount "${point}"`, "umount2", point, UMOUNT_NOFOLLOW);
  }
}

/** Whether something is mounted on `target` or below. */
export function hasMounts(target: string): boolean {
  return pointsOn(target).length > 0;
}

function pointsOn(target: string): string[] {
  return parseMounts(readText("/proc/self/mountinfo"))
    .map(({ point }) => point)
    .filter((point) => point === target || point.startsWith(`${target}/`));
}

function mountOne({ type = "", source = "", options = [] }: MountMessage, target: string): void {
  const { maps, others } = splitMaps(options);
  const {
    setFlags: flags,
    propagation,
    data,
  } = parseNewMountOptions(others.filter((word) => word !== "loop"));
  if (options.includes("loop")) throw unsupported("loop", source);
  const call = { source, target, type, flags, data };
  if ((flags & MS_BIND) !== 0 || type === "bind") mountBind(call, maps);
  else if (maps === undefined) mountWithLayers(call);
  else mountOnMappedLayers(data, target, maps, (mapped) => mountWithLayers({ ...call, data: mapped }));
  for (const flag of propagation) mount(call, { source: "", type: "", flags: flag, data: [] });
}

function mountBind(call: MountCall, maps: MountMaps | undefined): void {
  const { source, target, flags } = call;
  if (maps !== undefined) mountMapped(source, target, maps);
  else mount(call, { flags: MS_BIND | (flags & MS_REC), data: [] });
  // The first call of a bind mount ignores all other flags (mount(2)).
  if ((flags & ~(MS_BIND | MS_REC)) !== 0) {
    mount(call, { source: "", type: "", flags: flags | MS_BIND | MS_REMOUNT, data: [] });
  }
}

/** Paths of layers that are longer than a page are given from the directory that they share. */
function mountWithLayers(call: MountCall): void {
  const { data, directory: path } = fitInPage(call.data);
  if (path === undefined) {
    mount(call);
    return;
  }
  using directory = openDirectory(path);
  using here = openDirectory(".");
  mustCall(attemptOf(call), "fchdir", directory.number);
  try {
    mount(call, { data });
  } finally {
    mustCall("go back", "fchdir", here.number);
  }
}

interface MountCall {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags: number;
  readonly data: readonly string[];
}

/** @param changes what differs in this step of the mount */
function mount(call: MountCall, changes: Partial<MountCall> = {}): void {
  const { source, target, type, flags, data } = { ...call, ...changes };
  mustCall(attemptOf(call), "mount", source, target, type, flags, data.join(",") || 0);
}

function attemptOf({ source, target, type }: MountCall): string {
  return `mount "${source}" of type ${type} on "${target}"`;
}

function unsupported(option: string, source: string): TsrunError {
  return new TsrunError("E_UNSUPPORTED", `cannot mount "${source}": the option "${option}" is not supported`);
}
