// Walks a path of the container as the kernel would, component by component, by descriptors. The walk never
// leaves the container's root, links are followed by hand, and files are only opened with O_PATH, so a
// hostile image can neither lead it elsewhere nor make tsrun wait.

import { tryCall } from "../linux/call/call.ts";
import { viewOf } from "../linux/call/words.ts";
import { Descriptor, readLink, status } from "../linux/files/files.ts";
import { errnoName } from "../linux/numbers/errno.ts";
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
} from "../linux/numbers/fcntl.ts";
import { PROC_SUPER_MAGIC } from "../linux/numbers/mount.ts";
import { type Seen, ST_NOSYMFOLLOW } from "./access.ts";

/** Where paths begin, and mounts that existed in the container but that a walk from there does not see. */
export interface Root {
  readonly directory: Descriptor;
  /** By path in the container. */
  readonly mounts: ReadonlyMap<string, MountThere>;
}

export interface MountThere {
  /** A path of the host; `undefined` for a file system that is gone with the container. */
  readonly source: string | undefined;
  /** Its flags, as statfs(2) shows them. */
  readonly flags: number;
}

export interface SeenLink {
  readonly path: string;
  readonly target: string;
}

interface Way {
  /** Every directory on the way, and last the file, if it exists. */
  readonly seen: readonly Seen[];
  readonly links: readonly SeenLink[];
}

export type Walk = Way &
  (
    | { readonly end: "found"; readonly path: string; readonly file: Descriptor }
    /** `path` is the component at which it ends. */
    | { readonly end: Stop; readonly path: string }
  );

/**
 * Where a walk stops: at a component that is missing, that is not a directory, that is part of a circle of
 * links, that is a link on a mount with nosymfollow, or that cannot be looked at.
 */
type Stop = "missing" | "not a directory" | "circle" | "nosymfollow" | "unknown";

/** The kernel follows as many links (MAXSYMLINKS). */
const MOST_LINKS = 40;
const MOST_COMPONENTS = 512;

/** The caller closes `file` of a walk that has found something. */
export function walk(root: Root, path: string): Walk {
  const levels: Level[] = [levelOf(root, "/", openThere(root, "/", AT_FDCWD, ""))];
  const seen: Seen[] = [];
  const links: SeenLink[] = [];
  const end = (how: Stop, at: string): Walk => ({ end: how, path: at, seen, links });
  try {
    const rest = path.split("/");
    for (let steps = 0; rest.length > 0; steps++) {
      const name = rest.shift() ?? "";
      if (name === "" || name === ".") continue;
      const here = levels.at(-1);
      if (here === undefined || steps > MOST_COMPONENTS) return end("unknown", path);
      if (here.status.type !== S_IFDIR) return end("not a directory", here.seen.path);
      if (levels.length === 1 || seen.at(-1) !== here.seen) seen.push(here.seen);
      if (name === "..") {
        if (levels.length > 1) levels.pop()?.close();
        continue;
      }
      const below = here.seen.path === "/" ? `/${name}` : `${here.seen.path}/${name}`;
      const opened = openThere(root, below, here.number, name);
      if (opened < 0) return end(errnoName(-opened) === "ENOENT" ? "missing" : "unknown", below);
      const next = levelOf(root, below, opened);
      if (next.status.type !== S_IFLNK) {
        levels.push(next);
        continue;
      }
      if ((next.seen.mountFlags & ST_NOSYMFOLLOW) !== 0) {
        next.close();
        return end("nosymfollow", below);
      }
      const target = readLink("", { at: next.number });
      next.close();
      if (target === undefined || isMagic(here)) return end("unknown", below);
      links.push({ path: below, target });
      if (links.length > MOST_LINKS) return end("circle", links[0]?.path ?? below);
      if (target.startsWith("/")) for (const level of levels.splice(1)) level.close();
      rest.unshift(...target.split("/"));
    }
    const last = levels.pop();
    if (last === undefined) return end("unknown", path);
    if (seen.at(-1) !== last.seen) seen.push(last.seen);
    return { end: "found", path: last.seen.path, file: last, seen, links };
  } finally {
    for (const level of levels) level.close();
  }
}

/** Links in procfs lead somewhere else than their text says. */
function isMagic({ type }: Level): boolean {
  return type === PROC_SUPER_MAGIC;
}

/** Opens a name, or what is mounted there, with O_PATH. Returns a descriptor or a negated errno. */
function openThere({ directory, mounts }: Root, path: string, at: number, name: string): number {
  const flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  const mount = mounts.get(path);
  if (mount !== undefined) {
    return mount.source === undefined ? -1 : tryCall("openat", AT_FDCWD, mount.source, O_PATH | O_CLOEXEC, 0);
  }
  if (path === "/") return tryCall("openat", directory.number, ".", flags, 0);
  return tryCall("openat", at, name, flags, 0);
}

/** An open directory or file on the way. */
class Level extends Descriptor {
  readonly seen: Seen;
  /** The file system's magic. */
  readonly type: number;

  constructor(number: number, seen: Seen, type: number) {
    super(number);
    this.seen = seen;
    this.type = type;
  }

  get status(): Seen["status"] {
    return this.seen.status;
  }
}

function levelOf({ mounts }: Root, path: string, number: number): Level {
  if (number < 0) throw new Error(`cannot look at ${path}`);
  const found = status("", { at: number, itself: true });
  if (found === undefined) throw new Error(`cannot look at ${path}`);
  const { type, flags } = fileSystemOf(number);
  const more = mountAbove(mounts, path)?.flags ?? 0;
  return new Level(number, { path, status: found, mountFlags: flags | more }, type);
}

/** The mount of `mounts` that a path lies on. */
function mountAbove(mounts: ReadonlyMap<string, MountThere>, path: string): MountThere | undefined {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const mount = mounts.get(at);
    if (mount !== undefined) return mount;
  }
  return undefined;
}

/** `struct statfs`: `f_type` is the first word, `f_flags` the eleventh. */
function fileSystemOf(number: number): { type: number; flags: number } {
  const buffer = new Uint8Array(120);
  if (tryCall("fstatfs", number, buffer) < 0) return { type: 0, flags: 0 };
  const view = viewOf(buffer);
  return { type: Number(view.getBigUint64(0, true)), flags: Number(view.getBigUint64(80, true)) };
}

/** At most `most` bytes of a regular file that was opened with O_PATH; `undefined` if they cannot be read. */
export function readPlace(place: Descriptor, most: number, from = 0): Uint8Array | undefined {
  if (status("", { at: place.number, itself: true })?.type !== S_IFREG) return undefined;
  const flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const opened = tryCall("openat", AT_FDCWD, `/proc/self/fd/${place.number}`, flags, 0);
  if (opened < 0) return undefined;
  using file = new Descriptor(opened);
  const buffer = new Uint8Array(most);
  if (from > 0 && tryCall("lseek", file.number, from, 0) < 0) return undefined;
  const length = tryCall("read", file.number, buffer, buffer.length);
  return length < 0 ? undefined : buffer.subarray(0, length);
}

/** Whether a file opened with O_PATH has an access control list. */
export function hasAccessList(place: Descriptor): boolean {
  const path = `/proc/self/fd/${place.number}`;
  return tryCall("getxattr", path, "system.posix_acl_access", 0, 0) > 0;
}
