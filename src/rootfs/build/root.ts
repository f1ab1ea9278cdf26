// The step that makes the container's root a mount of its own, and the change to that root. Called by
// rootfs.ts.

import { TsrunError } from "../../errors.ts";
import { EACCES, EINVAL, ELOOP, ENOENT, ENOTDIR } from "../../linux/numbers/errno.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../linux/numbers/fcntl.ts";
import {
  MNT_DETACH,
  MS_MOVE,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "../../linux/numbers/mount.ts";
import { octal } from "../../proxy/calls/arguments.ts";
import { chdir, chroot, close, fchdir, openat, pivotRoot } from "../../proxy/calls/calls.ts";
import { mount, umount2 } from "../../proxy/calls/mount-calls.ts";
import { type Operation, operation, operationError } from "../../proxy/calls/operation.ts";
import type { Conversation } from "../../proxy/conversation.ts";
import { inWords, type Step } from "../../proxy/step.ts";
import { adapt } from "../place/adapt.ts";
import type { RootContext } from "../place/context.ts";
import { parentOf } from "../plan/paths.ts";
import type { RootfsPlan } from "../plan/plan.ts";
import { bind } from "./attach.ts";
import { leaveHost } from "./leave-host.ts";

/**
 * Makes the mounts of the new namespace a tree of its own, and the root a private mount in it: pivot_root(2)
 * wants a mount, and neither it nor its parent shared (runc: prepareRoot).
 * @param above the mount point that the root lies below, where tsrun knows it
 */
export function rootStep(context: RootContext, plan: RootfsPlan, above: string | undefined): Step {
  const attempt = `bind the root file system "${plan.rootfs}" to itself`;
  let opening: Operation | undefined;
  return {
    operations: () => {
      const open = () => openat(AT_FDCWD, plan.rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW, attempt);
      const target = open();
      opening = target;
      const bound = bind(context, {
        from: target,
        withSubmounts: true,
        target,
        again: () => {
          const descriptor = open();
          return { operations: [descriptor], descriptor };
        },
        propagation: rootPropagations(plan),
        attempt,
      });
      context.root = bound.mounted;
      return [
        // Files are made with exact modes; the process's own umask is set later.
        operation("umask", [octal(0)], "set the file mode creation mask"),
        ...(parentComesBefore(plan, above) ? [] : treeOperations(plan, above)),
        target,
        ...bound.operations,
        close(target),
      ];
    },
    recover: (failed) => {
      if (adapt(context, failed)) return;
      if (failed === opening) throw rootError(plan.rootfs, failed);
      throw treeError(failed);
    },
  };
}

const TREE_ATTEMPT = "change the propagation of all mounts";

/**
 * AS RUNC: the mount that holds the root becomes private, and with it the copies of it that are bound into
 * the container: what the host mounts there later is not seen inside. If the root is to be a slave, this
 * mount becomes a slave too: a private mount stays private when it is made a slave (mount_namespaces(7)).
 * runc: rootfsParentMountPropagationFlags, from 1.5.2 on; before that it was always private.
 */
function parentPropagation({ rootPropagation = MS_PRIVATE }: RootfsPlan): number {
  return (rootPropagation & MS_SLAVE) === 0 ? MS_PRIVATE : MS_SLAVE;
}

/**
 * What the copy of the root gets. If the tree's mounts stay shared, so do the copies of those that are in
 * the root, and what is mounted on them would appear on the host: they become slaves, as in crun.
 */
function rootPropagations(plan: RootfsPlan): number[] {
  const { treePropagation: tree } = plan;
  if (tree === undefined) return [];
  const isApart = (tree & MS_REC) !== 0 && (tree & (MS_PRIVATE | MS_SLAVE)) !== 0;
  return [...(isApart ? [] : [MS_SLAVE | MS_REC]), parentPropagation(plan)];
}

/** Whether changing the whole tree gives the mount that holds the root the right propagation, too. */
function parentIsInTree(plan: RootfsPlan, treePropagation: number): boolean {
  if ((treePropagation & MS_PRIVATE) !== 0) return true;
  return parentPropagation(plan) === MS_SLAVE && (treePropagation & MS_REC) !== 0;
}

function treeOperations(plan: RootfsPlan, above?: string): Operation[] {
  const { treePropagation } = plan;
  if (treePropagation === undefined) return [];
  const tree = mount({ target: "/", flags: treePropagation }, TREE_ATTEMPT);
  if (above === undefined || parentIsInTree(plan, treePropagation)) return [tree];
  return [tree, parentOperation(plan, above)];
}

function parentOperation(plan: RootfsPlan, target: string): Operation {
  const flags = parentPropagation(plan);
  const becomes = flags === MS_SLAVE ? "a slave" : "private";
  return mount({ target, flags }, `make the mount of "${plan.rootfs}" ${becomes}`);
}

/** EINVAL means that / is no mount point, which is how a chroot looks from inside (mount(2)). */
function treeError(failed: Operation): TsrunError {
  const isChroot = failed.attempt === TREE_ATTEMPT && failed.result === -EINVAL;
  const hint = isChroot
    ? "/ is not a mount point, as in a chroot: bind-mount its directory on itself first, or use pivot_root"
    : undefined;
  return operationError(failed, { hint });
}

function rootError(rootfs: string, failed: Operation): TsrunError {
  if (failed.result === -ENOENT) {
    return new TsrunError("E_BUNDLE", `cannot use the root file system "${rootfs}": it does not exist`, {
      hint: "root.path in config.json names a directory, relative to the bundle or absolute",
    });
  }
  if (failed.result === -ENOTDIR || failed.result === -ELOOP) {
    return new TsrunError(
      "E_BUNDLE",
      `cannot use the root file system "${rootfs}": not an absolute path, or a symlink, or no directory`,
    );
  }
  const isBarred = failed.result === -EACCES;
  const hint = "the container's root user must be able to enter every directory above it: chmod a+x";
  return operationError(failed, isBarred ? { hint } : {});
}

/**
 * Whether the mount that holds the root has to be changed before the root step: if mounts stay shared, a
 * mount in it would appear on the host as well; if they become unbindable, the root could not be bound; and
 * if it is not known which mount it is, it has to be found.
 */
function parentComesBefore(plan: RootfsPlan, above: string | undefined): boolean {
  const { treePropagation = MS_PRIVATE | MS_REC } = plan;
  if ((treePropagation & (MS_SHARED | MS_UNBINDABLE)) !== 0 || (treePropagation & MS_REC) === 0) return true;
  return above === undefined && !parentIsInTree(plan, treePropagation);
}

/** Changes it before the root step, if that has to be; otherwise the root step does it. */
export function separateParent(proxy: Conversation, plan: RootfsPlan, above: string | undefined): void {
  if (!parentComesBefore(plan, above)) return;
  proxy.say(inWords(treeOperations(plan), treeError));
  proxy.say(() => changeParent(proxy, plan));
}

/** Finds the mount that holds the root, and changes it. */
function changeParent(proxy: Conversation, plan: RootfsPlan): void {
  for (let path = plan.rootfs; ; path = parentOf(path)) {
    const change = parentOperation(plan, path);
    const failed = proxy.attempt([change]);
    if (failed === undefined) return;
    // EINVAL: no mount point, so the mount is further up.
    if (failed.result !== -EINVAL || path === "/") throw rootError(plan.rootfs, failed);
  }
}

/** The operations after which `/` is the container's root, and no path leads to the host's. */
export function changeRoot(context: RootContext, plan: RootfsPlan): Operation[] {
  switch (plan.change) {
    case "pivot_root":
      return pivot(context, plan);
    case "move":
      return [
        ...leaveHost(context.proxy, plan.rootfs),
        fchdir(context.root, enters(plan)),
        mount({ source: ".", target: "/", flags: MS_MOVE }, `move "${plan.rootfs}" to "/"`),
        ...jail(plan),
      ];
    case "chroot":
      return [fchdir(context.root, enters(plan)), ...jail(plan)];
  }
}

const enters = ({ rootfs }: RootfsPlan): string => `enter the root file system "${rootfs}"`;

function jail(plan: RootfsPlan): Operation[] {
  return [chroot(".", enters(plan)), chdir("/", enters(plan))];
}

/** pivot_root(2) with "." for both: no directory has to be made in the root for the old one. */
function pivot(context: RootContext, plan: RootfsPlan): Operation[] {
  const attempt = `pivot to the root file system "${plan.rootfs}"`;
  const old = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, attempt);
  return [
    old,
    fchdir(context.root, attempt),
    pivotRoot(".", ".", attempt),
    // The old root now lies on top of the new one; enter it, to detach it.
    fchdir(old, attempt),
    // No unmount may propagate to the host. Slave rather than private, so that unmounts of the host still
    // take effect here and do not fail as busy (runc: pivotRoot).
    mount({ target: ".", flags: MS_SLAVE | MS_REC }, "separate the host's mounts"),
    umount2(".", MNT_DETACH, "detach the host's mounts"),
    chdir("/", attempt),
    close(old),
  ];
}
