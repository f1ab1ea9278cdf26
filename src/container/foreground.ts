// Staying with a process: a foreground `run` or `exec` forwards signals and terminal, reaps, and returns the
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
import { statusOfZombie, tryWaitFor } from "../linux/process/process.ts";
import { openChild, signalChild } from "../linux/process/process-handle.ts";
import { nextSignal, receiveSignals } from "../linux/process/signals.ts";
import type { TerminalRelay } from "../terminal/relay.ts";
import type { NotifyProxy } from "./notify-socket.ts";

/** How long output is waited for that the process had written when it ended, milliseconds. */
const DRAIN_MS = 100;
/** The exit status of a process that nothing is known of. */
const UNKNOWN = 255;
/** More than a socket holds by default (net.unix.max_dgram_qlen). */
const MOST_MESSAGES = 1000;

/** What has to be in place before the process exists. */
export interface Foreground {
  readonly signals: Descriptor;
}

/**
 * Before anything is started: a signal that arrives meanwhile is kept, and forwarded as soon as there
 * is somebody.
 * @param reaper whether what the process leaves behind comes to us, not to whoever called us
 */
export function prepareForeground({ reaper }: { readonly reaper: boolean }): Foreground {
  const signals = receiveSignals();
  if (reaper) mustCall("become a subreaper", "prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  return { signals };
}

/** What goes to and fro beside signals. */
export interface Connections {
  readonly relay?: TerminalRelay | undefined;
  readonly notify?: NotifyProxy | undefined;
}

/** In place of a descriptor: ppoll(2) passes it over. */
const NOTHING: PollEntry = { fd: -1, events: 0 };

/** Forwards until the process has ended. Returns its exit status, or 128 + signal. */
export function supervise(pid: number, { signals }: Foreground, { relay, notify }: Connections): number {
  const own: PollEntry = { fd: signals.number, events: POLLIN };
  using child = openChild(pid);
  let hasEnded = false;
  for (;;) {
    // A process of the container that traces it may keep it from us for ever: then its end is what we have.
    const status = reapUntil(pid) ?? (hasEnded ? (statusOfZombie(pid) ?? UNKNOWN) : undefined);
    if (status !== undefined) {
      finish({ relay, notify });
      return status;
    }
    const [signalled = 0, ended = 0, said = 0, ...moved] = poll([
      own,
      child.wanted(),
      notify?.wanted() ?? NOTHING,
      ...(relay?.wanted() ?? []),
    ]);
    hasEnded = ended !== 0;
    relay?.move(moved);
    if (said !== 0 && notify !== undefined) passOn(notify);
    if (signalled === 0) continue;
    for (let signal = nextSignal(signals); signal !== undefined; signal = nextSignal(signals)) {
      forward(pid, signal, relay);
    }
  }
}

/** Passes on what had been said by its end; not without limit, as others may go on for ever. */
function finish({ relay, notify }: Connections): void {
  relay?.drain((entry) => poll([entry], DRAIN_MS)[0] ?? 0);
  if (notify === undefined) return;
  for (let said = 0; said < MOST_MESSAGES && poll([notify.wanted()], 0)[0] !== 0; said++) passOn(notify);
}

/** AS RUNC: who stays is the one to watch. And has no need to wait until the manager has read everything. */
function passOn(notify: NotifyProxy): void {
  notify.pass(process.pid)?.close();
}

/** Throws when there is no child any more: nothing would ever tell of its end. */
function reapUntil(pid: number): number | undefined {
  for (;;) {
    const ended = tryWaitFor(-1, WNOHANG);
    if (ended === 0) return undefined;
    if (typeof ended === "number") throw syscallError(`wait for process ${pid}`, -ended);
    if (ended.pid === pid) return ended.status;
  }
}

function forward(pid: number, signal: number, relay: TerminalRelay | undefined): void {
  if (signal === SIGWINCH) relay?.resize();
  // SIGCHLD is ours. AS RUNC: SIGURG is not forwarded.
  else if (signal !== SIGCHLD && signal !== SIGURG) signalChild(pid, signal);
}
