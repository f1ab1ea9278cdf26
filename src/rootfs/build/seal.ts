// The steps that seal a finished root: mounts become read-only, and paths are made read-only or masked.
// Called by rootfs.ts, inside the container's root. runtime-spec config-linux.md#masked-paths,
// #readonly-paths.

import { TsrunError } from "../../errors.ts";
import { isNullDevice, parseStatx } from "../../linux/files/statx.ts";
import { EINVAL, ENOENT, ENOSYS } from "../../linux/numbers/errno.ts";
import { AT_EMPTY_PATH, O_PATH } from "../../linux/numbers/fcntl.ts";
import { MOUNT_ATTR_RDONLY, MS_RDONLY } from "../../linux/numbers/mount.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import { close, fstatfs, type Reading, statx } from "../../proxy/calls/calls.ts";
import {
  fsconfigCreate,
  fsconfigFlag,
  fsconfigString,
  fsmount,
  fsopen,
  moveMount,
} from "../../proxy/calls/mount-calls.ts";
import { type Operation, operationError } from "../../proxy/calls/operation.ts";
import { held, type Step } from "../../proxy/step.ts";
import type { MountContext } from "../../spec/annotations.ts";
import { adapt } from "../place/adapt.ts";
import type { RootContext } from "../place/context.ts";
import { openFollowing } from "../place/open.ts";
import { type AttributeChange, flagsOfStatfs, statfsFlags } from "../plan/attributes.ts";
import { bind, changeMount, onScratch } from "./attach.ts";

/** Makes a mount read-only and leaves its other attributes. DIFFERS: runc clears those of the root. */
export function readonlyMountStep(context: RootContext, mounted: Fd, attempt: string): Step {
  return {
    operations: () => changeMount(context, mounted, addReadonly(context, mounted), attempt),
    recover: (failed) => {
      if (!adapt(context, failed)) throw operationError(failed);
    },
  };
}

/** Binds a path to itself, read-only. A missing path is ignored. */
export function readonlyPathStep(context: RootContext, path: string): Step {
  const attempt = `make "${path}" read-only`;
  let opening: Operation | undefined;
  let missing = false;
  return {
    operations: () => {
      if (missing) return [];
      const change = addReadonly(context, path);
      const open = () => openFollowing(context, { path, how: O_PATH }, attempt);
      const target = open();
      opening = target;
      const again = () => {
        const descriptor = open();
        return { operations: [descriptor], descriptor };
      };
      const from = { from: target, withSubmounts: true, target, again };
      // Late: in a volume that is shared with the host, the path must not become read-only there.
      const bound = bind(context, { ...from, change, late: true, propagation: [], attempt });
      return [target, ...bound.operations, close(bound.mounted), close(target)];
    },
    recover: (failed) => {
      if (failed === opening && failed.result === -ENOENT) missing = true;
      else if (!adapt(context, failed)) throw operationError(failed);
    },
  };
}

/** mount_setattr(2) adds one attribute; mount(2) has to be told all the others again. */
function addReadonly(context: RootContext, at: Fd | string): AttributeChange {
  const kept = context.features.mountSetattr ? 0 : flagsAt(context, at);
  return { set: MOUNT_ATTR_RDONLY, clear: 0, flags: kept | MS_RDONLY };
}

function flagsAt(context: RootContext, at: Fd | string): number {
  const opening =
    typeof at === "string" ? openFollowing(context, { path: at, how: O_PATH }, "read flags") : undefined;
  const status = fstatfs(opening ?? (at as Fd), "read the flags of a mount");
  const operations = opening === undefined ? [status] : [opening, status, close(opening)];
  const failed = context.proxy.attempt(operations);
  if (failed === undefined) return flagsOfStatfs(statfsFlags(status.out.bytes));
  // A missing path or a missing call fails again in the step, which then ignores the path or does without the
  // call.
  if (failed === opening && (failed.result === -ENOENT || failed.result === -ENOSYS)) return 0;
  throw operationError(failed);
}

