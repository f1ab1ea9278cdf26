// A process that mounts and unmounts in a container that is there. It begins with tsrun's own privileges
// among the host's mounts, where sources are opened, and goes on as the container's root in its mount
// namespace, where nothing of the host can be reached any more: as the first process did when the container
// was made. What runs inside does not see it, unless the host's processes are in sight: its pid namespace
// stays the host's. Called by live-mounts.ts.

import { type Descriptor, readLink } from "../../linux/files/files.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY } from "../../linux/numbers/fcntl.ts";
import { CLONE_NEWNS, CLONE_NEWUSER } from "../../linux/numbers/sched.ts";
import { effectiveUid } from "../../linux/process/process.ts";
import { becomeRoot, hide } from "../../namespaces/enter.ts";
import { octal } from "../../proxy/calls/arguments.ts";
import { close, openat, setns, unshare } from "../../proxy/calls/calls.ts";
import { type Operation, operation, resultOf } from "../../proxy/calls/operation.ts";
import type { Conversation } from "../../proxy/conversation.ts";
import { startProxy, type Trace } from "../../proxy/proxy.ts";
import { leave } from "../host/helper.ts";

/** The first process' directory of /proc, in ours. */
const INIT = 3;
const CONTROL = 4;

/**
 * Whether the container's users are others than tsrun's.
 * @param init the directory in /proc of the container's first process
 */
export function mapsUsers(init: Descriptor): boolean {
  const user = "ns/user";
  return readLink(user, { at: init.number }) !== readLink(`/proc/self/${user}`);
}

export class LiveProcess implements Disposable {
  readonly proxy: Conversation;
  readonly #init: Descriptor;
  readonly #trace: Trace | undefined;
  readonly #mapsUsers: boolean;
  #root: Operation | undefined;
  #descriptors: Operation | undefined;
  #mounts: Operation | undefined;
  #users: Operation | undefined;

  /** @param init the directory in /proc of the container's first process */
  constructor(init: Descriptor, trace: Trace | undefined) {
    this.#init = init;
    this.#trace = trace;
    this.#mapsUsers = mapsUsers(init);
    this.proxy = this.#start();
    try {
      this.#open();
    } catch (error) {
      leave(this.proxy);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    leave(this.proxy);
  }

  /** The container's root, by a descriptor. */
  get root(): number {
    return numberOf(this.#root);
  }

  /** /proc/self/fd of the host's procfs: the container's own is not to be trusted. */
  get descriptors(): number {
    return numberOf(this.#descriptors);
  }

  /** The container's user namespace by a path, as this process sees it before it has entered. */
  get userNamespacePath(): string {
    return `/proc/self/fd/${INIT}/ns/user`;
  }

  /** Ids cannot be mapped by an ordinary user, who has no more rights outside of the user namespace. */
  get canMapIds(): boolean {
    return effectiveUid() === 0;
  }

  #start(): Conversation {
    const descriptors = [{ from: this.#init.number, to: INIT }];
    return startProxy({ control: CONTROL, descriptors, trace: this.#trace });
  }

  #open(): void {
    const attempt = "enter the container's namespaces";
    this.#descriptors = openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY, attempt);
    this.#users = openat(INIT, "ns/user", O_RDONLY, attempt);
    this.#mounts = openat(INIT, "ns/mnt", O_RDONLY, attempt);
    this.#root = openat(INIT, "root", O_PATH | O_DIRECTORY, attempt);
    this.proxy.ask([
      hide(),
      operation("umask", [octal(0o022)], "set the file mode creation mask"),
      ...[this.#descriptors, this.#users, this.#mounts, this.#root],
    ]);
  }

  /**
   * Makes the host's mounts those that the container's first process was given a copy of: in another user
   * namespace flags such as `ro` are locked in the copy (mount_namespaces(7)), and stay so in what is bound
   * from it; the container's root could take them back otherwise.
   */
  standAmongSources(): void {
    if (!this.#mapsUsers) return;
    if (effectiveUid() !== 0) {
      // Nothing but what the container's root may do is allowed here anyway.
      this.proxy.ask([...this.#becomeContainersRoot(), copyMounts()]);
      this.#users = undefined;
      return;
    }
    // Directories of the host may be closed to the container's root: the copy is another's, and entered.
    const maker = this.#start();
    try {
      const attempt = "enter the container's user namespace";
      const users = openat(INIT, "ns/user", O_RDONLY, attempt);
      maker.ask([hide(), users, setns(users, CLONE_NEWUSER, attempt), ...becomeRoot(), copyMounts()]);
      const copy = openat(
        AT_FDCWD,
        `/proc/${maker.pid}/ns/mnt`,
        O_RDONLY,
        "enter a copy of the host's mounts",
      );
      this.proxy.ask([copy, setns(copy, CLONE_NEWNS, "enter a copy of the host's mounts"), close(copy)]);
    } finally {
      leave(maker);
    }
  }

  /** From here on no path of the host can be reached. */
  enter(): void {
    const users = this.#mapsUsers ? this.#becomeContainersRoot() : [];
    const mounts = numberOf(this.#mounts);
    this.proxy.ask([
      // Where the host's processes are in sight, whoever may trace this one gets what it has open.
      close(INIT),
      ...users,
      setns(mounts, CLONE_NEWNS, "enter the container's mount namespace"),
      close(mounts),
    ]);
  }

  /** Once. */
  #becomeContainersRoot(): Operation[] {
    if (this.#users === undefined) return [];
    const attempt = "enter the container's user namespace";
    const users = numberOf(this.#users);
    return [setns(users, CLONE_NEWUSER, attempt), ...becomeRoot(), close(users)];
  }
}

function copyMounts(): Operation {
  return unshare(CLONE_NEWNS, "copy the host's mounts");
}

function numberOf(opening: Operation | undefined): number {
  if (opening === undefined) throw new Error("not open");
  return resultOf(opening);
}
