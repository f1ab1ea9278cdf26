// Compares the mounts that the first process sees with those that tsrun makes: the mounts of the
// configuration, the root, devices, masks, and those of `mounts add`. Any other mount is extra. Pure: the
// caller passes the mounts, and a function that looks at a path in the container.

import { MOUNT_ATTR_RDONLY } from "../linux/numbers/mount.ts";
import type { RealMount } from "../rootfs/plan/mounts.ts";
import { isInside, nameOf } from "../rootfs/plan/paths.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import type { LiveMount } from "../spec/types.ts";
import { CopiedMounts } from "./copied-mounts.ts";
import type { FoundMount } from "./found-mounts.ts";
import { type Comparison, type Difference, unseen } from "./model.ts";
import { attributeDifference, type Expectation, expectationOf, withRemount } from "./mount-attributes.ts";

/** The file that a path in the container leads to. */
export interface Look {
  /** The id of the mount that it lies on, and whether it is the root of that mount. */
  readonly mount: number;
  readonly isMountRoot: boolean;
  /** Whether it is the null device, which masks files. */
  readonly isNull: boolean;
}

export interface MountFacts {
  readonly plan: RootfsPlan;
  readonly found: readonly FoundMount[];
  /** The host's mounts below the root directory, which the container got together with it. */
  readonly below: readonly FoundMount[];
  readonly liveMounts: readonly LiveMount[];
  readonly terminal: boolean;
  /** Whether hooks ran that may have made mounts. */
  readonly hooks: boolean;
  /** Whether a user namespace is involved, so that flags of a source may be locked and cannot be cleared. */
  readonly mayBeLocked: boolean;
  /** Returns `undefined` if the path may not or cannot be looked at. */
  readonly look: (path: string) => Look | "missing" | undefined;
}

export function compareMounts(facts: MountFacts): Comparison {
  const { plan, found } = facts;
  const root = found.find(({ point }) => point === "/");
  if (root === undefined) {
    const why = "the program has changed its root, so the container's mounts cannot be seen from it";
    return unseen("mounts", why);
  }
  const matching = new Matching(facts);
  matching.take(root);
  const readonlyRoot = { set: plan.readonlyRoot ? MOUNT_ATTR_RDONLY : 0, clear: 0, atime: false };
  const differences = [
    ...attributeDifference("/", readonlyRoot, root),
    ...matching.planned(),
    ...matching.sealed(),
    ...matching.live(),
    ...matching.extra(),
  ];
  return { differences, unseen: [] };
}

const NEXT = 'mount it again with "mounts add", or start a new container';

/** Matches planned mounts with those that were found, and keeps track of which are accounted for. */
class Matching {
  readonly #facts: MountFacts;
  readonly #taken = new Set<number>();
  /** The mounts that may be the kernel's copies of those. */
  readonly #copies = new Set<number>();
  readonly #copied: CopiedMounts;
  readonly #recursive: string[] = [];

  constructor(facts: MountFacts) {
    this.#facts = facts;
    this.#copied = new CopiedMounts(facts.found);
  }

  take(mount: FoundMount): void {
    this.#taken.add(mount.id);
    for (const id of this.#copied.of(mount)) this.#copies.add(id);
  }

  /** Compares the entries of `mounts`, in the order in which they were made. */
  planned(): Difference[] {
    const { plan, mayBeLocked, terminal } = this.#facts;
    const expected: { mount: RealMount; expectation: Expectation }[] = [];
    for (const mount of plan.mounts) {
      if (mount.kind === "symlink") continue;
      if (mount.kind !== "remount") {
        expected.push({ mount, expectation: expectationOf(mount, { mayBeLocked }) });
        continue;
      }
      const last = expected.findLast((one) => one.mount.destination === mount.destination);
      if (last !== undefined) last.expectation = withRemount(last.expectation, mount);
    }
    const differences = expected.flatMap(({ mount, expectation }) => this.#one(mount, expectation));
    // If no nodes can be made, the host's are bind-mounted.
    const nodes = plan.bindDevices ? plan.devices.map(({ path }) => path) : [];
    for (const path of terminal ? [...nodes, "/dev/console"] : nodes) {
      const there = this.#at(path)[0];
      if (there !== undefined) this.take(there);
    }
    return differences;
  }

  #one(mount: RealMount, expectation: Expectation): Difference[] {
    const { destination } = mount;
    const candidates = this.#candidates(mount);
    const [first] = candidates;
    if (mount.kind === "bind" && mount.parsed.withSubmounts)
      this.#recursive.push(first?.point ?? destination);
    if (first === undefined) return this.#mayBeMissing(mount) ? [] : [missing(mount)];
    this.take(first);
    // One of them may have come with a recursive mount above, and it is not known which.
    if (candidates.length > 1 && this.#cameAlong(first)) return [];
    return attributeDifference(destination, expectation, first);
  }

  /** Nothing is mounted if a link was copied. If the path cannot be looked at, the mount may be elsewhere. */
  #mayBeMissing(mount: RealMount): boolean {
    if (mount.kind === "bind" && mount.parsed.sourceLink === "copied") return true;
    return this.#facts.look(mount.destination) === undefined && !this.#isCovered(mount.destination);
  }

  /** Whether something else is mounted on the path. */
  #isCovered(path: string): boolean {
    return this.#facts.found.some((one) => one.point === path && this.#isFree(one));
  }

