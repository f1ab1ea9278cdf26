// /dev/console, for a container with a terminal: its side of the pseudo terminal, bound over an empty file. Called by
// create between enterRootfs and sealRootfs. CVE-2025-52565: the terminal is bound by its descriptor, never by a path.

import { EEXIST } from "../linux/errno.ts";
import { AT_EMPTY_PATH, O_DIRECTORY, O_PATH, S_IFREG } from "../linux/fcntl.ts";
import { OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../linux/mount.ts";
import { close, mknodat, moveMount, openPlainInRoot, openTree } from "../proxy/calls.ts";
import { orGoOn } from "../proxy/operation.ts";
import { operationFailure } from "./failure.ts";
import type { RootfsHandles } from "./rootfs.ts";

/**
 * Binds a terminal to /dev/console.
 * @param terminal descriptor, in the container's first process, of the side that the container uses
 */
export function bindConsole({ context }: RootfsHandles, terminal: number): void {
  const attempt = 'mount the terminal on "/dev/console"';
  const directory = openPlainInRoot(context.root, "/dev", O_PATH | O_DIRECTORY, attempt);
  const file = { mode: S_IFREG | 0o666, major: 0, minor: 0 };
  const made = orGoOn(mknodat(directory, "console", file, attempt));
  const place = openPlainInRoot(directory, "console", O_PATH, attempt);
  const tree = openTree(terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH, attempt);
  const failed = context.attempt([
    directory,
    made,
    place,
    tree,
    moveMount(tree, place, attempt),
    close(tree),
    close(place),
    close(directory),
  ]);
  if (failed === undefined) return;
  const missing = failed === place && made.result !== undefined && made.result < 0 && made.result !== -EEXIST;
  throw operationFailure(missing ? made : failed);
}
