// Mounts of a root file system whose ids are mapped, for a pod with a user namespace: containerd asks for
// them by the options `uidmap=` and `gidmap=` (containerd, core/mount). Layers of an image keep the ids they
// have on disk; overlay gets them from a mount that shows them with other ids.

import { TsrunError } from "../errors.ts";
import { mustCall } from "../linux/call/call.ts";
import { cString, u64Struct } from "../linux/call/words.ts";
import { Descriptor, open } from "../linux/files/files.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_RDONLY } from "../linux/numbers/fcntl.ts";
import {
  MOUNT_ATTR_IDMAP,
  MOVE_MOUNT_F_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../linux/numbers/mount.ts";
import { withUserNamespace } from "../rootfs/host/helper.ts";
import type { IDMapping } from "../spec/types.ts";

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
  const attempt = `mount "${source}" on "${target}" with mapped ids`;
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  using tree = new Descriptor(mustCall(attempt, "open_tree", AT_FDCWD, cString(source), flags));
  using namespace = withUserNamespace({ ...maps, container: "" }, (path) => open(path, O_RDONLY));
  // struct mount_attr: set, clear, propagation, user namespace.
  const attributes = u64Struct(MOUNT_ATTR_IDMAP, 0, 0, namespace.number);
  const nothing = cString("");
  mustCall(attempt, "mount_setattr", tree.number, nothing, AT_EMPTY_PATH, attributes, attributes.length);
  mustCall(attempt, "move_mount", tree.number, nothing, AT_FDCWD, cString(target), MOVE_MOUNT_F_EMPTY_PATH);
}
