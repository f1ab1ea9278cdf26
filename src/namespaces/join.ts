// The steps by which a process joins existing namespaces. Called by enter.ts, for create, and stand.ts, for
// exec.

import type { Descriptor } from "../linux/files/files.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY } from "../linux/numbers/fcntl.ts";
import type { Fd } from "../proxy/calls/arguments.ts";
import { chroot, close, fchdir, openat, setns } from "../proxy/calls/calls.ts";
import { type Operation, operation, orGoOn, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { NAMESPACES, type NamespacePlan } from "./plan.ts";

export interface Joining {
  readonly first: Conversation;
  readonly plan: NamespacePlan;
  /** The directory in /proc of a process whose namespaces are joined; without it, paths are tsrun's. */
  readonly joinsBelow?: Descriptor | undefined;
  /** The number that this directory has in the process. */
  readonly slots: { readonly joins: number };
}

/**
 * Joins existing namespaces. All paths are opened before the first setns(2), since a joined mount namespace
 * changes what they mean. If a user namespace is joined too, namespaces of the host can be joined only before
 * it, and namespaces that it owns only after it. So each is tried before, and if that fails again after.
 */
export function joinAll({ first, plan, joinsBelow, slots }: Joining): void {
  const from = joinsBelow === undefined ? AT_FDCWD : slots.joins;
  const opened = plan.joins.map((join) => ({
    ...join,
    file: openat(from, join.path, O_RDONLY, `open the ${join.kind} namespace "${join.path}"`),
  }));
  const enter = ({ kind, path, file }: (typeof opened)[number], namespace: Fd = file): Operation =>
    setns(namespace, NAMESPACES[kind].flag, `join the ${kind} namespace "${path}"`);
  const user = opened.find(({ kind }) => kind === "user");
  const others = opened.filter((one) => one !== user);
  const namespaces = opened.map(({ file }) => file);
  // setns(2) leads to the root of the mount namespace, where the host is if the container's root was entered
  // by chroot(2) only.
  const root = plan.entersRoot === true ? openat(from, "root", O_PATH | O_DIRECTORY, ENTER_ROOT) : undefined;
  const files = [...namespaces];
  if (root !== undefined) files.push(root);
  // A directory of procfs, which nobody in the joined pid namespace may find here (CVE-2016-9962).
  if (joinsBelow !== undefined) files.push(close(slots.joins));
  first.say(files);
  if (user === undefined) {
    first.say([...others.map((one) => enter(one)), ...namespaces.map(close), ...enterRoot(root)]);
    return;
  }
  const tries = others.map((one) => orGoOn(enter(one)));
  first.say(tries);
  first.settle();
  const failed = others.filter((_, index) => (tries[index]?.result ?? -1) < 0);
  first.say([
    enter(user, resultOf(user.file)),
    ...becomeRoot(plan),
    ...failed.map((one) => enter(one, resultOf(one.file))),
    ...namespaces.map((file) => close(resultOf(file))),
    ...enterRoot(root && resultOf(root)),
  ]);
}

const ENTER_ROOT = "enter the container's root";

function enterRoot(root: Fd | undefined): Operation[] {
  if (root === undefined) return [];
  return [fchdir(root, ENTER_ROOT), chroot(".", ENTER_ROOT), close(root)];
}

/**
 * Makes a process root of its user namespace: otherwise nothing that it makes would belong to the container.
 */
export function becomeRoot({ keepsGroups }: { readonly keepsGroups?: boolean } = {}): Operation[] {
  const attempt = "become root of the user namespace";
  return [
    // Fails where setgroups(2) is denied; the process then keeps the caller's groups.
    ...(keepsGroups ? [] : [orGoOn(operation("setgroups", [0, 0], attempt))]),
    operation("setresgid", [0, 0, 0], attempt),
    operation("setresuid", [0, 0, 0], attempt),
  ];
}
