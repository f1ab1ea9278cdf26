// Attaches mounts, with their attributes and propagation. A mount is made detached and gets its attributes by
// mount_setattr(2), before anybody can see it. If the kernel, or a filter around tsrun, lacks the calls of
// Linux 5.2 and 5.12, mount(2) is used on descriptors; recursive.ts and nosymfollow.ts then do what one
// mount(2) cannot.

import { EINVAL, EPERM } from "../../linux/numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
} from "../../linux/numbers/fcntl.ts";
import {
  MOUNT_ATTR_NOSYMFOLLOW,
  MS_BIND,
  MS_REC,
  MS_REMOUNT,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../linux/numbers/mount.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import { close, dup3, fchdir, fstatfs, openat } from "../../proxy/calls/calls.ts";
import { mount, mountSetattr, moveMount, openTree } from "../../proxy/calls/mount-calls.ts";
import type { Operation } from "../../proxy/calls/operation.ts";
import type { Executor, RootContext } from "../place/context.ts";
import type { Opening } from "../place/open.ts";
import { type AttributeChange, flagsOfStatfs, keepLocked, statfsFlags } from "../plan/attributes.ts";

export interface Attributes {
  readonly change?: AttributeChange | undefined;
  readonly recursive?: { readonly set: number; readonly clear: number } | undefined;
  /**
   * MS_PRIVATE and the like. AS RUNC: set when the mount is in place, since a shared parent makes it shared.
   */
  readonly propagation: readonly number[];
  readonly attempt: string;
  /**
   * The attributes are set when the mount is in place: if its parent is shared, the copies of it that appear
   * elsewhere do not have them.
   */
  readonly late?: boolean | undefined;
}

/** The operations that attach; `flagging` is the one that fails if flags are locked. */
export interface Attaching {
  readonly operations: Operation[];
  readonly flagging: Operation | undefined;
}

/**
 * Attaches a detached mount to `target`. Its attributes are set first, if possible: nobody can see it without
 * them.
 */
export function attach(
  context: RootContext,
  { tree, target }: { readonly tree: Fd; readonly target: Fd },
  attributes: Attributes,
  operations: Operation[] = [],
): Attaching {
  const move = moveMount(tree, target, attributes.attempt);
  const early = context.features.mountSetattr && attributes.late !== true;
  if (!early) operations.push(move);
  const flagging = addAttributes(context, tree, attributes, operations);
  if (early) operations.push(move);
  addPropagation(context, tree, attributes, operations);
  return { operations, flagging };
}

/** Returns the operation that changes the mount's own flags. */
function addAttributes(
  context: RootContext,
  tree: Fd,
  { change, recursive, attempt }: Attributes,
  operations: Operation[],
): Operation | undefined {
  const changes = change === undefined ? undefined : changeMount(context, tree, change, attempt);
  if (changes !== undefined)
    for (let index = 0; index < changes.length; index++) operations.push(changes[index] as Operation);
  // Without this call, recursive.ts changes the mounts below one by one, later.
  if (recursive !== undefined && context.features.mountSetattr) {
    operations.push(mountSetattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, recursive, attempt));
  }
  return changes === undefined ? undefined : mountCall(changes);
}

function addPropagation(
  context: RootContext,
  tree: Fd,
  { propagation, attempt }: Attributes,
  operations: Operation[],
): void {
  if (propagation.length === 0) return;
  for (const flags of propagation) operations.push(...propagate(context, tree, { flags, attempt }));
}

function propagate(
  context: RootContext,
  tree: Fd,
  { flags, attempt }: { flags: number; attempt: string },
): Operation[] {
  if (!context.features.mountSetattr) return onScratch(context, tree, { flags }, attempt);
  const how = (flags & MS_REC) === 0 ? AT_EMPTY_PATH : AT_EMPTY_PATH | AT_RECURSIVE;
  return [mountSetattr(tree, "", how, { propagation: flags & ~MS_REC }, attempt)];
}

/**
 * What a mount in place gets besides its own flags: attributes for all mounts below it, and its propagation.
 */
export function addFurther(
  context: RootContext,
  tree: Fd,
  { recursive, propagation, attempt }: Omit<Attributes, "change">,
): Operation[] {
  const operations: Operation[] = [];
  addAttributes(context, tree, { recursive, propagation, attempt }, operations);
  addPropagation(context, tree, { recursive, propagation, attempt }, operations);
  return operations;
}

/** Changes the attributes of a mount that is in place already. */
export function changeMount(
  context: RootContext,
  of: Fd,
  change: AttributeChange,
  attempt: string,
): Operation[] {
  if (context.features.mountSetattr) return [mountSetattr(of, "", AT_EMPTY_PATH, change, attempt)];
  return onScratch(context, of, { flags: MS_REMOUNT | MS_BIND | change.flags }, attempt);
}

export interface Refusal {
  /** The operation that was to change the flags. */
  readonly failed: Operation;
  readonly tree: number;
  readonly asked: { readonly setFlags: number; readonly clearFlags: number };
  readonly change: AttributeChange;
  readonly attempt: string;
}

/**
 * A smaller change, for when the kernel has refused one: without flags that are locked on the source
 * (mount_namespaces(7)), or without `nosymfollow`, which kernels before 5.14 do not know. They look for that
 * first, so a change may be refused twice. `undefined` if there is none other than the one that was refused.
 */
