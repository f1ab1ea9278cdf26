// What happens inside a container that is being made, from an empty process in its namespaces to one that
// waits for `start`. Called by create, and by the rehearsal of `explain`, which carries nothing out.
//
// What is said to the process is carried out in the order of the text; nothing has happened before something
// is asked, or `settle` is called.

import type { InsideOutput } from "../hooks/inside.ts";
import type { Entered, GoingInside } from "../namespaces/enter.ts";
import {
  becomeUser,
  enterInChild,
  lookAround,
  prepareUser,
  type Surroundings,
  searchProgram,
} from "../process/become-user.ts";
import { openLabelFiles } from "../process/label-files.ts";
import { hasLabels } from "../process/labels.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { type Builders, buildRootfs, enterRootfs, sealRootfs } from "../rootfs/rootfs.ts";
import { phase } from "../spans.ts";
import type { HookFiles } from "../spec/annotations.ts";
import { giveTerminal } from "./console.ts";
import { type LastFilter, profileOf, type Recipient } from "./filter.ts";
import { inheritedFds } from "./handed-down.ts";
import { leaveListening } from "./hooks-inside.ts";
import { furnish, leaveWaiting, letGoOfHost, setApart } from "./init.ts";
import { type Inside, isLate, planInside } from "./inside.ts";
import type { ContainerPlan } from "./plan.ts";
import type { StartInside } from "./record.ts";

/** What tsrun itself does about the first process meanwhile, as a process of the host. */
export interface Outside extends Builders {
  /** Where hooks print to, if not to tsrun. */
  readonly hookFiles: HookFiles | undefined;
  /** The process exists: puts it on record, and does from outside what must come before anything inside. */
  welcome(init: Conversation): void;
  /** Its mounts are made, so the helper is no longer needed. */
  letGoOfHelper(): void;
  /** Prepares the part of the limits that takes time; changes nothing yet. */
  prepareLimits(): void;
  limit(): void;
  /** The hooks that come before its root is entered. */
  runHooks(init: Conversation, output: InsideOutput | undefined): void;
  /** The resource limits of the program. */
  limitProgram(init: Conversation): void;
  /** Another process has taken its place: puts that one on record. */
  follow(init: Conversation): void;
  /** Who gets the notifications of its seccomp filter. */
  recipient(init: Conversation): Recipient | undefined;
}

/** Returns what `start` has to know if it has more to do than to release the process. */
export function setUp(plan: ContainerPlan, entered: Entered, outside: Outside): StartInside | undefined {
  const { init, extra, goingInside } = entered;
  const [fifo = -1, socket, listener, stdout, stderr] = extra;
  const output = outside.hookFiles && { stdout, stderr, paths: outside.hookFiles };

  // In the container's namespaces, but still in the host's tree of mounts.
  phase("prepare the mounts");
  init.enter("apart");
  const labels = hasLabels(plan.process) ? openLabelFiles(init, plan.process) : undefined;
  setApart(init, plan, labels);

  // The container's tree of mounts is built beside the host's. That is said while the kernel still makes the
  // process, and done once the process is on record.
  init.enter("mounts");
  const { helper, host } = outside;
  const root = buildRootfs(init, plan.rootfs, { helper, host, inherited: inheritedFds(plan.options) });
  outside.welcome(init);
  phase("make the mounts");
  init.go();
  // While it mounts.
  entered.closeOthers();
  outside.prepareLimits();
  init.settle();
  outside.letGoOfHelper();

  phase("set the limits");
  // AS RUNC: limits come when the mounts are made, which then do not count against a tight memory limit.
  outside.limit();

  phase("run the hooks");
  // Hooks of the host see the container's namespaces and mounts by its pid; createContainer runs in them,
  // while the host's paths still lead somewhere.
  outside.runHooks(init, output);

  // From here on no path of the host can be reached.
  phase("change the root");
  init.enter("root");
  enterRootfs(init, root);
  init.go();
  // While the root is changed.
  const follower = goingInside && planFollower(plan, goingInside, { socket, listener });
  const becoming = { plan: plan.process, filter: plan.seccomp !== undefined, labels, ...follower?.becoming };
  const prepared = prepareUser(becoming);
  init.settle();
  const size = plan.bundle.spec.process?.consoleSize;
  if (socket !== undefined) giveTerminal(init, { size, socket, rootfs: root, withoutSession: !!follower });
  furnish(init, plan, root);
  sealRootfs(init, root, plan.process.cwd);

  // Privileges are given up, and nothing can be undone any more; what remains is to wait, and to execute.
  phase("become the user");
  init.enter("identity");
  const seen = lookAround(init, becoming)();
  // AS RUNC: no hook of a creation has the limits of the program. They come before the user, since the kernel
  // compares RLIMIT_NPROC when that changes, but after everything that opens files: RLIMIT_NOFILE may be low,
  // and mount(2) on old kernels needs a high number (`scratch` in rootfs/place/context.ts).
  outside.limitProgram(init);
  becomeUser(init, becoming, { prepared, seen });
  const program = searchProgram(init, becoming, prepared, seen);
  phase("prepare the wait for start");
  init.enter("command");
  const last = letGoOfHost(init, plan, { fifo, listener, output, follower });
  init.settle();
  const executable = program();
  const waiting = follower === undefined ? init : follow({ ...follower, ...seen }, last, { outside, plan });
  const wait = { executable, fifo, filter: last, recipient: outside.recipient(waiting) };
  if (listener !== undefined) return leaveListening(waiting, { ...wait, listener, output });
  leaveWaiting(waiting, plan, wait);
  return undefined;
}

interface Follower extends GoingInside, Inside {
  readonly filterLater: boolean;
}

/** What the process that prepares leaves to the one that takes its place; the same as in `exec`. */
function planFollower(
  { process, seccomp, bundle }: ContainerPlan,
  goingInside: GoingInside,
  { socket, listener }: { readonly socket: number | undefined; readonly listener: number | undefined },
): Follower {
  const isLast = process.noNewPrivileges || listener !== undefined;
  const filterLater =
    seccomp !== undefined && (isLast || isLate({ seccomp, profile: profileOf(bundle.spec) }));
  const inside = planInside(process, { hidden: true, hasTerminal: socket !== undefined, filterLater });
  return { ...goingInside, ...inside, filterLater };
}

/** World: the user's credentials, and from here on the processes of the joined pid namespace see it. */
function follow(
  follower: Follower & Pick<Surroundings, "entersInChild">,
  { beforeWaiting }: LastFilter,
  { outside, plan }: { readonly outside: Outside; readonly plan: ContainerPlan },
): Conversation {
  const waiting = follower.goInside(follower.operations);
  if (follower.entersInChild) enterInChild(waiting, plan.process);
  outside.follow(waiting);
  if (follower.filterLater) waiting.ask(beforeWaiting);
  return waiting;
}
