// Finds out why a path in the container could not be reached: a component is missing, refuses access, or
// leads elsewhere.

import { tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { visitEntries } from "../linux/files/directories.ts";
import { Descriptor, type FileStatus } from "../linux/files/files.ts";
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY, S_IFDIR, S_IFREG } from "../linux/numbers/fcntl.ts";
import { nearestWord } from "../spec/nearest.ts";
import { whyNotEntered, whyNotExecutable } from "./access.ts";
import { type Cause, named } from "./cause.ts";
import type { Scene } from "./scene.ts";
import { hasAccessList, type Root, type Walk, walk } from "./walk.ts";

/** A path relative to `cwd`, as an absolute one. */
export function absolute(path: string, cwd: string): string {
  return path.startsWith("/") ? path : `${cwd}/${path}`;
}

/** Whose files are looked at. */
type Whose = "the container" | "the host";

/** Why a program cannot be executed, as far as its path and its mode tell. */
export function whyNotRun(scene: Scene, path: string, where: Whose = "the container"): Cause | undefined {
  const way = walk(scene.root, absolute(path, scene.cwd));
  if (way.end !== "found") return whyNotThere(scene, path, { way, where });
  using file = way.file;
  const status = way.seen.at(-1)?.status;
  if (status?.type === S_IFDIR) {
    return { words: `${named(path)} is a folder`, next: "name a program in it" };
  }
  if (status !== undefined && status.type !== S_IFREG) {
    return { words: `${named(path)} is a special file and no program`, next: "name a regular file" };
  }
  return whyRefused(scene, way) ?? beyondMode(scene, file, way.path);
}

/** Why the working directory cannot be entered. */
export function whyNotEnterable(scene: Scene, path: string): Cause | undefined {
  const way = walk(scene.root, path);
  if (way.end !== "found") return whyNotThere(scene, path, { way, where: "the container" });
  using directory = way.file;
  const last = way.seen.at(-1);
  if (last !== undefined && last.status.type !== S_IFDIR) {
    return { words: `${named(way.path)} is a file`, next: "name a folder as process.cwd" };
  }
  const onTheWay = whyRefused(scene, way);
  if (onTheWay !== undefined) return onTheWay;
  const refused = last && whyNotEntered(last, scene.who);
  return refused ?? beyondMode(scene, directory, way.path);
}

/** Why the process may not enter a directory on the way, or may not execute the file at its end. */
function whyRefused({ who }: Scene, { seen }: Walk): Cause | undefined {
  for (const one of seen) {
    const isLast = one === seen.at(-1);
    const cause =
      one.status.type === S_IFDIR ? whyNotEntered(one, who) : isLast ? whyNotExecutable(one, who) : undefined;
    if (cause !== undefined) return cause;
  }
  return undefined;
}

/** Why access was refused although the modes allow it. */
function beyondMode({ label }: Scene, place: Descriptor, path: string): Cause | undefined {
  if (hasAccessList(place)) {
    return {
      words: `${named(path)} has an access control list, which decides beside its mode`,
      next: `see it with getfacl ${named(path)}`,
    };
  }
  if (label === undefined) return undefined;
  return {
    words: `the modes on the way to ${named(path)} allow it, so the rules of ${named(label)} refuse it`,
    next: "the kernel's log (dmesg, ausearch -m avc) says which",
  };
}

/** Why a walk did not reach its end. */
function whyNotThere(
  scene: Scene,
  path: string,
  { way, where }: { way: Walk; where: Whose },
): Cause | undefined {
  const first = way.links[0];
  switch (way.end) {
    case "not a directory":
      return {
        words: `${named(way.path)} on the way to it is a file`,
        next: "correct the path",
      };
    case "circle":
      return {
        words: `the symbolic link ${named(way.path)} leads back to itself, by ${named(first?.target ?? "")}`,
        next: "let it name a file",
      };
    case "nosymfollow":
      return {
        words: `${named(way.path)} is a symbolic link on a mount with the option nosymfollow`,
        next: "name what it leads to, or take nosymfollow out of that mount's options",
      };
    case "missing":
      return hiddenByMount(scene, path) ?? missing(scene.root, path, { way, where });
    case "unknown":
      return whyRefused(scene, way);
    case "found":
      way.file.close();
      return undefined;
  }
}

/** For a file that the image has and the container does not. */
function hiddenByMount({ image, cwd }: Scene, path: string): Cause | undefined {
  if (image === undefined) return undefined;
  const way = walk(image, absolute(path, cwd));
  if (way.end !== "found") return undefined;
  way.file.close();
  return {
    words: `the image has ${named(way.path)}, but one of the container's mounts covers it`,
    next: "mount somewhere else, or put the file into what is mounted",
  };
}

function missing(root: Root, path: string, { way, where }: { way: Walk; where: Whose }): Cause {
  const { path: at, links } = way;
  const link = links.at(-1);
  if (link !== undefined) {
    return {
      words:
        `${named(link.path)} is a symbolic link to ${named(link.target)}, ` +
        `and ${where} has no ${named(at)}`,
      next: "add what it leads to, or correct the link",
    };
  }
  const slash = at.lastIndexOf("/");
  const folder = at.slice(0, slash) || "/";
  const near = nearestWord(at.slice(slash + 1), namesIn(root, folder));
  const question = near === undefined ? "" : `, did you mean ${named(`${at.slice(0, slash)}/${near}`)}?`;
  const what = at.length < path.length ? `not even the folder ${named(at)}` : `no ${named(at)}`;
  return {
    words: `${where} has ${what}${question}`,
    next: "add it to the image or to the mounts, or correct the path",
  };
}

/** At most this many names of a directory are read. */
export const MOST_NAMES = 20_000;

/** The names in a directory of the container; none if it cannot be read. */
export function namesIn(root: Root, folder: string): string[] {
  const way = walk(root, folder);
  if (way.end !== "found") return [];
  using place = way.file;
  const path = `/proc/self/fd/${place.number}`;
  const opened = tryCall("openat", AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (opened < 0) return [];
  using directory = new Descriptor(opened);
  const names: string[] = [];
  try {
    visitEntries(directory.number, (name) => {
      if (names.length === MOST_NAMES) throw new Error("enough");
      names.push(text(name));
    });
  } catch {
    // The names that were read are enough.
  }
  return names;
}

/** The status of the file that a path leads to; `undefined` if it cannot be reached. */
export function statusAt(root: Root, path: string): FileStatus | undefined {
  const way = walk(root, path);
  if (way.end !== "found") return undefined;
  way.file.close();
  return way.seen.at(-1)?.status;
}
