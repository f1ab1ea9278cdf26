// Walks over a cgroup and all below it. A container with a writable cgroup mount chooses names and depth, so
// names are bytes, and no path is built (PATH_MAX). One directory is open at a time, whatever the depth. The
// way up is "..", which is safe because a cgroup cannot be moved (only v1 has rename(2), within the parent),
// nor be removed before those below it.

import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { visitEntries } from "../linux/files/directories.ts";
import { type Descriptor, filesystemType, open, openIfThere } from "../linux/files/files.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC } from "../linux/numbers/mount.ts";

/** Called during the walk. A cgroup may already be gone when a function is called. */
export interface CgroupVisitor {
  /** Called in each cgroup, before those below it. The directory is open for reading. */
  readonly enter?: (directory: number) => void;
  /** Whether to leave out the cgroup `name` of `parent` and those below it. */
  readonly skip?: (parent: number, name: Uint8Array) => boolean;
  /** Called after all cgroups below `name` of `parent`. Not called for the cgroup where the walk began. */
  readonly leave?: (parent: number, name: Uint8Array) => void;
}

const DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

/**
 * Walks over the cgroup at `path` and those below it; does nothing if it does not exist. Throws if it is no
 * cgroup: what a damaged state names could be the root of the host, with all its empty directories.
 */
export function walkCgroups(path: string, { enter, skip, leave }: CgroupVisitor): void {
  const top = openIfThere(path, DIRECTORY);
  if (top === undefined) return;
  let here: Descriptor = top;
  const levels: Names[] = [];
  const arrive = (): void => {
    enter?.(here.number);
    levels.push(namesIn(here.number));
  };
  const goTo = (next: Descriptor): void => {
    here.close();
    here = next;
  };
  try {
    assertCgroup(top, path);
    arrive();
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const name = level.next();
      if (name === undefined) {
        levels.pop();
        const above = levels.at(-1);
        if (above === undefined) return;
        goTo(open("..", DIRECTORY, { at: here.number }));
        leave?.(here.number, above.current);
      } else if (skip?.(here.number, name) !== true) {
        const child = openIfThere(name, DIRECTORY, { at: here.number });
        if (child === undefined) continue;
        goTo(child);
        arrive();
      }
    }
  } finally {
    here.close();
  }
}

function assertCgroup(directory: Descriptor, path: string): void {
  const type = filesystemType(directory.number);
  if (type === CGROUP_SUPER_MAGIC || type === CGROUP2_SUPER_MAGIC) return;
  throw new TsrunError("E_CGROUP", `"${path}" is no cgroup`, {
    hint: "the state of the container may be damaged",
  });
}

function namesIn(directory: number): Names {
  const names = new Names();
  try {
    visitEntries(directory, (name, type) => {
      if (type === "directory") names.add(name);
    });
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
  return names;
}

/**
 * A compact list of names, each ended by a NUL: a container may make millions of cgroups. The kernel takes
 * names of cgroups that are longer than NAME_MAX.
 */
class Names {
  #bytes = new Uint8Array(0);
  #end = 0;
  #next = 0;
  /** The last result of `next`. */
  current = new Uint8Array(0);

  add(name: Uint8Array): void {
    const end = this.#end + name.length + 1;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(end * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(name, this.#end);
    this.#end = end;
  }

  next(): Uint8Array | undefined {
    if (this.#next === this.#end) return undefined;
    const end = this.#bytes.indexOf(0, this.#next);
    this.current = this.#bytes.subarray(this.#next, end);
    this.#next = end + 1;
    return this.current;
  }
}
