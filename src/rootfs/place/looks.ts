// Finds out what kind of file each path is that will be masked or made read-only, when the process has
// entered the container's root. Called by rootfs.ts.

import { ELOOP, ENOENT, ENOSYS } from "../../linux/numbers/errno.ts";
import { O_DIRECTORY, O_PATH } from "../../linux/numbers/fcntl.ts";
import { close, openPlainInRoot } from "../../proxy/calls/calls.ts";
import { type Operation, operationError, orGoOn } from "../../proxy/calls/operation.ts";
import { climbs } from "../plan/paths.ts";
import { adapt } from "./adapt.ts";
import type { FileKind, RootContext } from "./context.ts";
import { openFollowing } from "./open.ts";
import { resolveInRoot } from "./resolve.ts";

/** `root`: the path leads to the container's root itself, which no mount of a path can cover. */
export type SealedKind = FileKind | "root";

const HOW = O_PATH | O_DIRECTORY;

/**
 * Looks at paths, most in the message that changes the root. A path can be the root only if it is "/", or
 * leads there by `..` or a symbolic link, so only such paths cost more than one look.
 */
export class PathLooks {
  readonly operations: Operation[] = [];
  readonly #context: RootContext;
  readonly #looks = new Map<string, Operation | undefined>();

  constructor(context: RootContext, paths: Iterable<string>) {
    this.#context = context;
    for (const path of paths) {
      if (this.#looks.has(path)) continue;
      const look = this.#mayBePlain(path) ? orGoOn(openPlainInRoot(context.root, path, HOW)) : undefined;
      this.#looks.set(path, look);
      if (look !== undefined) this.operations.push(look, orGoOn(close(look)));
    }
  }

  /** Without openat2(2) a link on the way would not be noticed. */
  #mayBePlain(path: string): boolean {
    return this.#context.features.openat2 && path !== "/" && !climbs(path);
  }

  /** What has been found, without the paths that do not exist. World: the operations have been done. */
  kinds(): ReadonlyMap<string, SealedKind> {
    const kinds = new Map<string, SealedKind>();
    for (const [path, look] of this.#looks) {
      const isPlain = look !== undefined && look.result !== -ELOOP && look.result !== -ENOSYS;
      const kind = isPlain ? kindOf(look) : this.#follow(path);
      if (kind !== undefined) kinds.set(path, kind);
    }
    return kinds;
  }

  /** The kernel tells whether the path exists; whether it is the root is found out here. */
  #follow(path: string): SealedKind | undefined {
    const attempt = `look at "${path}"`;
    const look = openFollowing(this.#context, { path, how: HOW, goOn: true }, attempt);
    this.#context.proxy.attempt([look, orGoOn(close(look))]);
    if (adapt(this.#context, look)) return this.#follow(path);
    const kind = kindOf(look);
    if (kind !== "directory") return kind;
    const resolved = resolveInRoot(this.#context, path);
    if ("call" in resolved) throw operationError({ ...resolved, attempt });
    return resolved.path === "/" ? "root" : kind;
  }
}

/** If a path cannot be opened for another reason, the step that covers it will fail and say why. */
function kindOf({ result = -ENOENT }: Operation): FileKind | undefined {
  if (result === -ENOENT) return undefined;
  return result < 0 ? "file" : "directory";
}
