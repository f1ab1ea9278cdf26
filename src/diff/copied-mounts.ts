// Finds the mounts that the kernel has made beside others: what is mounted on a shared mount appears on the
// mount's peers, too (mount_namespaces(7)). In a container with a shared root, a path that is masked or bound
// to itself twice is covered by more mounts than were asked for. Pure.

import type { FoundMount } from "./found-mounts.ts";

/**
 * The mounts that are copies: such a mount is a peer of another one, and their parents are peers as well.
 * @param explained the mounts that are known to have been made
 * @returns those and their copies
 */
export function withCopies(found: readonly FoundMount[], explained: ReadonlySet<number>): Set<number> {
  const byId = new Map(found.map((mount) => [mount.id, mount]));
  const parentGroup = ({ parent }: FoundMount) => peerGroup(byId.get(parent));
  const isCopyOf = (one: FoundMount, other: FoundMount) =>
    peerGroup(one) === peerGroup(other) &&
    one.device === other.device &&
    one.root === other.root &&
    parentGroup(one) !== undefined &&
    parentGroup(one) === parentGroup(other);
  const all = new Set(explained);
  const shared = found.filter((one) => peerGroup(one) !== undefined);
  // A copy may have copies.
  for (let before = -1; before !== all.size; ) {
    before = all.size;
    for (const one of shared) {
      if (!all.has(one.id) && shared.some((other) => all.has(other.id) && isCopyOf(one, other)))
        all.add(one.id);
    }
  }
  return all;
}

function peerGroup(mount: FoundMount | undefined): string | undefined {
  return mount?.tags.find((tag) => tag.startsWith("shared:"));
}
