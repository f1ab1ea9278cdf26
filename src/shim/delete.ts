// `delete`: ends and removes what is left of a container whose shim has died.

import { printError } from "../cli/host.ts";
import { deleteContainer } from "../container/delete.ts";
import { readText, remove } from "../linux/files/files.ts";
import { connectUnix } from "../linux/files/unix-sockets.ts";
import { ECONNREFUSED } from "../linux/numbers/errno.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { SOCK_STREAM } from "../linux/numbers/socket-numbers.ts";
import { encode } from "../protobuf/protobuf.ts";
import type { ShimOptions } from "./command-line.ts";
import { readOptions } from "./container.ts";
import { DELETE_RESPONSE } from "./messages/task.ts";
import { timestamp } from "./messages/well-known.ts";
import { unmountRootfs } from "./rootfs-mounts.ts";
import { globalsFor, stateRoot } from "./shim-context.ts";
import { groupOf, socketOf } from "./start.ts";

/** Returns what containerd reads: how the container ended. */
export function deleteAfterShim(options: ShimOptions): Uint8Array {
  const { id, namespace } = options;
  const bundle = options.bundle || siblingOf(process.cwd(), id);
  const { root, systemdCgroup = false } = readOptions(bundle);
  const globals = globalsFor({ root: stateRoot(root, namespace), systemdCgroup, tell: complain });
  attempt(() => deleteContainer(globals, { id, force: true }));
  attempt(() => unmountRootfs(`${bundle}/rootfs`));
  attempt(() => removeDeadSocket(options, bundle));
  const exitedAt = timestamp(Date.now());
  return encode(DELETE_RESPONSE, { pid: pidOf(bundle), exitStatus: 128 + SIGKILL, exitedAt });
}

/** Reports a failure; what comes next is done in any case. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
  }
}

function complain(message: string): void {
  printError(`containerd-shim-tsrun-v2: ${message}\n`);
}

/** containerd's bundles of a namespace lie side by side. */
function siblingOf(bundle: string, id: string): string {
  return `${bundle.slice(0, bundle.lastIndexOf("/"))}/${id}`;
}

function removeDeadSocket(options: ShimOptions, bundle: string): void {
  const socket = socketOf(options, groupOf(`${bundle}/config.json`) ?? options.id);
  const other = connectUnix(socket, SOCK_STREAM, { waits: false });
  if (other === -ECONNREFUSED) remove(socket);
  if (typeof other !== "number") other.close();
}

function pidOf(bundle: string): number {
  try {
    return Number(readText(`${bundle}/init.pid`));
  } catch {
    // It died before it had made one.
    return 0;
  }
}
