// Examines the files of the container's future root from tsrun itself, before the first process exists: that
// saves messages, and is done while the kernel makes the namespaces. Questions that it cannot answer are
// asked from inside. Called by rootfs.ts.

import { TsrunError } from "../../errors.ts";
import { tryCall } from "../../linux/call/call.ts";
import { u64Struct } from "../../linux/call/words.ts";
import { type Descriptor, openDirectory, status } from "../../linux/files/files.ts";
import { peekMode, peekMountRoot } from "../../linux/files/peek.ts";
import { ENOENT } from "../../linux/numbers/errno.ts";
import {
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
} from "../../linux/numbers/fcntl.ts";
import { openFilesLimit } from "../../linux/process/limits.ts";
import type { FileKind } from "../place/context.ts";
import { parentOf } from "../plan/paths.ts";

/** The permission bits of a directory; `undefined` if there is none. */
export type DirectoryMode = { readonly mode: number | undefined };

export interface HostView {
  /** What kind of file a path of the host is, if it exists: a guess, which may turn out wrong. */
  kindOf(path: string): FileKind | undefined;
  /** The mode of a directory below the root; `undefined` if it can only be found out from inside. */
  modeOf(path: string): DirectoryMode | undefined;
  /** The mount point above the root; `undefined` if the kernel does not tell. */
  mountPoint(): string | undefined;
  /** How many files a process of tsrun may have open. */
  openFilesLimit(): number;
}

const MISSING: DirectoryMode = { mode: undefined };

export class HostFiles implements HostView, Disposable {
  readonly #rootfs: string;
  readonly #how = u64Struct(O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  #root: Descriptor | undefined;

  constructor(rootfs: string) {
    this.#rootfs = rootfs;
  }

  kindOf(path: string): FileKind | undefined {
    const found = unlessRefused(() => status(path));
    return found === undefined ? undefined : found.type === S_IFDIR ? "directory" : "file";
  }

  /** Without openat2(2), or if there is a symbolic link on the way, it cannot be found out from here. */
  modeOf(path: string): DirectoryMode | undefined {
    this.#root ??= unlessRefused(() => openDirectory(this.#rootfs));
    if (this.#root === undefined) return undefined;
    const opened = tryCall("openat2", this.#root.number, path, this.#how, this.#how.length);
    if (opened < 0) return opened === -ENOENT ? MISSING : undefined;
    const seen = peekMode(opened);
    const mode = seen >= 0 ? seen : unlessRefused(() => status("", { at: opened, itself: true }))?.mode;
    tryCall("close", opened);
    return mode === undefined ? undefined : { mode };
  }

  mountPoint(): string | undefined {
    return mountPointAbove(this.#rootfs);
  }

  openFilesLimit(): number {
    return openFilesLimit();
  }

  [Symbol.dispose](): void {
    this.#root?.close();
  }
}

/** The mount point at or above a path; `undefined` if the kernel does not tell. */
export function mountPointAbove(path: string): string | undefined {
  const isRoot = peekMountRoot(path);
  if (isRoot === undefined || isRoot) return isRoot === undefined ? undefined : path;
  return path === "/" ? undefined : mountPointAbove(parentOf(path));
}

/** `undefined` for a permission error: tsrun may lack rights that the container's root will have. */
function unlessRefused<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}
