// What the steps of building a root share. Made by rootfs.ts.

import type { Fd } from "../../proxy/calls/arguments.ts";
import { procPath } from "../../proxy/calls/calls.ts";
import type { Operation } from "../../proxy/calls/operation.ts";
import type { Conversation } from "../../proxy/conversation.ts";
import { held } from "../../proxy/step.ts";
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
export interface FreshTmpfs {
  readonly directory: Fd;
}

/** Carries operations out, and returns the one that failed. */
export interface Executor {
  attempt(operations: readonly Operation[]): Operation | undefined;
}

/** A process with tsrun's own privileges in the container's mount namespace; see helper.ts. */
export interface Helper extends Executor {
  /** False when tsrun has no more privileges than the container. */
  readonly canHelp: boolean;
  /** The helper's own descriptor of the container's root. */
  readonly root: number;
  /** The helper's descriptor of a user namespace with these maps, or the container's own. */
  userNamespace(map: IdMap): number;
}

export interface RootContextOptions {
  /** Who builds the root. */
  readonly proxy: Conversation;
  readonly helper: Helper;
  readonly rootfs: string;
  /**
   * What kind of file a path of the host is, as far as tsrun itself can tell; a guess that saves a round
   * trip.
   */
  readonly kindOf: (path: string) => FileKind | undefined;
  /** How many files the builder may have open: only asked on a kernel for which `scratch` is needed. */
  readonly openFilesLimit: () => number;
  /** How many descriptors from 3 on the container inherits; none if absent. */
  readonly inherited?: number;
}

/**
 * More than the builder's own descriptors, which come after those that the container inherits; the caller's
 * limit is seldom lower.
 */
const SCRATCH = 900;

export class RootContext {
  readonly features: Readonly<KernelFeatures> = { mountSetattr: true, mountApi: true, openat2: true };
  /** Whether no call has been missing yet. */
  isModern = true;
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
  /** Who builds the root. */
  readonly proxy: Conversation;
  readonly helper: Helper;
  readonly #openFilesLimit: () => number;
  readonly #inherited: number;
  #scratch: number | undefined;
  #root: Operation | number | undefined;

  constructor(options: RootContextOptions) {
    this.proxy = options.proxy;
    this.helper = options.helper;
    this.#openFilesLimit = options.openFilesLimit;
    this.#inherited = options.inherited ?? 0;
    this.rootfs = options.rootfs;
    this.kindOf = options.kindOf;
  }

  /**
   * Notes that a call is missing. With the older calls, a step may depend on what the one before it finds.
   */
  lacks(feature: keyof KernelFeatures): void {
    (this.features as KernelFeatures)[feature] = false;
    this.isModern = false;
    if (feature === "openat2") this.proxy.goOneByOne();
    else this.proxy.goCarefully();
  }

  /**
   * mount(2) takes paths. The path of a descriptor must be known before the descriptor is opened, so its
   * number is fixed: this one for the target, and the next one for the source.
   */
  get scratch(): number {
    this.#scratch ??= Math.min(SCRATCH + this.#inherited, this.#openFilesLimit() - 2);
    return this.#scratch;
  }

  /** The path of an open file, for mount(2). */
  scratchPath(descriptor: number): string {
    return this.procDirectory === undefined ? procPath(descriptor) : `${descriptor}`;
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
