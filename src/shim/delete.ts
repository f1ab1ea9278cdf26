// `delete`: ends and removes what is left of a container whose shim has died.

import { printError } from "../cli/host.ts";
import { deleteContainer } from "../container/delete.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import { readText, remove, status } from "../linux/files/files.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { encode } from "../protobuf/protobuf.ts";
import type { ShimOptions } from "./command-line.ts";
import { OPTIONS, readOptions } from "./container-options.ts";
import { DELETE_RESPONSE } from "./messages/task.ts";
import { timestamp } from "./messages/well-known.ts";
import { unmountRootfs } from "./rootfs-mounts.ts";
import { globalsFor, stateRoot } from "./shim-context.ts";
import { groupOf, hasListener, lockSockets, socketOf } from "./start.ts";

/** Returns what containerd reads: how the container ended. */
export function deleteAfterShim(options: ShimOptions): Uint8Array {
  const { id, namespace } = options;
  const bundle = options.bundle || siblingOf(process.cwd(), id);
  removeContainer(bundle, id, namespace);
  attempt(() => cleanUpGroup(options, bundle));
  const exitedAt = timestamp(Date.now());
  return encode(DELETE_RESPONSE, { pid: pidOf(bundle), exitStatus: 128 + SIGKILL, exitedAt });
}

function removeContainer(bundle: string, id: string, namespace: string): void {
  const { root, systemdCgroup = false } = readOptions(bundle);
  const globals = globalsFor({ root: stateRoot(root, namespace), systemdCgroup, tell: complain });
  attempt(() => deleteContainer(globals, { id, force: true }));
  attempt(() => unmountRootfs(`${bundle}/rootfs`));
}

/**
 * Removes the other containers of the dead shim, if there are any. DIFFERS: containerd 2 calls `delete` only
 * for a pod's sandbox, and with containerd's own shim the pod's other containers run on for ever.
 */
function cleanUpGroup(options: ShimOptions, bundle: string): void {
  const group = groupOf(`${bundle}/config.json`);
  const socket = socketOf(options, group ?? options.id);
  using _alone = lockSockets(socket);
  if (status(socket) === undefined || hasListener(socket)) return;
  if (group !== undefined) {
    for (const path of bundlesBeside(bundle)) attempt(() => removeMember(path, group, options.namespace));
  }
  remove(socket);
}

/** Leaves a container alone that belongs to no group or to another one. */
function removeMember(bundle: string, group: string, namespace: string): void {
  const { id } = readOptions(bundle);
  if (id !== undefined && groupOf(`${bundle}/config.json`) === group) removeContainer(bundle, id, namespace);
}

/** Does `action`. A failure is only reported, so that the next step is done in any case. */
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

function bundlesBeside(bundle: string): string[] {
  const folder = bundle.slice(0, bundle.lastIndexOf("/"));
  return listDirectoryAt(folder)
    .filter(({ type }) => type === "directory")
    .map(({ name }) => `${folder}/${name}`)
    .filter((path) => path !== bundle && status(`${path}/${OPTIONS}`) !== undefined);
}

function pidOf(bundle: string): number {
  try {
    return Number(readText(`${bundle}/init.pid`));
  } catch {
    // The shim died before there was a first process.
    return 0;
  }
}
