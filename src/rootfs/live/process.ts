// A process that mounts and unmounts in an existing container. It begins with tsrun's own privileges among
// the host's mounts, where it opens the sources. Then it becomes the container's root in the container's
// mount namespace and can reach nothing of the host any more, as the first process did when the container was
// made. It stays in the host's pid namespace, so the container does not see it, unless the container sees the
// host's processes. Called by mounts.ts.

import { type Descriptor, readLink } from "../../linux/files/files.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY } from "../../linux/numbers/fcntl.ts";
import { CLONE_NEWNS, CLONE_NEWUSER } from "../../linux/numbers/sched.ts";
import { effectiveUid } from "../../linux/process/process.ts";
import { hide } from "../../namespaces/enter.ts";
import { becomeRoot } from "../../namespaces/join.ts";
import { octal } from "../../proxy/calls/arguments.ts";
import { close, openat, setns, unshare } from "../../proxy/calls/calls.ts";
import { type Operation, operation, resultOf } from "../../proxy/calls/operation.ts";
import type { Conversation } from "../../proxy/conversation.ts";
import { startProxy, type Trace } from "../../proxy/proxy.ts";
import { endHelper } from "../host/helper.ts";

/** The number, in this process, of the first process's directory in /proc. */
const INIT = 3;
const CONTROL = 4;

/**
 * Whether the container has another user namespace than tsrun.
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
      endHelper(this.proxy);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    endHelper(this.proxy);
  }

  /** A descriptor of the container's root. */
  get root(): number {
    return numberOf(this.#root);
  }

  /** /proc/self/fd of the host's procfs: the container's own is not to be trusted. */
  get descriptors(): number {
    return numberOf(this.#descriptors);
  }

  /** A path of the container's user namespace, for this process before it has entered the container. */
  get userNamespacePath(): string {
    return `/proc/self/fd/${INIT}/ns/user`;
  }

  /** An ordinary user cannot map ids, having no more rights outside the user namespace than inside. */
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
   * Enters a copy of the host's mounts, like the copy that the container's first process got. If it belongs
   * to another user namespace, flags such as `ro` are locked in the copy (mount_namespaces(7)), and stay
   * locked in what is bound from it; otherwise the container's root could remove them.
   */
  standAmongSources(): void {
    if (!this.#mapsUsers) return;
    if (effectiveUid() !== 0) {
      // An ordinary user is allowed no more than the container's root anyway.
      this.proxy.ask([...this.#becomeContainersRoot(), copyMounts()]);
      this.#users = undefined;
      return;
    }
    // The container's root may not be allowed to enter directories of the host. So another process makes the
    // copy, and this one enters it.
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
      endHelper(maker);
    }
  }

  /** From here on no path of the host can be reached. */
  enter(): void {
    const users = this.#mapsUsers ? this.#becomeContainersRoot() : [];
    const mounts = numberOf(this.#mounts);
    this.proxy.ask([
      // If the container sees the host's processes, a process that may trace this one could use what it has
      // open.
      close(INIT),
      ...users,
      setns(mounts, CLONE_NEWNS, "enter the container's mount namespace"),
      close(mounts),
    ]);
  }

  /** Returns operations only the first time. */
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
