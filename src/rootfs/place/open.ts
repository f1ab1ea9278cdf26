// Opens a path inside the root: with openat2(2), or, if the kernel or a filter around tsrun does not know
// that call, one component after the other. target.ts and resolve.ts follow links on the way.

import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../linux/numbers/fcntl.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import { close, openat, openInRoot, openPlainInRoot } from "../../proxy/calls/calls.ts";
import { type Operation, orGoOn } from "../../proxy/calls/operation.ts";
import { componentsOf } from "../plan/paths.ts";
import type { RootContext } from "./context.ts";

export interface PathToOpen {
  readonly directory: Fd;
  readonly path: string;
  /** Flags of open(2). */
  readonly how: number;
  /** A failure does not stop the batch. */
  readonly goOn?: true;
}

export interface Opening {
  readonly operations: Operation[];
  /** The operation whose result is the descriptor. */
  readonly descriptor: Operation;
}

/**
 * Opens a path that should have no symbolic link: openat2(2) refuses one. Without openat2, if the last
 * component is a link that has just been put there, the link itself is opened, which leads nowhere.
 */
export function openPlain(
  context: RootContext,
  { directory, path, how, goOn }: PathToOpen,
  attempt: string,
): Opening {
  if (context.features.openat2) {
    const opened = openPlainInRoot(directory, path, how, attempt);
    const descriptor = goOn === true ? orGoOn(opened) : opened;
    return { operations: [descriptor], descriptor };
  }
  const keep = (one: Operation) => (goOn === true ? orGoOn(one) : one);
  const names = componentsOf(path).filter((name) => name !== ".");
  const last = names.pop() ?? ".";
  const way: Operation[] = [];
  let at = directory;
  for (const name of names) {
    const opened = keep(openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, attempt));
    way.push(opened);
    at = opened;
  }
  const descriptor = keep(openat(at, last, how | O_NOFOLLOW, attempt));
  return { operations: [...way, descriptor, ...way.map((one) => keep(close(one)))], descriptor };
}

/**
 * Opens a path of the container, following links. World: the root is the container's, so no path leads out.
 */
export function openFollowing(
  context: RootContext,
  { path, how, goOn }: Omit<PathToOpen, "directory">,
  attempt: string,
): Operation {
  const descriptor = context.features.openat2
    ? openInRoot(context.root, path, how, attempt)
    : openat(AT_FDCWD, path, how, attempt);
  return goOn === true ? orGoOn(descriptor) : descriptor;
}
