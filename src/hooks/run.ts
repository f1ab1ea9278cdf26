// Runs hooks in the runtime's namespaces, as children of tsrun. Called by the create, start and delete
// stories; inside.ts runs those in the container.

import { TsrunError, wrapError } from "../errors.ts";
import { type PollEntry, poll } from "../linux/files/poll.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { waitFor } from "../linux/process/process.ts";
import { openChild, type ProcessHandle } from "../linux/process/process-handle.ts";
import { spawn } from "../linux/process/spawn.ts";
import { withoutDuplicates } from "../process/environment.ts";
import { begin, end } from "../spans.ts";
import type { Hook, Hooks } from "../spec/types.ts";
import { Capture } from "./capture.ts";
import type { HookOutput } from "./output.ts";
import {
  argumentsOf,
  type HookKind,
  type HookState,
  hookError,
  hookTimeout,
  stateText,
  timeoutMs,
} from "./plan.ts";

export interface HookPlace {
  /**
   * AS RUNC: while the container is created, hooks run in the bundle; later commands run them in the caller's
   * directory.
   */
  readonly inBundle?: boolean;
  /** Files for the hooks' output, if there are any. */
  readonly output?: HookOutput | undefined;
  /** What is to be attended to while a hook runs. */
  readonly beside?: Beside | undefined;
}

/** Something that happens meanwhile: a descriptor for poll(2), and what to do when it is ready. */
export interface Beside {
  wanted(): PollEntry;
  attend(events: number): void;
}

/** Runs the hooks of one kind on the host, one after the other; the first failure stops them. */
export function runHooks(
  hooks: Hooks | undefined,
  kind: HookKind,
  state: HookState,
  place: HookPlace = {},
): void {
  const list = hooks?.[kind] ?? [];
  list.forEach((hook, index) => {
    runHook({ kind, hook, index, state, ...place });
  });
}

interface HostHook extends HookPlace {
  readonly kind: HookKind;
  readonly hook: Hook;
  readonly index: number;
  readonly state: HookState;
}

function runHook(hook: HostHook): void {
  const since = begin();
  try {
    execute(hook);
  } finally {
    if (since > 0) end(since, "hook", `${hook.kind} hook #${hook.index}`, hook.hook.path);
  }
}

function execute({ kind, hook, index, state, inBundle = true, output, beside }: HostHook): void {
  using capture = new Capture(stateText(state), output);
  const begun = performance.now();
  let pid: number;
  try {
    pid = spawn({
      path: hook.path,
      args: argumentsOf(hook),
      // AS RUNC: a hook without an environment of its own gets the runtime's.
      environment:
        hook.env === undefined
          ? Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`)
          : withoutDuplicates(hook.env),
      descriptors: capture.descriptors,
      ...(inBundle ? { directory: state.bundle } : {}),
    });
  } catch (error) {
    // A TypeError is no failure of the hook: see spec/saved.ts.
    if (!(error instanceof TsrunError)) throw error;
    const subject = { kind: "hook", path: hook.path, pointer: `/hooks/${kind}/${index}` } as const;
    throw new TsrunError("E_EXEC", wrapError(`error running ${kind} hook #${index}`, error).message, {
      cause: error,
      subject,
    });
  }
  using child = openChild(pid);
  const ended = waitForEnd(child, timeoutMs(hook), { capture, beside });
  if (!ended) child.signal(SIGKILL);
  const { word } = waitFor(pid);
  if (ended && word === 0) return;
  const ms = performance.now() - begun;
  const end = { word, ms, stdout: capture.text("stdout"), stderr: capture.text("stderr") };
  throw ended ? hookError(kind, index, hook, end) : hookTimeout(kind, index, hook, end);
}

/**
 * How often to look for what it has printed, and for the end of a hook without a pidfd, in milliseconds: a
 * program prints a megabyte in one or two.
 */
const LOOK_AGAIN_MS = 20;

interface Meanwhile {
  readonly capture: Capture;
  readonly beside: Beside | undefined;
}

/** Waits for the end of a hook. False if the time limit passes first. */
function waitForEnd(
  child: ProcessHandle,
  limitMs: number | undefined,
  { capture, beside }: Meanwhile,
): boolean {
  // If it has printed that much, there is more to come.
  const forget = (): number => (capture.forget() ? 0 : LOOK_AGAIN_MS);
  if (beside === undefined) return child.waitForEnd(limitMs, { everyMs: LOOK_AGAIN_MS, attend: forget });
  const end = limitMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + limitMs;
  for (let pause = LOOK_AGAIN_MS; !child.waitForEnd(0); pause = forget()) {
    const left = end - performance.now();
    if (left <= 0) return false;
    const [said = 0] = poll([beside.wanted(), child.wanted()], Math.min(left, pause));
    if (said !== 0) beside.attend(said);
  }
  return true;
}
