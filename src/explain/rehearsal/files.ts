// The files that a container would find, for a rehearsal: the host's files, the mounts that would cover them,
// and the files that `create` would have made by then. Nothing is changed.

import { TsrunError } from "../../errors.ts";
import { readLink, status } from "../../linux/files/files.ts";
import { ELOOP, ENOENT, ENOTDIR } from "../../linux/numbers/errno.ts";
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from "../../linux/numbers/fcntl.ts";
import { isInside, parentOf } from "../../rootfs/plan/paths.ts";

export interface PretendedFile {
  /** Type bits and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly major: number;
  readonly minor: number;
  readonly inode: bigint;
  /** The target of a symbolic link. */
  readonly link?: string | undefined;
  /** The path on the host, if this is a file of the host. */
  readonly host?: string | undefined;
}

const DIRECTORY: PretendedFile = { mode: S_IFDIR | 0o755, uid: 0, major: 0, minor: 0, inode: 3n };

const FILE: PretendedFile = { ...DIRECTORY, mode: S_IFREG | 0o644 };

/** Where the host has mounted file systems whose files are the same in each new mount of the type. */
const SAME_ON_HOST: Readonly<Record<string, string>> = {
  proc: "/proc",
  sysfs: "/sys",
  cgroup2: "/sys/fs/cgroup",
};

/** The kernel makes this one in every devpts; its inode is 2. */
const PTMX: PretendedFile = { mode: S_IFCHR | 0o666, uid: 0, major: 5, minor: 2, inode: 2n };

/** The file at a path of the host. Links are not followed. */
type Look = (path: string) => PretendedFile | undefined;

export interface TreeOptions {
  readonly type: string;
  /** The host's directory or file that it shows, if any. */
  readonly host: string | undefined;
}

/** One file system, or a part of one. */
export class Tree {
  readonly type: string;
  readonly #host: string | undefined;
  readonly #look: Look;
  readonly #made = new Map<string, PretendedFile>();

  constructor({ type, host }: TreeOptions, look: Look) {
    this.type = type;
    this.#host = host;
    this.#look = look;
    if (type === "devpts") this.#made.set("/ptmx", PTMX);
  }

  /** The file at a path. Links are not followed. */
  find(path: string): PretendedFile | undefined {
    const made = this.#made.get(path);
    if (made !== undefined) return made;
    if (this.#host === undefined) return path === "/" ? DIRECTORY : undefined;
    return this.#look(path === "/" ? this.#host : `${this.#host}${path}`);
  }

  make(path: string, file: PretendedFile): void {
    this.#made.set(path, file);
  }

  remove(path: string): void {
    this.#made.delete(path);
  }
}

/** A path on the host, in the container's tree of mounts, or in a tree that is mounted nowhere. */
export interface TreePath {
  readonly in: "host" | "container" | Tree;
  /** Absolute. */
  readonly path: string;
}

/** The container's tree of mounts, as far as the rehearsal has built it. */
export class PretendedFiles {
  readonly #mounts: { readonly point: string; readonly tree: Tree }[] = [];
  /** Control groups that `create` would have made, with all their files. */
  readonly #madeOnHost = new Set<string>();
  /** The directories above them. */
  readonly #aboveThem = new Set<string>();

  /** From now on this directory of the host counts as existing. */
  pretend(directory: string): void {
    this.#madeOnHost.add(directory);
    for (let path = parentOf(directory); path !== "/"; path = parentOf(path)) this.#aboveThem.add(path);
  }

  onHost(path: string): PretendedFile | undefined {
    if (this.#madeOnHost.has(path)) return { ...DIRECTORY, host: path };
    if (this.#madeOnHost.has(path.slice(0, path.lastIndexOf("/")))) return { ...FILE, host: path };
    const found = hostFile(path);
    return found ?? (this.#aboveThem.has(path) ? { ...DIRECTORY, host: path } : undefined);
  }

  tree(options: TreeOptions): Tree {
    return new Tree(options, (path) => this.onHost(path));
  }

  /** A new file system. */
  newTree(type: string): Tree {
    return this.tree({ type, host: SAME_ON_HOST[type] });
  }

  mount(point: string, tree: Tree): void {
    this.#mounts.push({ point, tree });
  }

  /** The file at a place. Links are not followed. */
  find(place: TreePath): PretendedFile | undefined {
    if (place.in === "host") return this.onHost(place.path);
    const { tree, path } = this.owner(place);
    return tree.find(path);
  }

  /** The tree that contains a place, and the path in that tree. */
  owner({ in: where, path }: TreePath): { tree: Tree; path: string } {
    if (where instanceof Tree) return { tree: where, path };
    if (where === "host") return { tree: this.tree({ type: "", host: "" }), path };
    const mount = this.#mounts.findLast(({ point }) => isInside(point, path));
    if (mount === undefined) return { tree: this.newTree("tmpfs"), path };
    const rest = mount.point === "/" ? path : path.slice(mount.point.length);
    return { tree: mount.tree, path: rest === "" ? "/" : rest };
  }

  /** The place that a path leads to, or the negated errno. `follow` says which links may be followed. */
  walk(from: TreePath, path: string, follow: "links" | "no last link" | "no links"): TreePath | number {
    const rest = path.split("/").filter((part) => part !== "" && part !== ".");
    let at = path.startsWith("/") ? "/" : from.path;
    for (let links = 0; rest.length > 0; ) {
      const name = rest.shift() ?? "";
      if (name === "..") {
        at = at.slice(0, at.lastIndexOf("/")) || "/";
        continue;
      }
      const next = at === "/" ? `/${name}` : `${at}/${name}`;
      const file = this.find({ in: from.in, path: next });
      if (file === undefined) return -ENOENT;
      const followed = file.link !== undefined && (follow === "links" || rest.length > 0);
      if (followed && file.link !== undefined) {
        links += 1;
        if (follow === "no links" || links > 40) return -ELOOP;
        if (file.link.startsWith("/")) at = "/";
        rest.unshift(...file.link.split("/").filter((part) => part !== "" && part !== "."));
        continue;
      }
      if (rest.length > 0 && (file.mode & 0o170000) !== S_IFDIR) return -ENOTDIR;
      at = next;
    }
    return { in: from.in, path: at };
  }
}

function hostFile(path: string): PretendedFile | undefined {
  try {
    const found = status(path, { followLinks: false });
    if (found === undefined) return undefined;
    const { type, mode, uid, nodeMajor, nodeMinor, inode } = found;
    const target = type === S_IFLNK ? readLink(path) : undefined;
    // The link of a namespace, such as `net:[4026531840]`, is not a path and is not followed.
    const link = target !== undefined && /^\w+:\[\d+\]$/.test(target) ? undefined : target;
    return { mode: type | mode, uid, major: nodeMajor, minor: nodeMinor, inode, link, host: path };
  } catch (error) {
    // The caller may not look at it, or a component above it is not a directory.
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}
