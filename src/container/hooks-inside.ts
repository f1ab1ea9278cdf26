// What `create` does only for a container with hooks that run in its namespaces.
//
// startContainer hooks run in `start`, long after `create` has exited, but as children of the first process.
// So when the FIFO has released it, the first process accepts a connection on a socket in the state
// directory, and takes orders over it from `start` until it executes (start-told.ts).

import { type InsideOutput, runHooksInside } from "../hooks/inside.ts";
import type { HookState } from "../hooks/plan.ts";
import { syscallError } from "../linux/call/call.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { connectUnix, listenUnix } from "../linux/files/unix-sockets.ts";
import { O_CLOEXEC } from "../linux/numbers/fcntl.ts";
import { SOCK_CLOEXEC, SOCK_SEQPACKET } from "../linux/numbers/socket-numbers.ts";
import { fileModeMask } from "../linux/process/process.ts";
import { octal, shown } from "../proxy/calls/arguments.ts";
import { close, dup3, read } from "../proxy/calls/calls.ts";
import { operation, orGoOn } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import type { Hooks } from "../spec/types.ts";
import { inheritedFds } from "./handed-down.ts";
import type { WaitOptions } from "./init.ts";
import type { ContainerPlan } from "./plan.ts";
import type { StartInside } from "./record.ts";
import type { StateDirectory } from "./store.ts";

const SOCKET = "start.socket";

/** The socket that `start` will connect to; `undefined` if it has no hooks to run. */
export function listenForStart(hooks: Hooks | undefined, directory: StateDirectory): Descriptor | undefined {
  if ((hooks?.startContainer?.length ?? 0) === 0) return undefined;
  const path = `${directory.path}/${SOCKET}`;
  const socket = listenUnix(path);
  if (typeof socket === "number") throw syscallError(`listen at "${path}"`, -socket);
  return socket;
}

/** Connects `start` to the first process, and removes the socket: nobody else can connect. */
export function connectToFirstProcess(directory: StateDirectory): Descriptor {
  const path = `${directory.path}/${SOCKET}`;
  const socket = connectUnix(path, SOCK_SEQPACKET);
  if (typeof socket === "number") throw syscallError(`connect to "${path}"`, -socket);
  directory.removeFile(SOCKET);
  return socket;
}

export interface CreateContainerHooks {
  readonly state: HookState;
  /** Descriptors of the first process that its hooks must not inherit. */
  readonly held: readonly (number | undefined)[];
  readonly output: InsideOutput | undefined;
}

/**
 * World: the container's namespaces, its root not entered yet. AS RUNC: the rootfs is the working directory.
 */
export function runCreateContainer(
  proxy: Conversation,
  plan: ContainerPlan,
  { state, held, output }: CreateContainerHooks,
): void {
  if ((plan.bundle.spec.hooks?.createContainer?.length ?? 0) === 0) return;
  const inherited = Array.from({ length: inheritedFds(plan.options) }, (_, index) => 3 + index);
  runHooksInside(proxy, plan.bundle.spec.hooks, {
    kind: "createContainer",
    state,
    directory: plan.rootfs.rootfs,
    environment: [],
    output,
    beforeExecute: [
      // AS RUNC: hooks get the caller's mask; that of the first process is for making the files of the root.
      operation("umask", [octal(fileModeMask())], "set the file mode creation mask"),
      // One by one as well: close_range(2) may be missing.
      ...[...inherited, ...held].flatMap((one) => (one === undefined ? [] : [orGoOn(close(one))])),
    ],
  });
}

/**
 * Takes the place of `leaveWaiting`: when the first process is released, it lets `start` connect. The answer
 * to this batch is the first thing that `start` reads.
 */
export function leaveListening(
  proxy: Conversation,
  {
    executable,
    fifo,
    filter,
    recipient,
    listener,
    output,
  }: WaitOptions & { readonly listener: number; readonly output: InsideOutput | undefined },
): StartInside {
  filter.handOver(recipient);
  const accept = operation("accept4", [listener, 0, 0, shown(SOCK_CLOEXEC, "SOCK_CLOEXEC")], "let start in");
  proxy.leave([
    read(fifo, 1, "wait for start"),
    accept,
    dup3(accept, proxy.control, O_CLOEXEC),
    close(accept),
    close(listener),
  ]);
  return {
    ...executable,
    control: proxy.control,
    filtered: filter.beforeWaiting.length > 0,
    ...(output?.stdout === undefined ? {} : { hookStdout: output.stdout }),
    ...(output?.stderr === undefined ? {} : { hookStderr: output.stderr }),
  };
}
