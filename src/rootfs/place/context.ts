// What the steps of building a root share. Made by rootfs.ts.

import type { Fd } from "../../proxy/calls/arguments.ts";
import { procPath } from "../../proxy/calls/calls.ts";
import type { Operation } from "../../proxy/calls/operation.ts";
import type { AttemptOptions } from "../../proxy/proxy.ts";
import { type Batches, held } from "../../proxy/steps.ts";
import type { Entry } from "../../proxy/wire/repeat.ts";
import { operationFailure } from "../plan/failure.ts";
import type { IdMap } from "../plan/mounts.ts";

/** What the running kernel has turned out not to have; see docs/kernel.md. */
export interface KernelFeatures {
  /** mount_setattr(2), Linux 5.12 */
  mountSetattr: boolean;
  /** fsopen(2), open_tree(2), move_mount(2) and their like, Linux 5.2 */
  mountApi: boolean;
  /** openat2(2), Linux 5.6 */
  openat2: boolean;
}

export type FileKind = "directory" | "file";

/** The root directory of a new tmpfs, in which files can be made without walking any path. */
export interface Provider {
  readonly directory: Fd;
}

/** Somebody with tsrun's own privileges in the container's mount namespace; see helper.ts. */
export interface Helper extends Batches {
  /** False when tsrun has no more privileges than the container. */
  readonly canHelp: boolean;
  /** The helper's own descriptor of the container's root. */
  readonly root: number;
  /** The helper's descriptor of a user namespace with these maps, or the container's own. */
  userNamespace(map: IdMap): number;
}

export interface RootContextOptions {
  readonly rootfs: string;
  /**
   * What kind of file a path of the host is, as far as tsrun itself can tell; a guess that saves a round
   * trip.
   */
  readonly kindOf: (path: string) => FileKind | undefined;
}

/** Who carries out what is decided. */
export interface Hands {
  readonly proxy: Batches;
  readonly helper: Helper;
}

export class RootContext {
  readonly features: KernelFeatures = { mountSetattr: true, mountApi: true, openat2: true };
  /**
   * /proc/self/fd of the host's procfs, when mount(2) is needed: once the root has been changed, the
   * container's own /proc is not to be trusted (CVE-2025-52881).
   */
  procDirectory: number | undefined;
  /** How many mount points have turned out to lie elsewhere, behind symbolic links. */
  linksFollowed = 0;
  /** The host's path of the root. */
  readonly rootfs: string;
  readonly kindOf: (path: string) => FileKind | undefined;
  #hands: Hands | undefined;
  #root: Operation | number | undefined;
  #waiting: Operation[] = [];

  constructor(options: RootContextOptions) {
    this.rootfs = options.rootfs;
    this.kindOf = options.kindOf;
  }

  /** Until there is somebody to carry steps out, they can be laid out already. */
  handTo(hands: Hands): void {
    this.#hands = hands;
  }

  get proxy(): Batches {
    return this.#given.proxy;
  }

  get helper(): Helper {
    return this.#given.helper;
  }

  get #given(): Hands {
    if (this.#hands === undefined) throw new Error("there is no process to build the root in yet");
    return this.#hands;
  }

  /** Whether no call has been missing yet. */
  get isModern(): boolean {
    const { mountSetattr, mountApi, openat2 } = this.features;
    return mountSetattr && mountApi && openat2;
  }

  /** Without openat2(2), where a path leads is only known when all that comes before is in place. */
  get oneByOne(): boolean {
    return !this.features.openat2;
  }

  /** The path of an open file, for mount(2). */
  scratchPath(descriptor: number): string {
    return this.procDirectory === undefined ? procPath(descriptor) : `${descriptor}`;
  }

  /** With the calls of old, what a step does may depend on what is found out meanwhile. */
  get allowsAhead(): boolean {
    return this.isModern;
  }

  /** Carries operations out, after what has waited for them. */
  attempt(entries: readonly Entry[], options: AttemptOptions = {}): Operation | undefined {
    if (entries.length === 0) return undefined;
    const waiting = this.#waiting;
    if (waiting.length === 0) return this.proxy.attempt(entries, options);
    this.#waiting = [];
    const failed = this.proxy.attempt([...waiting, ...entries], { meanwhile: options.meanwhile });
    if (failed !== undefined && waiting.includes(failed)) throw operationFailure(failed);
    return failed;
  }

  /** As `attempt`; throws when one of them fails. */
  run(operations: readonly Operation[]): void {
    const failed = this.attempt(operations);
    if (failed !== undefined) throw operationFailure(failed);
  }

  /** Carries out what still waits. */
  flush(): void {
    const failed = this.#waiting.length === 0 ? undefined : this.proxy.attempt(this.#waiting);
    this.#waiting = [];
    if (failed !== undefined) throw operationFailure(failed);
  }

  /** Operations for the next message, whatever that is about: most close something. */
  addToNext(operations: readonly Operation[]): void {
    for (const operation of operations) this.#waiting.push(operation);
  }

  /** The container's root: a descriptor of its mount, opened without rights to read. */
  get root(): Fd {
    if (this.#root === undefined) throw new Error("the root is not open yet");
    return typeof this.#root === "number" ? this.#root : held(this.#root);
  }

  set root(opening: Operation | number) {
    this.#root = opening;
  }
}