/** The container's /dev/null, checked to be that device (CVE-2025-31133). */
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

  /** Closes it, where it has been used. */
  letGo(): Operation[] {
    return this.#opening === undefined ? [] : [close(held(this.#opening))];
  }

  operations(): Operation[] {
    const attempt = "mask paths with /dev/null";
    const opening = openFollowing(this.#context, { path: "/dev/null", how: O_PATH }, attempt);
    this.#opening = opening;
    this.#status = statx(opening, "", AT_EMPTY_PATH, attempt);
    return [opening, this.#status];
  }

  /** Nothing runs in the container yet, so a refusal after the masks have been made is early enough. */
  finish(): void {
    if (this.#status !== undefined) verifyNull(this.#status);
  }

  recover(failed: Operation): void {
    if (!adapt(this.#context, failed)) throw operationError(failed);
  }
}

/** Throws unless it is the character device 1:3. */
export function verifyNull(status: Reading): void {
  if (isNullDevice(parseStatx(status.out.bytes))) return;
  throw new TsrunError("E_CONFIG", "cannot use the container's /dev/null: container's /dev/null is invalid", {
    hint: "it must be the character device 1:3; check linux.devices, and what is mounted on /dev",
  });
}

/** Covers a file with /dev/null. */
export function maskFileStep(context: RootContext, path: string, nothing: NullDevice): Step {
  const attempt = `mask "${path}"`;
  const covering = (target: Operation) => cover(context, [nothing.descriptor, target], attempt);
  return maskStep(context, path, { covering });
}

/** One empty read-only tmpfs for all masked directories (runc: maskDir). */
export interface EmptyDirectory {
  /** The step that mounts it, and its mount. */
  maker?: { readonly step: Step; readonly mounted: Operation } | undefined;
  /** Its inodes, of which the directory itself is one. */
  inodes: number;
}

/** Ubuntu's Linux 5.4 takes no tmpfs of fewer (its own change of mm/shmem.c). AS RUNC from 1.5.1 on. */
const INODES_AT_LEAST = 2;

export interface MaskDirectoryOptions {
  readonly empty: EmptyDirectory;
  readonly label: string | undefined;
  /** The option of mount(8) that sets it. */
  readonly labelOption: MountContext;
}

export function maskDirectoryStep(context: RootContext, path: string, options: MaskDirectoryOptions): Step {
  const { empty, label, labelOption } = options;
  const attempt = `mask "${path}"`;
  const forget = () => {
    if (empty.maker?.step === step) empty.maker = undefined;
  };
  const step: Step = maskStep(context, path, {
    covering: (target) => {
      if (!context.features.mountApi) {
        // If other calls tried to make it, what they had opened has been closed.
        forget();
        const data = [
          "nr_blocks=1",
          `nr_inodes=${empty.inodes}`,
          ...(label === undefined ? [] : [`${labelOption}="${label}"`]),
        ];
        const call = { source: "tmpfs", type: "tmpfs", flags: MS_RDONLY, data: data.join(",") };
        return onScratch(context, target, call, attempt);
      }
      if (empty.maker !== undefined && empty.maker.step !== step) {
        return cover(context, [held(empty.maker.mounted), target], attempt);
      }
      const filesystem = fsopen("tmpfs", attempt);
      const mounted = fsmount(filesystem, MOUNT_ATTR_RDONLY, attempt);
      empty.maker = { step, mounted };
      return [
        filesystem,
        fsconfigString(filesystem, "source", "tmpfs", attempt),
        fsconfigFlag(filesystem, "ro", attempt),
        fsconfigString(filesystem, "nr_blocks", "1", attempt),
        fsconfigString(filesystem, "nr_inodes", `${empty.inodes}`, attempt),
        ...(label === undefined ? [] : [fsconfigString(filesystem, labelOption, label, attempt)]),
        fsconfigCreate(filesystem, attempt),
        mounted,
        close(filesystem),
        moveMount(mounted, target, attempt),
      ];
    },
    repair: (failed) => {
      const isLimit = failed.call === "fsconfig" || failed.call === "mount";
      if (!isLimit || failed.result !== -EINVAL || empty.inodes >= INODES_AT_LEAST) return false;
      empty.inodes = INODES_AT_LEAST;
      forget();
      return true;
    },
    skipped: forget,
  });
  return step;
}

/** Covers a file or directory with another. */
export function cover(context: RootContext, [from, target]: readonly [Fd, Fd], attempt: string): Operation[] {
  const request = { from, withSubmounts: false, target, again: undefined, propagation: [], attempt };
  const { operations, mounted } = bind(context, request);
  return mounted.call === "open_tree" ? [...operations, close(mounted)] : operations;
}

interface Mask {
  readonly covering: (target: Operation) => Operation[];
  /** Whether the failure is one of this kernel, which is avoided from now on. */
  readonly repair?: (failed: Operation) => boolean;
  /** There is nothing to cover. */
  readonly skipped?: () => void;
}

function maskStep(context: RootContext, path: string, { covering, repair, skipped }: Mask): Step {
  let opening: Operation | undefined;
  let missing = false;
  return {
    operations: () => {
      if (missing) return [];
      const target = openFollowing(context, { path, how: O_PATH }, `mask "${path}"`);
      opening = target;
      return [target, ...covering(target), close(target)];
    },
    recover: (failed) => {
      if (adapt(context, failed) || repair?.(failed) === true) return;
      // The mask of a directory above has hidden it by now.
      if (failed !== opening || failed.result !== -ENOENT) throw operationError(failed);
      missing = true;
      skipped?.();
    },
  };
}
