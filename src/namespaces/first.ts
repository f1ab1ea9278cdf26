// Starts a container's first process. Where tsrun itself can clone it into its cgroup and all of its
// namespaces, no other process is needed; everywhere else enter.ts does it. Called by create and its
// rehearsal.

import { CLONE_INTO_CGROUP, CLONE_NEWCGROUP } from "../linux/numbers/sched.ts";
import { dieWithTsrun } from "../process/session.ts";
import { clone3, unshare } from "../proxy/calls/calls.ts";
import { type Entered, type EnterOptions, enterNamespaces, HOST, hide, joinCgroup, name } from "./enter.ts";
import { NAMESPACES } from "./plan.ts";

/** Starts the first process in its cgroup and namespaces. It is a child of tsrun, and waits for orders. */
export function startFirstProcess(options: EnterOptions): Entered {
  return (isOneStep(options) ? bear(options) : undefined) ?? enterNamespaces(options);
}

/**
 * Whether one clone makes all of it. Who makes a user or a time namespace, or joins namespaces, has to be
 * another process than tsrun; and systemd moves a process before it has namespaces.
 */
function isOneStep({ plan: { created, joins }, joinsBelow, cgroup }: EnterOptions): boolean {
  if (created.has("user") || created.has("time") || joins.length > 0) return false;
  return joinsBelow === undefined && cgroup.admit === undefined;
}

/**
 * The process executes the interpreter at once, so nothing of tsrun's stays open in it. Nobody sees it
 * before: its pid namespace is new, or the host's.
 */
function bear({
  plan,
  cgroup,
  extra,
  inherited,
  trace,
  hostCalls = HOST,
}: EnterOptions): Entered | undefined {
  const control = 3 + inherited;
  const ours = control + 1;
  const directory = cgroup.directory?.number;
  let kinds = directory === undefined ? 0 : CLONE_INTO_CGROUP;
  for (const kind of plan.created) if (kind !== "cgroup") kinds += NAMESPACES[kind].flag;
  const kept = Array.from({ length: inherited }, (_, index) => ({ from: 3 + index, to: 3 + index }));
  const given = extra.flatMap((one, index) =>
    one === undefined ? [] : [{ from: one.number, to: ours + index }],
  );
  const clone = clone3(kinds, "clone the container's first process", directory);
  const options = { control, descriptors: [...kept, ...given], trace };
  const init = hostCalls.bear(options, { kinds, cgroup: directory, clone });
  if (init === undefined) return undefined;
  init.say([hide(), name(), dieWithTsrun()]);
  for (const tasks of cgroup.tasks) init.say(joinCgroup(tasks));
  // Only now: the root of a cgroup namespace is the cgroup in which its maker is.
  if (plan.created.has("cgroup")) init.say(unshare(CLONE_NEWCGROUP, "create a cgroup namespace"));
  return {
    init,
    extra: extra.map((one, index) => one && ours + index),
    closeOthers: () => {},
    reapOthers: () => {},
    end: () => init.end(),
  };
}
