// Finds the mount points that openat2(2) would not open at once: tsrun itself follows symbolic links one by
// one, inside the root, and makes what is missing. The kernel never gets a path that could lead out of the
// root. Used by target.ts; the attacks are those of CVE-2021-30465, CVE-2025-31133 and CVE-2026-41579.

import { text } from "../../linux/call/words.ts";
import { parseStatx } from "../../linux/files/statx.ts";
import { EACCES, EEXIST, ELOOP, ENAMETOOLONG, ENOENT } from "../../linux/numbers/errno.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFREG } from "../../linux/numbers/fcntl.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import { mkdirat, mknodat, openat, type Reading, readlinkat, statx } from "../../proxy/calls/calls.ts";
import { type Operation, orGoOn } from "../../proxy/calls/operation.ts";
import { held, leftOpen } from "../../proxy/step.ts";
import { componentsOf, nameOf, parentOf } from "../plan/paths.ts";
import type { FileKind, RootContext } from "./context.ts";

/** As many as the kernel follows (MAXSYMLINKS). */
const MOST_LINKS = 40;
/** Far longer than links in images are; a longer one is refused. */
const LINK_SIZE = 1024;
/** So many links are read at once. */
const LOOK_AHEAD = 32;
/** The mode of directories that are made where none was. */
export const MADE_MODE = 0o755;
const DIRECTORY = O_PATH | O_DIRECTORY | O_NOFOLLOW;

/** A path without symbolic links. */
export interface Resolved {
  readonly path: string;
  /** Whether the last component itself was a link. */
  readonly endedInLink: boolean;
}

/**
 * Follows the symbolic links of `path`. What does not exist is taken for what will be made there, as runc
 * does with links that lead nowhere. Returns the operation that failed when there is no such path.
 */
export function resolveInRoot(context: RootContext, path: string): Resolved | Operation {
  const real: string[] = [];
  const rest = stepsOf(path);
  let links = 0;
  let endedInLink = false;
  while (rest.length > 0) {
    if (rest[0] === "..") {
      rest.shift();
      real.pop();
      continue;
    }
    const dots = rest.indexOf("..");
    const found = findLink(context, real, rest.slice(0, Math.min(dots < 0 ? LOOK_AHEAD : dots, LOOK_AHEAD)));
    if ("call" in found) return found;
    if (found.target === undefined) {
      real.push(...rest.splice(0, found.plain));
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) return { ...found.read, result: -ELOOP };
    endedInLink ||= found.plain === rest.length - 1;
    real.push(...rest.splice(0, found.plain));
    rest.shift();
    if (found.target.startsWith("/")) real.length = 0;
    rest.unshift(...stepsOf(found.target));
  }
  return { path: `/${real.join("/")}`, endedInLink };
}

function stepsOf(path: string): string[] {
  return componentsOf(path).filter((part) => part !== ".");
}

/** How many components are no links, and what the one after them leads to. */
interface Found {
  readonly plain: number;
  readonly target: string | undefined;
  readonly read: Operation;
}

/** Opens `names` below `real` one after the other, none through a link, and reads the first link. */
function findLink(
  context: RootContext,
  real: readonly string[],
  names: readonly string[],
): Found | Operation {
  const way = walkOperations(context.root, real);
  let directory: Fd = way.at(-1) ?? context.root;
  const looks: { opened: Operation; read: Reading }[] = [];
  for (const name of names) {
    const opened = orGoOn(openat(directory, name, O_PATH | O_NOFOLLOW));
    const read = { ...readlinkat(opened, "", `read the link "${name}"`, LINK_SIZE), goOn: true as const };
    looks.push({ opened, read });
    directory = opened;
  }
  const opening = [...way, ...looks.map((look) => look.opened)];
  context.proxy.attempt([...way, ...looks.flatMap(({ opened, read }) => [opened, read])]);
  context.proxy.say(leftOpen(opening));
  for (const [index, { opened, read }] of looks.entries()) {
    if (opened.result === -ENOENT) break;
    if ((opened.result ?? -1) < 0) return opened;
    // On anything but a link: EINVAL, or ENOENT.
    if ((read.result ?? -1) < 0) continue;
    if (read.result === LINK_SIZE) return { ...read, result: -ENAMETOOLONG };
    return { plain: index, target: text(read.out.bytes.subarray(0, read.result)), read };
  }
  return { plain: names.length, target: undefined, read: looks[0]?.read ?? openat(-1, "", 0) };
}

/** Opens one directory below the other; what comes after the first failure fails, too. */
function walkOperations(root: Fd, names: readonly string[]): Operation[] {
  const walk: Operation[] = [];
  let directory = root;
  for (const name of names) {
    const opened = orGoOn(openat(directory, name, DIRECTORY));
    walk.push(opened);
    directory = opened;
  }
  return walk;
}

/** A path that is to be made where it is missing. */
export interface Missing {
  /** Without symbolic links. */
  readonly path: string;
  /** Or of what kind a path of the host is. */
  readonly kind: FileKind | { readonly like: string };
}

export interface Creation {
  readonly failure: Operation | undefined;
  /** Whether it was missing, and not made on the way to another path either. */
  readonly isNew: boolean;
  /** What was made for it, those above first: paths. */
  readonly made: readonly string[];
}

/** So many paths at a time: all of it must fit a message. */
const MOST_PATHS = 120;

/**
 * Makes what is missing of each path: directories of mode 0755, and an empty file of mode 0644 at the end
 * where a file is wanted. Where something else is in the way the path stays as it is.
 */
