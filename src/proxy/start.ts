// Starts proxies. Called by whoever needs a process that carries system calls out.

import { socketPair } from "../linux/files/sockets.ts";
import { SOCK_SEQPACKET } from "../linux/numbers/socket-numbers.ts";
import { machine } from "../linux/numbers/syscalls.ts";
import { startSoon } from "../linux/process/executable.ts";
import type { Birth } from "../linux/process/start-program.ts";
import { recording } from "../spans.ts";
import { type Operation, operationError, render } from "./calls/operation.ts";
import { Conversation } from "./conversation.ts";
import { proxyExecutable } from "./machine/elf.ts";
import { SyscallProxy, type Trace } from "./proxy.ts";

export interface StartOptions {
  /** The number of the control socket in the proxy, above everything that the container inherits. */
  readonly control: number;
  /** Further descriptors, with the numbers that they get in the proxy. */
  readonly descriptors?: readonly { readonly from: number; readonly to: number }[];
  readonly trace?: Trace | undefined;
}

/**
 * Starts a proxy, in about 0.6 ms. It inherits descriptors 0 to 2 and those it is given, and waits for a
 * batch. A failure to execute it is thrown when it is first needed.
 */
export function startProxy(options: StartOptions): Conversation {
  const made = start(options);
  if (made === undefined) throw new Error("a proxy that is not born elsewhere can be started");
  return Conversation.soon(made);
}

/**
 * Starts a proxy that is born where it is to be. `undefined` if that takes another proxy.
 * @param clone the call, for its failure, which is thrown when the process is first needed
 */
export function bearProxy(
  options: StartOptions,
  birth: Birth & { readonly clone: Operation },
): Conversation | undefined {
  const made = start(options, birth);
  return made && Conversation.soon(made);
}

function start(
  { control, descriptors = [], trace }: StartOptions,
  birth?: Birth & { readonly clone: Operation },
): (() => SyscallProxy) | undefined {
  const [socket, theirs] = socketPair(SOCK_SEQPACKET);
  const clocked = recording() !== undefined;
  const program = { name: "tsrun-init", bytes: proxyExecutable(machine, control, clocked) };
  const started = startSoon(program, {
    descriptors: [...descriptors, { from: theirs.number, to: control }],
    trace: trace && ((line) => trace.debug(line)),
    birth,
  });
  theirs.close();
  if (started === undefined || started.pid < 0) socket.close();
  if (started === undefined) return undefined;
  const { pid, assertExecuted } = started;
  if (birth !== undefined) {
    const { clone } = birth;
    clone.result = pid;
    trace?.call(() => `[${process.pid}] ${render(clone)}`);
    if (pid < 0) {
      return () => {
        throw operationError(clone);
      };
    }
  }
  recording()?.nameProcess(pid, "proxy");
  const proxy = new SyscallProxy(pid, { socket, control, trace, clocked });
  return () => {
    try {
      // Before that, its memory and its executable are tsrun's.
      assertExecuted();
    } catch (error) {
      proxy.end();
      throw error;
    }
    return proxy;
  };
}
