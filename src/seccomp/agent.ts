// SCMP_ACT_NOTIFY: passes the descriptor on which a filter's notifications arrive from the process that has
// the filter to the agent at `listenerPath` (seccomp_unotify(2)). Called by create and exec, when a profile
// notifies.
//
// Once the filter is installed, any call of that process may wait for the agent, which cannot answer before
// it has the descriptor. So until then the process only answers the batch that installed the filter, with
// write(2), for which no profile may notify. The descriptor is fetched from outside.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { Descriptor } from "../linux/files/files.ts";
import { connectUnix, sendDescriptor } from "../linux/files/unix-sockets.ts";
import { ENOSYS, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { SOCK_STREAM } from "../linux/numbers/socket-numbers.ts";
import { close } from "../proxy/calls/calls.ts";
import { type Operation, orGoOn, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { type Listener, type NotifyingProcess, notifyMessage } from "./notify.ts";

/**
 * How long an agent may take to answer a call that tsrun waits for: a silent agent must not block a command
 * for ever.
 */
export const AGENT_PATIENCE_SECONDS = 10;
export const AGENT_IMPATIENCE = "the seccomp agent has not answered in time";

export interface HandOver {
  readonly to: Agent | Keeper;
  /** The host pid of the process that has the filter. */
  readonly pid: number;
  /** The operation that has installed the filter. */
  readonly filter: Operation;
  /** The process's remaining operations before its last batch. */
  readonly afterwards: readonly Operation[];
}

/** Somebody else, who answers for as long as the container runs. */
export interface Agent {
  readonly listener: Listener;
  readonly process: Omit<NotifyingProcess, "metadata">;
}

/** The command itself, which answers while it stays (`record`). */
export interface Keeper {
  keep(listener: Descriptor): void;
}

/** Passes the descriptor on, and lets the process continue. */
export function handOver(proxy: Conversation, { to, pid, filter, afterwards }: HandOver): void {
  const listener = fetch(pid, resultOf(filter));
  if ("keep" in to) to.keep(listener);
  else sendTo(to, listener);
  // As long as we, or the process, hold a copy of the descriptor, the agent's end would not be noticed.
  proxy.limitPatience(AGENT_PATIENCE_SECONDS, AGENT_IMPATIENCE);
  proxy.ask([orGoOn(close(resultOf(filter))), ...afterwards]);
}

function sendTo({ listener: to, process }: Agent, fetched: Descriptor): void {
  using listener = fetched;
  using agent = connect(to.listenerPath ?? "");
  sendDescriptor(agent, notifyMessage({ ...process, metadata: to.listenerMetadata }), listener.number);
}

/** Takes the descriptor that has this number in another process (pidfd_getfd(2), Linux 5.6). */
function fetch(pid: number, number: number): Descriptor {
  const pidfd = tryCall("pidfd_open", pid, 0);
  if (pidfd < 0) throw refused(-pidfd);
  using process = new Descriptor(pidfd);
  const listener = tryCall("pidfd_getfd", process.number, number, 0);
  if (listener < 0) throw refused(-listener);
  return new Descriptor(listener);
}

const LACKING = "pidfd_open(2) and pidfd_getfd(2), which this kernel or a filter around tsrun lacks";

function refused(errno: number): TsrunError {
  const message = `cannot fetch the seccomp listener of the process: ${errnoWords(errno)}`;
  return new TsrunError("E_SYSCALL", message, {
    errno: errnoName(errno),
    hint: `profiles with SCMP_ACT_NOTIFY need ${errno === ENOSYS ? LACKING : "CAP_SYS_PTRACE"}`,
  });
}

function connect(path: string): Descriptor {
  const socket = connectUnix(path, SOCK_STREAM);
  if (typeof socket !== "number") return socket;
  // AS RUNC: runc's text, which its tests look for.
  const message = `failed to connect with seccomp agent "${path}": ${errnoWords(-socket)}`;
  throw new TsrunError("E_SYSCALL", message, {
    errno: errnoName(-socket),
    hint: "linux.seccomp.listenerPath must name a stream socket on which the agent listens",
  });
}
