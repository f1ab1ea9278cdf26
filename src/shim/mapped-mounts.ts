// Mounts of a root file system whose ids are mapped, for a pod with a user namespace: containerd asks for
// them by the options `uidmap=` and `gidmap=` (containerd, core/mount). Layers of an image keep the ids they
// have on disk; overlay gets them from a mount that shows them with other ids.

import { TsrunError } from "../errors.ts";
import { mustCall } from "../linux/call/call.ts";
import { u64Struct } from "../linux/call/words.ts";
import { Descriptor, makeDirectory, open } from "../linux/files/files.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_RDONLY } from "../linux/numbers/fcntl.ts";
import {
  MNT_DETACH,
  MOUNT_ATTR_IDMAP,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  UMOUNT_NOFOLLOW,
} from "../linux/numbers/mount.ts";
import { withUserNamespace } from "../rootfs/host/helper.ts";
import type { IDMapping } from "../spec/types.ts";
import { layersOf, withLayers } from "./lower-layers.ts";

export interface MountMaps {
  readonly uidMappings: readonly IDMapping[];
  readonly gidMappings: readonly IDMapping[];
}

/** Takes the maps out of a mount's options. */
export function splitMaps(options: readonly string[]): {
  readonly maps: MountMaps | undefined;
  readonly others: readonly string[];
} {
  const others = options.filter((word) => !/^[ug]idmap=/.test(word));
  if (others.length === options.length) return { maps: undefined, others };
  return { maps: { uidMappings: mapOf(options, "uidmap="), gidMappings: mapOf(options, "gidmap=") }, others };
}

/** `uidmap=0:100000:65536,…`: the container's id, the host's, and how many. */
function mapOf(options: readonly string[], prefix: string): IDMapping[] {
  const ranges = options
    .filter((word) => word.startsWith(prefix))
    .flatMap((word) => word.slice(prefix.length).split(","));
  return ranges.map((range) => {
    const [, containerID, hostID, size] = /^(\d+):(\d+):(\d+)$/.exec(range) ?? [];
    if (size === undefined) throw new TsrunError("E_CONFIG", `invalid id map "${prefix}${range}"`);
    return { containerID: Number(containerID), hostID: Number(hostID), size: Number(size) };
  });
}

/** Mounts `source` on `target` with its ids mapped, without the mounts below it. */
export function mountMapped(source: string, target: string, maps: MountMaps): void {
  using namespace = namespaceOf(maps);
  attachMapped(source, target, namespace, 0);
}

/**
 * Mounts an overlay on `target` whose layers have mapped ids. `mountOverlay` mounts it, with the options that
 * it gets. Each layer is mapped by itself: some snapshotters mount each layer, and a mapped copy of their
 * directory would lack these mounts. The mapped layers are mounted below `target`, so that whoever unmounts
 * that also unmounts what a killed shim has left.
 */
export function mountOnMappedLayers(
  data: readonly string[],
  target: string,
  maps: MountMaps,
  mountOverlay: (data: readonly string[]) => void,
): void {
  const layers = layersOf(data);
  if (layers.length === 0)
    throw new TsrunError("E_UNSUPPORTED", "only binds and overlays can have mapped ids");
  const attempt = `make room for layers on "${target}"`;
  mustCall(attempt, "mount", "layers", target, "tmpfs", 0, "mode=0700");
  using namespace = namespaceOf(maps);
  const mapped = layers.map((layer, index) => {
    const place = `${target}/${index}`;
    makeDirectory(place, 0o700);
    attachMapped(layer, place, namespace, MOUNT_ATTR_RDONLY);
    return place;
  });
  mountOverlay(withLayers(data, mapped));
  removeBelow(target);
}

/** The overlay has copies of the layers' mounts, so the host keeps one mount, not one more for each layer. */
function removeBelow(target: string): void {
  const attempt = `mount the overlay on "${target}" alone`;
  using overlay = copyOf(target, attempt);
  for (const _ of ["the overlay", "the layers"]) {
    mustCall(attempt, "umount2", target, MNT_DETACH | UMOUNT_NOFOLLOW);
  }
  attach(overlay, target, attempt);
}

/** @param flags MOUNT_ATTR_… besides the map */
function attachMapped(source: string, target: string, namespace: Descriptor, flags: number): void {
  const attempt = `mount "${source}" on "${target}" with mapped ids`;
  using tree = copyOf(source, attempt);
  // struct mount_attr: set, clear, propagation, user namespace.
  const attributes = u64Struct(MOUNT_ATTR_IDMAP | flags, 0, 0, namespace.number);
  mustCall(attempt, "mount_setattr", tree.number, "", AT_EMPTY_PATH, attributes, attributes.length);
  attach(tree, target, attempt);
}

/** A copy of the mount, from this path on, that is mounted nowhere yet. */
function copyOf(path: string, attempt: string): Descriptor {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  return new Descriptor(mustCall(attempt, "open_tree", AT_FDCWD, path, flags));
}

function attach(tree: Descriptor, target: string, attempt: string): void {
  mustCall(attempt, "move_mount", tree.number, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

function namespaceOf(maps: MountMaps): Descriptor {
  return withUserNamespace({ ...maps, container: "" }, (path) => open(path, O_RDONLY));
}