export function relaxChange(
  proxy: Executor,
  { failed, tree, asked, change, attempt }: Refusal,
): AttributeChange | undefined {
  if (failed.result === -EINVAL && (change.clear & MOUNT_ATTR_NOSYMFOLLOW) !== 0) {
    return { ...change, clear: change.clear & ~MOUNT_ATTR_NOSYMFOLLOW };
  }
  if (failed.result !== -EPERM) return undefined;
  const status = fstatfs(tree, attempt);
  proxy.attempt([status]);
  if (status.result !== 0) return undefined;
  const kept = keepLocked({ ...asked, current: flagsOfStatfs(statfsFlags(status.out.bytes)) });
  if (kept === undefined) return undefined;
  // What the kernel does not know stays out.
  const clear = kept.clear & (change.clear | ~MOUNT_ATTR_NOSYMFOLLOW);
  return kept.set === change.set && clear === change.clear ? undefined : { ...kept, clear };
}

export interface Binding extends Attributes {
  /** A path of the host, or an open file. */
  readonly from: string | Fd;
  readonly withSubmounts: boolean;
  /** Bind a symbolic link itself. */
  readonly nofollow?: boolean;
  readonly target: Fd;
  /** Opens the mount point again, to reach what has been mounted there. */
  readonly again: (() => Opening) | undefined;
  /** Operations on the copy before it is attached. */
  readonly prepare?: ((tree: Operation) => Operation[]) | undefined;
}

export interface Bound extends Attaching {
  /** Opens the source. */
  readonly source: Operation;
  /** The new mount; its descriptor is the caller's to close. */
  readonly mounted: Operation;
}

/** Binds a file or directory over another. */
export function bind(context: RootContext, binding: Binding, operations: Operation[] = []): Bound {
  if (!context.features.mountApi) return bindByCall(context, binding, operations);
  const { from, withSubmounts, target, prepare, attempt } = binding;
  let how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (withSubmounts) how |= AT_RECURSIVE;
  if (binding.nofollow === true) how |= AT_SYMLINK_NOFOLLOW;
  const tree =
    typeof from === "string"
      ? openTree(AT_FDCWD, from, how, attempt)
      : openTree(from, "", how | AT_EMPTY_PATH, attempt);
  operations.push(tree);
  if (prepare !== undefined) operations.push(...prepare(tree));
  const { flagging } = attach(context, { tree, target }, binding, operations);
  return { operations, flagging, source: tree, mounted: tree };
}

function bindByCall(context: RootContext, binding: Binding, operations: Operation[]): Bound {
  const { from, withSubmounts, target, again, prepare, attempt } = binding;
  // mount(2) always follows a link at the end of a path, but never one that a descriptor leads to.
  const link =
    typeof from === "string" && binding.nofollow === true
      ? openat(AT_FDCWD, from, O_PATH | O_NOFOLLOW, attempt)
      : undefined;
  const file = link ?? from;
  const byPath = typeof file === "string";
  const copy = context.scratch + 1;
  const call = {
    source: byPath ? file : context.scratchPath(copy),
    flags: withSubmounts ? MS_BIND | MS_REC : MS_BIND,
  };
  const mounting = onScratch(context, target, call, attempt);
  const source = mountCall(mounting);
  if (source === undefined) throw new Error("nothing to mount");
  if (link !== undefined) operations.push(link);
  if (!byPath) operations.push(dup3(file, copy, O_CLOEXEC, attempt));
  if (link !== undefined) operations.push(close(link));
  operations.push(...mounting);
  if (!byPath) operations.push(close(copy));
  if (again === undefined) return { operations, flagging: undefined, source, mounted: source };
  const reached = again();
  const tree = reached.descriptor;
  operations.push(...reached.operations, ...(prepare?.(tree) ?? []));
  const flagging = addAttributes(context, tree, binding, operations);
  addPropagation(context, tree, binding, operations);
  return { operations, flagging, source, mounted: tree };
}

/** The call that mounts or changes, among those that only reach its path. */
function mountCall(operations: readonly Operation[]): Operation | undefined {
  for (const one of operations) if (one.call === "mount_setattr" || one.call === "mount") return one;
  return undefined;
}

export interface MountOn extends Omit<Attributes, "change"> {
  readonly call: {
    readonly source: string;
    readonly type: string;
    readonly flags: number;
    readonly data: string;
  };
  readonly again: () => Opening;
}

/** Mounts a file system with mount(2), which also takes options that fsconfig(2) does not. */
export function mountOn(
  context: RootContext,
  target: Fd,
  options: MountOn,
): { operations: Operation[]; mounted: Operation } {
  const reached = options.again();
  const mounted = reached.descriptor;
  const operations = onScratch(context, target, options.call, options.attempt);
  operations.push(...reached.operations);
  addAttributes(context, mounted, options, operations);
  addPropagation(context, mounted, options, operations);
  return { operations, mounted };
}

/** mount(2) on an open file. */
export function onScratch(
  context: RootContext,
  target: Fd,
  call: { readonly source?: string; readonly type?: string; readonly flags: number; readonly data?: string },
  attempt: string,
): Operation[] {
  return byScratch(context, target, (path) => mount({ ...call, target: path }, attempt), attempt);
}

/** A call that takes a path, on an open file, reached through a descriptor of a fixed number. */
export function byScratch(
  context: RootContext,
  target: Fd,
  call: (path: string) => Operation,
  attempt: string,
): Operation[] {
  const { scratch } = context;
  return [
    ...(context.procDirectory === undefined ? [] : [fchdir(context.procDirectory, attempt)]),
    dup3(target, scratch, O_CLOEXEC, attempt),
    call(context.scratchPath(scratch)),
    close(scratch),
  ];
}
