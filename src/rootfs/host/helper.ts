// A second process, for what the container's first process may not do in a user namespace: open sources that
// its users cannot reach, and map the ids of a mount. It has tsrun's own privileges, and is in the
// container's mount namespace, because the container's mounts can be made only there. It is started when it
// is needed, and ends before the change of root.

import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from "../../linux/numbers/fcntl.ts";
import { CLONE_NEWNS, CLONE_NEWUSER } from "../../linux/numbers/sched.ts";
import { effectiveUid } from "../../linux/process/process.ts";
import { writeIdMaps } from "../../namespaces/id-maps.ts";
import { openat, setns, unshare } from "../../proxy/calls/calls.ts";
import { type Operation, operationError, resultOf } from "../../proxy/calls/operation.ts";
import type { Conversation } from "../../proxy/conversation.ts";
import { startProxy } from "../../proxy/proxy.ts";
import type { Helper } from "../place/context.ts";
import type { IdMap } from "../plan/mounts.ts";

/** The number of the helpers' control socket. */
const CONTROL = 3;

export class HostHelper implements Helper, Disposable {
  readonly #init: Conversation;
  readonly #rootfs: string;
  readonly #namespaces = new Map<string, Operation>();
  #proxy: Conversation | undefined;
  #root: Operation | undefined;

  /** @param init the container's first process */
  constructor(init: Conversation, rootfs: string) {
    this.#init = init;
    this.#rootfs = rootfs;
  }

  /** False for an ordinary user, who has no more rights outside the user namespace than inside. */
  get canHelp(): boolean {
    return effectiveUid() === 0;
  }

  get root(): number {
    if (this.#root === undefined) this.#start();
    if (this.#root === undefined) throw new Error("the helper did not start");
    return resultOf(this.#root);
  }

  attempt(operations: readonly Operation[]): Operation | undefined {
    return this.#start().attempt(operations);
  }

  #start(): Conversation {
    if (this.#proxy !== undefined) return this.#proxy;
    const proxy = startProxy({ control: CONTROL });
    this.#proxy = proxy;
    const attempt = "enter the container's mount namespace";
    const namespace = openat(AT_FDCWD, `/proc/${this.#init.pid}/ns/mnt`, O_RDONLY, attempt);
    const root = openat(AT_FDCWD, this.#rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW, attempt);
    const failed = proxy.attempt([namespace, setns(namespace, CLONE_NEWNS, attempt), root]);
    if (failed !== undefined) throw operationError(failed);
    this.#root = root;
    return proxy;
  }

  userNamespace({ uidMappings, gidMappings }: IdMap): number {
    const key = JSON.stringify([uidMappings, gidMappings]);
    const known = this.#namespaces.get(key);
    if (known !== undefined) return resultOf(known);
    const attempt = "open a user namespace for an id-mapped mount";
    return withUserNamespace(
      { uidMappings, gidMappings, container: `/proc/${this.#init.pid}/ns/user` },
      (path) => {
        const opening = openat(AT_FDCWD, path, O_RDONLY, attempt);
        const failed = this.attempt([opening]);
        if (failed !== undefined) throw operationError(failed);
        this.#namespaces.set(key, opening);
        return resultOf(opening);
      },
    );
  }

  [Symbol.dispose](): void {
    if (this.#proxy !== undefined) endHelper(this.#proxy);
    this.#proxy = undefined;
  }
}

/**
 * Opens a user namespace with these maps, or the container's if there are none. The namespace exists as long
 * as it is open; the process that made it is not needed any more.
 */
export function withUserNamespace<Result>(
  { uidMappings, gidMappings, container }: Omit<IdMap, "withSubmounts"> & { readonly container: string },
  open: (path: string) => Result,
): Result {
  if (uidMappings.length === 0 && gidMappings.length === 0) return open(container);
  const maker = startProxy({ control: CONTROL });
  try {
    maker.ask([unshare(CLONE_NEWUSER, "create a user namespace for an id-mapped mount")]);
    writeIdMaps(maker.pid, { uidMappings, gidMappings });
    return open(`/proc/${maker.pid}/ns/user`);
  } finally {
    endHelper(maker);
  }
}

/** Ends a helper. */
export function endHelper(proxy: Conversation): void {
  proxy.close();
  proxy.reap();
}
