// Stays with a process: a foreground `run` or `exec` forwards signals and terminal, reaps, and returns the
// status.

import { mustCall, syscallError } from "../linux/call/call.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { type PollEntry, poll } from "../linux/files/poll.ts";
import {
  POLLIN,
  PR_SET_CHILD_SUBREAPER,
  SIGCHLD,
  SIGURG,
  SIGWINCH,
  WNOHANG,
} from "../linux/numbers/sched.ts";
import { endOfZombie, tryWaitFor, type WaitResult } from "../linux/process/process.ts";
import { openChild, signalChild } from "../linux/process/process-handle.ts";
import { nextSignal, receiveSignals } from "../linux/process/signals.ts";
import { begin, end } from "../spans.ts";
import type { TerminalRelay } from "../terminal/relay.ts";
import type { NotifyProxy } from "./notify-socket.ts";

/** More than a socket holds by default (net.unix.max_dgram_qlen). */
const MOST_MESSAGES = 1000;

/** Things that must exist before the process does. */
export interface Foreground {
  readonly signals: Descriptor;
}

/**
 * Called before anything is started: a signal that arrives meanwhile is kept, and forwarded as soon as the
 * process exists.
 * @param reaper whether the process's orphans become our children, not our caller's
 */
export function prepareForeground({ reaper }: { readonly reaper: boolean }): Foreground {
  const signals = receiveSignals();
  if (reaper) mustCall("become a subreaper", "prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  return { signals };
}

/** What is forwarded besides signals. */
export interface Connections {
  readonly relay?: TerminalRelay | undefined;
  readonly notify?: NotifyProxy | undefined;
  readonly attendant?: Attendant | undefined;
}

/** What else is attended to while the process runs. */
export interface Attendant {
  wanted(): readonly PollEntry[];
  attend(events: readonly number[]): void;
  /** How long to wait at most until `attend` is called again, in milliseconds. */
  readonly patienceMs: number;
}

/** An entry without a descriptor, which ppoll(2) ignores. */
const NOTHING: PollEntry = { fd: -1, events: 0 };

/** How a process that was supervised has ended. */
export type SupervisedEnd = Pick<WaitResult, "status"> & {
  /** The signal that ended it, 0 if it exited; `undefined` if that could not be found out. */
  readonly signal: number | undefined;
};

/** The exit status if the process's real one cannot be found out. */
const UNKNOWN: SupervisedEnd = { status: 255, signal: undefined };

/** Forwards until the process has ended. */
export function supervise(
  pid: number,
  { signals }: Foreground,
  { relay, notify, attendant }: Connections,
): SupervisedEnd {
  const own: PollEntry = { fd: signals.number, events: POLLIN };
  using child = openChild(pid);
  const since = begin();
  let hasEnded = false;
  for (;;) {
    // A process of the container that traces it may hide it from us for ever: then we know only that it has
    // ended.
    const ending = reapUntil(pid) ?? (hasEnded ? (endOfZombie(pid) ?? UNKNOWN) : undefined);
    if (ending !== undefined) {
      end(since, "wait", "wait for the container's program");
      finish({ relay, notify });
      return ending;
    }
    const attended = attendant?.wanted() ?? [];
    const [signalled = 0, ended = 0, said = 0, ...further] = poll(
      [own, child.wanted(), notify?.wanted() ?? NOTHING, ...attended, ...(relay?.wanted() ?? [])],
      attendant?.patienceMs ?? child.patienceMs,
    );
    hasEnded = ended !== 0 || child.hasEndedUnseen();
    attendant?.attend(further.slice(0, attended.length));
    relay?.move(further.slice(attended.length));
    if (said !== 0 && notify !== undefined) passOn(notify);
    if (signalled === 0) continue;
    for (let signal = nextSignal(signals); signal !== undefined; signal = nextSignal(signals)) {
      forward(pid, signal, relay);
    }
  }
}

/** Passes on what is left at its end; with a limit, since other processes may write for ever. */
function finish({ relay, notify }: Connections): void {
  relay?.drain();
  if (notify === undefined) return;
  for (let said = 0; said < MOST_MESSAGES && poll([notify.wanted()], 0)[0] !== 0; said++) passOn(notify);
}

/**
 * AS RUNC: the manager watches tsrun, which stays, and so need not wait until the manager has read
 * everything.
 */
function passOn(notify: NotifyProxy): void {
  notify.pass(process.pid)?.close();
}

/** Throws if there is no child any more: its end would never be reported. */
function reapUntil(pid: number): SupervisedEnd | undefined {
  for (;;) {
    const ended = tryWaitFor(-1, WNOHANG);
    if (ended === 0) return undefined;
    if (typeof ended === "number") throw syscallError(`wait for process ${pid}`, -ended);
    if (ended.pid === pid) return ended;
  }
}

function forward(pid: number, signal: number, relay: TerminalRelay | undefined): void {
  if (signal === SIGWINCH) relay?.resize();
  // SIGCHLD is for tsrun itself. AS RUNC: SIGURG is not forwarded.
  else if (signal !== SIGCHLD && signal !== SIGURG) signalChild(pid, signal);
}