  /** The found mounts that may be this one: those at its path, or where links in the container lead to. */
  #candidates(mount: RealMount): FoundMount[] {
    const fits = ({ type }: FoundMount) => mount.kind !== "filesystem" || isType(mount, type);
    const exact = this.#at(mount.destination).filter(fits);
    if (exact.length > 0) return exact;
    const look = this.#facts.look(mount.destination);
    const led = typeof look === "object" && look.isMountRoot ? this.#byId(look.mount) : undefined;
    // Something may have been mounted over it later.
    if (led !== undefined) return this.#at(led.point).filter(fits);
    // The links may have changed since, or something may cover the place, or it cannot be looked at. So take
    // a mount with the same last name that nothing else explains.
    const name = nameOf(mount.destination);
    return this.#facts.found
      .filter((one) => this.#isFree(one) && nameOf(one.point) === name && fits(one))
      .slice(0, 1);
  }

  /** The mounts on a path that have not been matched yet. Copies come last. */
  #at(path: string): FoundMount[] {
    const there = this.#facts.found.filter((one) => one.point === path && !this.#taken.has(one.id));
    return there.sort((one, other) => Number(this.#copies.has(one.id)) - Number(this.#copies.has(other.id)));
  }

  #byId(id: number): FoundMount | undefined {
    return this.#facts.found.find((one) => one.id === id);
  }

  #isFree({ id }: FoundMount): boolean {
    return !this.#taken.has(id);
  }

  #cameAlong({ point }: FoundMount): boolean {
    return this.#recursive.some((above) => above !== point && isInside(above, point));
  }

  /** Compares paths that should be masked, and paths that should be read-only. */
  sealed(): Difference[] {
    const { readonlyPaths, maskedPaths } = this.#facts.plan;
    const differences: Difference[] = [];
    for (const path of maskedPaths) {
      const covering = this.#covering(path);
      if (covering === "unknown" || covering === "missing") continue;
      const { look, mount } = covering;
      const isMasked = look.isNull || (mount?.type === "tmpfs" && isReadonly(mount));
      if (!isMasked) differences.push(unsealed(path, "masked", "visible"));
    }
    for (const path of readonlyPaths) {
      const covering = this.#covering(path);
      if (covering === "unknown" || covering === "missing") continue;
      const { look, mount } = covering;
      // tsrun binds the path to itself, with the mounts below it.
      this.#recursive.push(mount?.point ?? path);
      if (mount !== undefined && !isReadonly(mount) && !look.isNull) {
        differences.push(unsealed(path, "read-only", "writable"));
      }
    }
    return differences;
  }

  #covering(path: string): { look: Look; mount: FoundMount | undefined } | "missing" | "unknown" {
    const look = this.#facts.look(path);
    if (look === "missing") return look;
    const mount = look === undefined ? undefined : this.#byId(look.mount);
    // Account for one mount for each path, since several paths may lead to the same place.
    const point = mount !== undefined && look?.isMountRoot === true ? mount.point : path;
    for (const one of this.#at(point).slice(0, 1)) this.take(one);
    return look === undefined ? "unknown" : { look, mount };
  }

  /** Compares the mounts of `mounts add`. */
  live(): Difference[] {
    return this.#facts.liveMounts.flatMap(({ destination, id, path }) => {
      const there = this.#byId(id);
      if (there?.point === path) {
        this.take(there);
        this.#recursive.push(path);
        return [];
      }
      return [{ ...gone(destination), asked: 'mounted by "mounts add"' }];
    });
  }

  /** The mounts that nothing above explains. */
  extra(): Difference[] {
    const { found, below, hooks } = this.#facts;
    const rest = found.filter((one) => {
      if (this.#taken.has(one.id) || this.#copies.has(one.id)) return false;
      if (one.isPropagated || this.#cameAlong(one)) return false;
      return !below.some(({ device, root, point }) => {
        return device === one.device && root === one.root && point === one.point;
      });
    });
    return rest.map((one) => extra(one, hooks));
  }
}

const isReadonly = ({ attributes }: FoundMount): boolean => (attributes & MOUNT_ATTR_RDONLY) !== 0;

/** The kernel may show `fuse` as `fuse.sshfs`. A mount with a substitute may have any type. */
function isType(mount: RealMount & { readonly kind: "filesystem" }, type: string): boolean {
  if (mount.otherwise !== undefined) return true;
  return type === mount.type || type.startsWith(`${mount.type}.`) || mount.type.startsWith(`${type}.`);
}

function gone(destination: string): Difference {
  return {
    topic: "mounts",
    what: destination,
    asked: "mounted",
    found: "not mounted",
    costs: "the program sees what lies beneath it",
    next: NEXT,
  };
}

function missing(mount: RealMount): Difference {
  const kind =
    mount.kind === "bind" ? `bind of ${mount.source}` : mount.kind === "filesystem" ? mount.type : "";
  return { ...gone(mount.destination), asked: kind };
}

function unsealed(path: string, asked: string, found: string): Difference {
  const costs = asked === "masked" ? "it sees what should be hidden" : "it can write where it should not";
  return { topic: "mounts", what: path, asked, found, costs, next: "start a new container" };
}

function extra({ point, type, source }: FoundMount, hooks: boolean): Difference {
  return {
    topic: "mounts",
    what: point,
    asked: "nothing",
    found: `${type} from ${source}`,
    costs: "it covers what the container had there",
    next: hooks
      ? "nothing, if a hook mounted it"
      : "nothing, if the program mounted it; otherwise unmount it there, by nsenter --mount",
    ...(hooks ? { own: true as const } : {}),
  };
}
