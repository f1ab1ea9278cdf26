// Puts a detached mount in its place, with its attributes and propagation: with mount_setattr(2) before
// anybody can see it, or, on kernels older than 5.12, with mount(2) right after. The one file that knows the
// difference.

import { ENOSYS } from "../linux/errno.ts";
import { AT_EMPTY_PATH, AT_RECURSIVE, O_CLOEXEC } from "../linux/fcntl.ts";
import { MS_BIND, MS_REC, MS_REMOUNT } from "../linux/mount.ts";
import type { Fd } from "../proxy/arguments.ts";
import { close, dup3, mount, mountSetattr, moveMount, procPath } from "../proxy/calls.ts";
import type { Operation } from "../proxy/operation.ts";
import type { AttributeChange } from "./attributes.ts";
import type { RootContext } from "./context.ts";

/** mount(2) takes paths; one that is known before the descriptor is needs a fixed number. */
const SCRATCH = 900;

export interface Attachment {
  readonly tree: Fd;
  readonly target: Fd;
  readonly change?: AttributeChange | undefined;
  readonly recursive?: { readonly set: number; readonly clear: number } | undefined;
  /** MS_PRIVATE and the like. AS RUNC: after the mount is in place, since a shared parent makes it shared. */
  readonly propagation: readonly number[];
  readonly attempt: string;
}

/** The operations that attach; `flagging` is the one that fails where flags are locked. */
export interface Attaching {
  readonly operations: Operation[];
  readonly flagging: Operation | undefined;
}

export function attach(context: RootContext, attachment: Attachment): Attaching {
  return context.features.mountSetattr ? attachNow(attachment) : attachByPath(attachment);
}

function attachNow({ tree, target, change, recursive, propagation, attempt }: Attachment): Attaching {
  const operations: Operation[] = [];
  const flagging = change === undefined ? undefined : mountSetattr(tree, "", AT_EMPTY_PATH, change, attempt);
  if (flagging !== undefined) operations.push(flagging);
  if (recursive !== undefined) {
    operations.push(mountSetattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, recursive, attempt));
  }
  operations.push(moveMount(tree, target, attempt), ...propagate(tree, propagation, attempt));
  return { operations, flagging };
}

/** The propagation of a mount, one type after the other. */
function propagate(tree: Fd, propagation: readonly number[], attempt: string): Operation[] {
  return propagation.map((flags) => {
    const how = (flags & MS_REC) === 0 ? AT_EMPTY_PATH : AT_EMPTY_PATH | AT_RECURSIVE;
    return mountSetattr(tree, "", how, { propagation: flags & ~MS_REC }, attempt);
  });
}

function attachByPath({ tree, target, change, recursive, propagation, attempt }: Attachment): Attaching {
  const path = procPath(SCRATCH);
  const flagging =
    change === undefined
      ? undefined
      : mount({ target: path, flags: MS_REMOUNT | MS_BIND | change.flags }, attempt);
  const operations = [
    moveMount(tree, target, attempt),
    ...(flagging === undefined ? [] : [flagging]),
    // There is no other call for what is below: let it say ENOSYS.
    ...(recursive === undefined
      ? []
      : [mountSetattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, recursive, attempt)]),
    ...propagation.map((flags) => mount({ target: path, flags }, attempt)),
  ];
  if (flagging === undefined && propagation.length === 0) return { operations, flagging };
  return {
    operations: [dup3Scratch(tree, attempt), ...operations, close(SCRATCH)],
    flagging,
  };
}

function dup3Scratch(tree: Fd, attempt: string): Operation {
  return dup3(tree, SCRATCH, O_CLOEXEC, attempt);
}

/** Changes the attributes of a mount that is in place already. */
export function changeMount(
  context: RootContext,
  of: Fd,
  change: AttributeChange,
  attempt: string,
): Operation[] {
  if (context.features.mountSetattr) return [mountSetattr(of, "", AT_EMPTY_PATH, change, attempt)];
  const flags = MS_REMOUNT | MS_BIND | change.flags;
  return [dup3Scratch(of, attempt), mount({ target: procPath(SCRATCH), flags }, attempt), close(SCRATCH)];
}

/** Makes mount(2) with the target given by descriptor. */
export function mountOn(
  target: Fd,
  call: { source: string; type: string; flags: number; data: string },
  attempt: string,
): Operation[] {
  const { source, type, flags, data } = call;
  return [
    dup3Scratch(target, attempt),
    mount({ source, target: procPath(SCRATCH), type, flags, data }, attempt),
    close(SCRATCH),
  ];
}

/** Whether `failed` is a call that this kernel does not know and that can be done without: so try again. */
export function adapt({ features }: RootContext, failed: Operation): boolean {
  if (failed.result !== -ENOSYS || failed.call !== "mount_setattr" || !features.mountSetattr) return false;
  features.mountSetattr = false;
  return true;
}
