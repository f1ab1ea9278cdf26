// The steps that close a finished root: what was to be read-only becomes so, paths are made read-only or
// masked. Called by rootfs.ts, inside the container's root. runtime-spec config-linux.md#masked-paths,
// #readonly-paths.

import { TsrunError } from "../errors.ts";
import { ENOENT } from "../linux/errno.ts";
import { AT_EMPTY_PATH, AT_RECURSIVE, O_PATH, S_IFCHR } from "../linux/fcntl.ts";
import { MOUNT_ATTR_RDONLY, MS_RDONLY, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../linux/mount.ts";
import { parseStatx } from "../linux/statx.ts";
import type { Fd } from "../proxy/arguments.ts";
import {
  close,
  fsconfigCreate,
  fsconfigFlag,
  fsconfigString,
  fsmount,
  fsopen,
  fstatfs,
  moveMount,
  openInRoot,
  openTree,
  type Reading,
  statx,
} from "../proxy/calls.ts";
import type { Operation } from "../proxy/operation.ts";
import { adapt, attach, changeMount } from "./attach.ts";
import { type AttributeChange, flagsOfStatfs, statfsFlags } from "./attributes.ts";
import type { RootContext } from "./context.ts";
import { operationFailure } from "./failure.ts";
import { held, type Step } from "./steps.ts";

const CLONE = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;

/** Makes a mount read-only and leaves its other attributes. DIFFERS: runc clears those of the root. */
export function readonlyMountStep(context: RootContext, mounted: Fd, attempt: string): Step {
  return {
    operations: () => changeMount(context, mounted, addReadonly(context, mounted), attempt),
    recover: (failed) => {
      if (!adapt(context, failed)) throw operationFailure(failed);
    },
  };
}

/** A path that is bound to itself, and read-only there; a missing one is no matter. */
export function readonlyPathStep(context: RootContext, path: string): Step {
  const attempt = `make "${path}" read-only`;
  let opening: Operation | undefined;
  let missing = false;
  return {
    operations: () => {
      if (missing) return [];
      const change = addReadonly(context, path);
      const target = openInRoot(context.root, path, O_PATH, attempt);
      const tree = openTree(target, "", CLONE | AT_RECURSIVE, attempt);
      opening = target;
      const attached = attach(context, { tree, target, change, propagation: [], attempt });
      return [target, tree, ...attached.operations, close(tree), close(target)];
    },
    recover: (failed) => {
      if (failed === opening && failed.result === -ENOENT) missing = true;
      else if (!adapt(context, failed)) throw operationFailure(failed);
    },
  };
}

/** mount_setattr(2) adds one attribute; mount(2) has to be told all the others again. */
function addReadonly(context: RootContext, at: Fd | string): AttributeChange {
  const kept = context.features.mountSetattr ? 0 : flagsAt(context, at);
  return { set: MOUNT_ATTR_RDONLY, clear: 0, flags: kept | MS_RDONLY };
}

function flagsAt(context: RootContext, at: Fd | string): number {
  const opening = typeof at === "string" ? openInRoot(context.root, at, O_PATH) : undefined;
  const status = fstatfs(opening ?? (at as Fd), "read the flags of a mount");
  const operations = opening === undefined ? [status] : [opening, status, close(opening)];
  const failed = context.attempt(operations);
  // A missing path is found missing again, and then left alone.
  return failed === undefined ? flagsOfStatfs(statfsFlags(status.out.bytes)) : 0;
}

/** The container's /dev/null, once it is known to be that. CVE-2025-31133. */
export class NullDevice implements Step {
  readonly #context: RootContext;
  #opening: Operation | undefined;
  #status: Reading | undefined;

  constructor(context: RootContext) {
    this.#context = context;
  }

  get descriptor(): Fd {
    if (this.#opening === undefined) throw new Error("/dev/null is not open yet");
    return held(this.#opening);
  }

  operations(): Operation[] {
    const attempt = "mask paths with /dev/null";
    const opening = openInRoot(this.#context.root, "/dev/null", O_PATH, attempt);
    this.#opening = opening;
    this.#status = statx(opening, "", AT_EMPTY_PATH, attempt);
    return [opening, this.#status];
  }

  /** Nothing runs in the container yet: it is early enough to refuse when the masks are in place. */
  finish(): void {
    if (this.#status !== undefined) verifyNull(this.#status);
  }

  recover(failed: Operation): void {
    throw operationFailure(failed);
  }
}

/** Throws unless it is the character device 1:3. */
export function verifyNull(status: Reading): void {
  const { type, nodeMajor, nodeMinor } = parseStatx(status.out.bytes);
  if (type === S_IFCHR && nodeMajor === 1 && nodeMinor === 3) return;
  throw new TsrunError("E_CONFIG", "cannot use the container's /dev/null: container's /dev/null is invalid", {
    hint: "it has to be the character device 1:3; look at linux.devices and at what is mounted on /dev",
  });
}

/** A file under /dev/null. */
export function maskFileStep(context: RootContext, path: string, nothing: NullDevice): Step {
  const attempt = `mask "${path}"`;
  return maskStep(context, path, (target) => {
    const clone = openTree(nothing.descriptor, "", CLONE, attempt);
    return [clone, moveMount(clone, target, attempt), close(clone)];
  });
}

/** One empty read-only tmpfs for all masked directories (runc: maskDir). */
export interface EmptyDirectory {
  /** The step that mounts it, and its mount. */
  maker?: { readonly step: Step; readonly mounted: Operation } | undefined;
}

export interface MaskDirectoryOptions {
  readonly empty: EmptyDirectory;
  readonly label: string | undefined;
}

export function maskDirectoryStep(context: RootContext, path: string, options: MaskDirectoryOptions): Step {
  const { empty, label } = options;
  const attempt = `mask "${path}"`;
  const step: Step = maskStep(
    context,
    path,
    (target) => {
      if (empty.maker !== undefined && empty.maker.step !== step) {
        const clone = openTree(held(empty.maker.mounted), "", CLONE, attempt);
        return [clone, moveMount(clone, target, attempt), close(clone)];
      }
      const filesystem = fsopen("tmpfs", attempt);
      const mounted = fsmount(filesystem, MOUNT_ATTR_RDONLY, attempt);
      empty.maker = { step, mounted };
      return [
        filesystem,
        fsconfigString(filesystem, "source", "tmpfs", attempt),
        fsconfigFlag(filesystem, "ro", attempt),
        fsconfigString(filesystem, "nr_blocks", "1", attempt),
        fsconfigString(filesystem, "nr_inodes", "1", attempt),
        ...(label === undefined ? [] : [fsconfigString(filesystem, "context", label, attempt)]),
        fsconfigCreate(filesystem, attempt),
        mounted,
        close(filesystem),
        moveMount(mounted, target, attempt),
      ];
    },
    () => {
      if (empty.maker?.step === step) empty.maker = undefined;
    },
  );
  return step;
}

function maskStep(
  context: RootContext,
  path: string,
  cover: (target: Operation) => Operation[],
  skipped?: () => void,
): Step {
  let opening: Operation | undefined;
  let missing = false;
  return {
    operations: () => {
      if (missing) return [];
      const target = openInRoot(context.root, path, O_PATH, `mask "${path}"`);
      opening = target;
      return [target, ...cover(target), close(target)];
    },
    recover: (failed) => {
      // Hidden by now, by the mask of something above it.
      if (failed !== opening || failed.result !== -ENOENT) throw operationFailure(failed);
      missing = true;
      skipped?.();
    },
  };
}
