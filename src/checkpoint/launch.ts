// Starts criu so that it can restore a container: as a child of tsrun, in the container's cgroup, and in a
// new mount namespace. It begins as a proxy, which enters these and then executes criu. Called by revive.ts.

import type { JoinFiles } from "../cgroups/join.ts";
import { TsrunError } from "../errors.ts";
import { viewOf } from "../linux/call/words.ts";
import { socketPair } from "../linux/files/sockets.ts";
import { receiveMessage } from "../linux/files/unix-sockets.ts";
import {
  AT_FDCWD,
  F_SETFD,
  FD_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from "../linux/numbers/fcntl.ts";
import { MS_BIND, MS_REC, MS_SLAVE } from "../linux/numbers/mount.ts";
import { CLONE_NEWNS } from "../linux/numbers/sched.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, SOCK_STREAM } from "../linux/numbers/socket-numbers.ts";
import type { Join } from "../namespaces/plan.ts";
import { out, shown } from "../proxy/calls/arguments.ts";
import { close, dup3, execve, openat, unshare, write } from "../proxy/calls/calls.ts";
import { mount } from "../proxy/calls/mount-calls.ts";
import { type Operation, operation, operationError } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { type Hindrance, startProxy, type Trace } from "../proxy/proxy.ts";
import { sendMaster } from "../terminal/console.ts";
import type { ImageOptions } from "./options.ts";
import type { Directories } from "./plan.ts";
import { ARGUMENTS, criuEnvironment, Service, SOCKET_FD } from "./service.ts";
import type { Limits } from "./wait.ts";

export interface Launch {
  /** The program. */
  readonly criu: string;
  /** How criu enters the container's cgroup; its children are then in it too. */
  readonly cgroup: JoinFiles;
  /**
   * Sets the limits of that cgroup: after criu's process has entered it, as systemd makes it only then, and
   * before it is criu. On v1, device rules are written one after the other, and until the last of them it
   * could not even open /dev/null.
   */
  readonly limit: () => void;
  /** Namespaces that criu gets as open files. */
  readonly namespaces: readonly Join[];
  readonly paths: Pick<ImageOptions, "imagePath" | "workPath">;
  /** The root file system, and the empty directory on which it is mounted for criu. */
  readonly rootfs: string;
  readonly root: string;
  /** Whether the container gets our descriptors 0 to 2. */
  readonly givesStandardStreams: boolean;
  readonly trace: Trace | undefined;
  readonly hindrance?: Hindrance | undefined;
  readonly limits: Limits;
}

export interface Launched {
  readonly service: Service;
  /** Descriptor numbers in criu. */
  readonly directories: Directories;
  readonly firstNamespaceFd: number;
}

/**
 * Starts criu. DIFFERS: runc mounts the root, and every bind mount, in the host's mount namespace during a
 * restore. If runc is killed, these mounts stay, below the directory that `delete` removes with everything in
 * it. Here all mounts end with criu.
 */
export function launch(request: Launch): Launched {
  const { namespaces, paths, trace, hindrance } = request;
  const slots = slotsFor(namespaces.length);
  const [ours, theirs] = socketPair(SOCK_STREAM);
  using carrier = ours;
  using other = theirs;
  // Files that are opened meanwhile must not get a number that is reserved for another.
  const reserved = Array.from({ length: slots.control - SOCKET_FD }, (_, index) => SOCKET_FD + index);
  const proxy = startProxy({
    control: slots.control,
    descriptors: [...reserved, slots.carrier].map((to) => ({ from: other.number, to })),
    trace,
    hindrance,
  });
  // Now only the process has this end: we get its message, or end of file when the process ends.
  other.close();
  becomeCriu(proxy, request, slots);
  const { descriptor } = receiveMessage(carrier, 64);
  if (descriptor === undefined) throw new TsrunError("E_INTERNAL", "cannot receive the socket of criu");
  return {
    service: new Service(proxy.pid, descriptor, request.limits),
    directories: { images: slots.images, work: paths.workPath === undefined ? undefined : slots.work },
    firstNamespaceFd: slots.namespaces,
  };
}

/** Descriptor numbers in criu, and above them those in the proxy that becomes criu. */
interface Slots {
  readonly namespaces: number;
  readonly images: number;
  readonly work: number;
  readonly control: number;
  readonly carrier: number;
}

function slotsFor(namespaceCount: number): Slots {
  const namespaces = SOCKET_FD + 1;
  const images = namespaces + namespaceCount;
  return { namespaces, images, work: images + 1, control: images + 2, carrier: images + 3 };
}

function becomeCriu(proxy: Conversation, request: Launch, slots: Slots): void {
  const { criu, cgroup } = request;
  let failed: Operation | undefined;
  try {
    proxy.ask(joinOperations(cgroup));
    cgroup.admit?.(proxy.pid);
    request.limit();
    const pair = out(8);
    proxy.ask([
      ...openOperations(request, slots),
      operation("socketpair", [AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair], "make a socket pair"),
    ]);
    const ends = viewOf(pair.bytes);
    failed = proxy.execute([
      sendMaster(slots.carrier, ends.getInt32(0, true)),
      dup3(ends.getInt32(4, true), SOCKET_FD, 0),
      closeOnExecute(slots.carrier),
      closeOnExecute(slots.control),
      execve(criu, ARGUMENTS, criuEnvironment()),
    ]);
    if (failed === undefined) return;
  } finally {
    // If the process is criu by now, nobody uses this end; otherwise closing it makes the process exit.
    proxy.close();
  }
  proxy.reap();
  throw operationError(failed);
}

/** The process enters each hierarchy itself; see `joinFiles`. */
function joinOperations({ tasks, directory }: JoinFiles): Operation[] {
  const files = directory === undefined ? tasks : [...tasks, `${directory}/cgroup.procs`];
  return files.flatMap((path) => {
    const attempt = `join a cgroup by adding pid 0 to "${path}"`;
    const file = openat(AT_FDCWD, path, O_WRONLY, attempt);
    return [file, write(file, "0", attempt), close(file)];
  });
}

/**
 * Prepares criu's mounts and descriptors. The directories are opened in the new mount namespace, since criu
 * mounts things in them; and this process makes the socket, because criu interprets descriptor numbers as
 * those of the process that made it.
 */
function openOperations({ namespaces, paths, root, rootfs, ...rest }: Launch, slots: Slots): Operation[] {
  const attempt = `show criu the root file system "${rootfs}"`;
  const { imagePath, workPath } = paths;
  return [
    ...namespaces.flatMap(({ kind, path }, index) =>
      openAs(slots.namespaces + index, path, {
        how: O_RDONLY,
        attempt: `open the ${kind} namespace "${path}"`,
      }),
    ),
    unshare(CLONE_NEWNS, "create a mount namespace for criu"),
    // Slaves, not private: if a bind mount receives the host's mounts, criu mounts it from a source that must
    // receive them too.
    mount({ target: "/", flags: MS_SLAVE | MS_REC }, attempt),
    // criu requires its root to be a mount, and that nothing is mounted over the parent mount.
    mount({ source: rootfs, target: root, flags: MS_BIND | MS_REC }, attempt),
    ...openAs(slots.images, imagePath, directoryAt(imagePath)),
    ...(workPath === undefined ? [close(slots.work)] : openAs(slots.work, workPath, directoryAt(workPath))),
    ...(rest.givesStandardStreams
      ? []
      : [0, 1, 2].flatMap((to) => openAs(to, "/dev/null", { how: O_RDWR, attempt: 'open "/dev/null"' }))),
  ];
}

function directoryAt(path: string): { how: number; attempt: string } {
  return { how: O_RDONLY | O_DIRECTORY, attempt: `open "${path}"` };
}

/** Opens a path under a given number, without close-on-exec, so that criu has it. */
function openAs(to: number, path: string, { how, attempt }: { how: number; attempt: string }): Operation[] {
  const opened = openat(AT_FDCWD, path, how, attempt);
  return [opened, dup3(opened, to, 0, attempt), close(opened)];
}

function closeOnExecute(fd: number): Operation {
  const args = [fd, shown(F_SETFD, "F_SETFD"), shown(FD_CLOEXEC, "FD_CLOEXEC")];
  return operation("fcntl", args, "keep a socket from criu");
}
