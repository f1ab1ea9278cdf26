// Finds the mounts that the kernel has made beside others: what is mounted on a shared mount appears on the
// mount's peers, too (mount_namespaces(7)). In a container with a shared root, a path that is masked or bound
// to itself twice is covered by more mounts than were asked for. Pure.

import type { FoundMount } from "./found-mounts.ts";

/** Groups mounts by what a mount and its copies have in common. */
export class CopiedMounts {
  readonly #byId: ReadonlyMap<number, FoundMount>;
  readonly #alike = new Map<string, number[]>();

  constructor(found: readonly FoundMount[]) {
    this.#byId = new Map(found.map((mount) => [mount.id, mount]));
    for (const mount of found) {
      const key = this.#keyOf(mount);
      if (key !== undefined) this.#alike.set(key, [...(this.#alike.get(key) ?? []), mount.id]);
    }
  }

  /** The ids of mounts that may be copies of this one: its peers whose parents are peers as well. */
  of(mount: FoundMount): readonly number[] {
    const key = this.#keyOf(mount);
    return key === undefined ? [] : (this.#alike.get(key) ?? []);
  }

  #keyOf(mount: FoundMount): string | undefined {
    const group = peerGroup(mount);
    const around = peerGroup(this.#byId.get(mount.parent));
    if (group === undefined || around === undefined) return undefined;
    return [group, around, mount.device, mount.root].join(" ");
  }
}

function peerGroup(mount: FoundMount | undefined): string | undefined {
  return mount?.tags.find((tag) => tag.startsWith("shared:"));
}