export function createMissing(context: RootContext, paths: readonly Missing[]): Creation[] {
  const outcomes: Creation[] = [];
  for (let at = 0; at < paths.length; at += MOST_PATHS) {
    outcomes.push(...createSome(context, paths.slice(at, at + MOST_PATHS)));
  }
  return outcomes;
}

/** One round trip to find what directories there are, and one to make the others and what lies in them. */
function createSome(context: RootContext, paths: readonly Missing[]): Creation[] {
  const directories = new Directories(context.root);
  const looks = new Map<string, Reading>();
  for (const { path, kind } of paths) {
    directories.look(parentOf(path));
    if (typeof kind === "object" && !looks.has(kind.like)) looks.set(kind.like, lookAt(kind.like));
  }
  context.proxy.attempt([...directories.looks(), ...looks.values()]);
  const creations = paths.map(({ path, kind }) =>
    creation(directories.make(parentOf(path)), {
      path,
      kind: typeof kind === "string" ? kind : kindOf(context, kind.like, looks.get(kind.like)),
    }),
  );
  context.proxy.attempt([...directories.creations, ...creations.filter((one) => one !== undefined)]);
  context.proxy.say(leftOpen([...directories.looks(), ...directories.creations]));
  return paths.map(({ path }, index) => {
    const isNew = creations[index]?.result === 0;
    return {
      failure: firstFailure([...directories.madeFor(parentOf(path)), creations[index]]),
      isNew,
      made: [...directories.pathsMadeFor(parentOf(path)), ...(isNew ? [path] : [])],
    };
  });
}

/** Two paths may share a missing directory, so it is no failure if that exists by now. */
function firstFailure(operations: readonly (Operation | undefined)[]): Operation | undefined {
  return operations.find((one) => one?.result !== undefined && one.result < 0 && one.result !== -EEXIST);
}

/** What a path of the host is, as the container's first process sees it. */
function lookAt(path: string): Reading {
  return { ...statx(AT_FDCWD, path, 0), goOn: true };
}

/**
 * A missing source will be an error when it is opened. The first process of a user namespace may not look
 * below a private directory of the host; the helper then looks, which will also open the source.
 */
function kindOf(context: RootContext, path: string, look: Reading | undefined): FileKind {
  if (look?.result === -EACCES && context.helper.canHelp) {
    const again = lookAt(path);
    context.helper.attempt([again]);
    return kindSeen(again);
  }
  return kindSeen(look);
}

function kindSeen(look: Reading | undefined): FileKind {
  if (look?.result !== 0) return "directory";
  return parseStatx(look.out.bytes).type === S_IFDIR ? "directory" : "file";
}

/** Makes the last component, in its directory if that is one. */
function creation(
  directory: Fd | undefined,
  { path, kind }: { path: string; kind: FileKind },
): Operation | undefined {
  const name = nameOf(path);
  if (directory === undefined || name === "") return undefined;
  if (kind === "directory") return orGoOn(mkdirat(directory, name, MADE_MODE));
  return orGoOn(
    mknodat(directory, name, { mode: S_IFREG | 0o644, major: 0, minor: 0 }, `create the file "${path}"`),
  );
}

/** The directories of some paths. Each is opened once, from the one above it, and never through a link. */
class Directories {
  /** The operations that make them, in order. */
  readonly creations: Operation[] = [];
  readonly #root: Fd;
  readonly #opened = new Map<string, Operation>();
  readonly #made = new Map<string, readonly Operation[]>();

  constructor(root: Fd) {
    this.#root = root;
  }

  looks(): Iterable<Operation> {
    return this.#opened.values();
  }

  /** Opens a directory and those above it; below a missing one, all are missing. */
  look(path: string): Fd {
    if (path === "/") return this.#root;
    const known = this.#opened.get(path);
    if (known !== undefined) return known;
    const opened = orGoOn(openat(this.look(parentOf(path)), nameOf(path), DIRECTORY));
    this.#opened.set(path, opened);
    return opened;
  }

  /** Makes it where it is missing, after the look. `undefined` where something else is in the way. */
  make(path: string): Fd | undefined {
    if (path === "/") return this.#root;
    const opened = this.#opened.get(path);
    if (opened === undefined) return undefined;
    if ((opened.result ?? -1) >= 0) return held(opened);
    const made = this.#made.get(path);
    if (made !== undefined) return made.at(-1);
    const above = this.make(parentOf(path));
    const isMissing = opened.result === -ENOENT || this.madeFor(parentOf(path)).length > 0;
    if (above === undefined || !isMissing) return undefined;
    const name = nameOf(path);
    const directory = orGoOn(mkdirat(above, name, MADE_MODE));
    const again = orGoOn(openat(above, name, DIRECTORY));
    this.creations.push(directory, again);
    this.#made.set(path, [...this.madeFor(parentOf(path)), directory, again]);
    return again;
  }

  /** The paths of those that were missing, once they have been made. */
  pathsMadeFor(path: string): string[] {
    if (path === "/") return [];
    // The last two of its operations are its own: to make it, and to open it.
    const isNew = this.#made.get(path)?.at(-2)?.result === 0;
    return [...this.pathsMadeFor(parentOf(path)), ...(isNew ? [path] : [])];
  }

  /** The operations that make it and those above it. */
  madeFor(path: string): readonly Operation[] {
    return this.#made.get(path) ?? [];
  }
}
