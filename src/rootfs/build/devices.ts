// The steps that fill a container's /dev: nodes by mknod(2) where that is allowed, else the host's bound over
// empty files, and the links. Called by rootfs/rootfs.ts after all mounts.

import { parseStatx } from "../../linux/files/statx.ts";
import { EACCES, EEXIST, ENOSYS, EPERM } from "../../linux/numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  S_IFMT,
  S_IFREG,
} from "../../linux/numbers/fcntl.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import {
  close,
  fchownat,
  mknodat,
  openat,
  type Reading,
  statx,
  symlinkat,
  unlinkat,
} from "../../proxy/calls/calls.ts";
import { type Operation, operation, operationError, orGoOn, resultOf } from "../../proxy/calls/operation.ts";
import type { Step } from "../../proxy/step.ts";
import { adapt } from "../place/adapt.ts";
import type { FreshTmpfs, RootContext } from "../place/context.ts";
import { type Opening, openPlain } from "../place/open.ts";
import { Target, type TargetStep } from "../place/target.ts";
import type { DevicePlan, LinkPlan } from "../plan/devices.ts";
import { nameOf, parentOf } from "../plan/paths.ts";
import { bind } from "./attach.ts";

export interface InDirectory {
  readonly context: RootContext;
  /**
   * The new tmpfs that the path is in, if it is in one; otherwise its directory is looked up below the root.
   */
  readonly parentTmpfs: FreshTmpfs | undefined;
}

/** The directory that something is made in, opened for the length of a step. */
class Directory {
  readonly target: Target;
  readonly #parentTmpfs: FreshTmpfs | undefined;

  constructor({ context, parentTmpfs }: InDirectory, path: string, attempt: string) {
    this.#parentTmpfs = parentTmpfs;
    this.target = new Target(context, {
      path: parentOf(path),
      kind: "directory",
      attempt,
      mountKind: "nothing",
      parentTmpfs: undefined,
      hint: () => "devices and links are made below the container's root",
    });
  }

  /** Whether nobody else can reach it. */
  get isOurs(): boolean {
    return this.#parentTmpfs !== undefined;
  }

  with(operations: (directory: Fd) => Operation[]): Operation[] {
    if (this.#parentTmpfs !== undefined) return operations(this.#parentTmpfs.directory);
    const opened = this.target.open(O_PATH | O_DIRECTORY);
    return [...opened.operations, ...operations(opened.descriptor), close(opened.descriptor)];
  }
}

export interface DeviceOptions extends InDirectory {
  readonly device: DevicePlan;
  /** A user namespace may not make nodes. */
  readonly bind: boolean;
}

export function deviceStep(options: DeviceOptions): TargetStep {
  return new DeviceStep(options);
}

class DeviceStep implements TargetStep {
  readonly #device: DevicePlan;
  readonly #directory: Directory;
  readonly #context: RootContext;
  readonly #attempt: string;
  #bind: boolean;
  #exists = false;
  #status: Reading | undefined;
  #node: Operation | undefined;
  /** Opens the host's node, where that is bound. */
  #source: Operation | undefined;
  #needsHelp = false;

  constructor(options: DeviceOptions) {
    this.#device = options.device;
    this.#bind = options.bind;
    this.#context = options.context;
    this.#attempt = `create device "${options.device.path}"`;
    this.#directory = new Directory(options, options.device.path, this.#attempt);
  }

  get target(): Target {
    return this.#directory.target;
  }

  operations(): Operation[] {
    this.#status = undefined;
    if (this.#exists) return [];
    return this.#directory.with((directory) =>
      this.#bind ? this.#bindNode(directory) : this.#makeNode(directory),
    );
  }

  #makeNode(directory: Fd): Operation[] {
    const { path, uid, gid } = this.#device;
    const name = nameOf(path);
    const made = mknodat(directory, name, this.#device, this.#attempt);
    if (this.#directory.isOurs) {
      const owned = uid === 0 && gid === 0;
      return owned ? [made] : [made, fchownat(directory, name, { uid, gid }, this.#attempt)];
    }
    // In a directory that others can write to, the file with this name need not be the one that was made
    // (CVE-2026-41579), so it gets its owner only after a check.
    const node = openat(directory, name, O_PATH | O_NOFOLLOW, this.#attempt);
    this.#status = statx(node, "", AT_EMPTY_PATH, this.#attempt);
    this.#node = node;
    return [made, node, this.#status];
  }

  #bindNode(directory: Fd): Operation[] {
    const name = nameOf(this.#device.path);
    const file = orGoOn(mknodat(directory, name, { mode: S_IFREG, major: 0, minor: 0 }, this.#bindAttempt));
    if (this.#needsHelp) return [file];
    const place = openPlain(this.#context, { directory, path: name, how: O_PATH }, this.#bindAttempt);
    return [file, ...this.#bindOn(place)];
  }

  get #bindAttempt(): string {
    const { path } = this.#device;
    return `mount "${path}" on "${path}"`;
  }

  #bindOn({ operations: opening, descriptor: target }: Opening): Operation[] {
    const attempt = this.#bindAttempt;
    const from = this.#device.path;
    const request = { from, withSubmounts: false, target, again: undefined, propagation: [], attempt };
    const { operations, mounted, source } = bind(this.#context, request);
    this.#source = source;
    return [
      ...opening,
      ...operations,
      ...(mounted.call === "open_tree" ? [close(mounted)] : []),
      close(target),
    ];
  }

  /**
   * Has the helper bind the host's node, which lies below a directory that the container's root user may not
   * enter.
   */
  #bindByHelper(): void {
    const { helper } = this.#context;
    const path = `${this.target.path}/${nameOf(this.#device.path)}`;
    const run = () => {
      const place = openPlain(
        this.#context,
        { directory: helper.root, path, how: O_PATH },
        this.#bindAttempt,
      );
      return helper.attempt(this.#bindOn(place));
    };
    let failed = run();
    while (failed !== undefined && adapt(this.#context, failed)) failed = run();
    if (failed !== undefined) throw operationError(failed, { hint: this.#hint(failed) });
  }

  get next(): (() => void) | undefined {
    return this.#needsHelp ? () => this.#bindByHelper() : undefined;
  }

  finish(): void {
    if (this.#status === undefined) return;
    const { mode, major, minor, uid, gid } = this.#device;
    const found = parseStatx(this.#status.out.bytes);
    const same = found.type === (mode & S_IFMT) && found.nodeMajor === major && found.nodeMinor === minor;
    if (!same) throw this.target.refusal("another file has taken its place");
    if (this.#node === undefined) return;
    const owner = [uid, gid, AT_EMPTY_PATH];
    const owned = operation("fchownat", [resultOf(this.#node), "", ...owner], this.#attempt);
    const failed = this.#context.proxy.attempt([owned, close(resultOf(this.#node))]);
    if (failed !== undefined) throw operationError(failed);
  }

  recover(failed: Operation, pending: readonly Step[]): void {
    if (this.target.recover(failed, pending) || adapt(this.#context, failed)) return;
    if (failed.call === "mknodat" && failed.result === -EEXIST) {
      this.#exists = true;
      return;
    }
    const forbidden = failed.result === -EPERM || failed.result === -EACCES;
    if (failed.call === "mknodat" && forbidden && !this.#bind) {
      this.#bind = true;
      return;
    }
    if (failed === this.#source && failed.result === -EACCES && this.#context.helper.canHelp) {
      this.#needsHelp = true;
      return;
    }
    throw operationError(failed, { hint: this.#hint(failed) });
  }

  #hint(failed: Operation): string | undefined {
    if (failed.result === -ENOSYS || !this.#bind) return undefined;
    return `device nodes cannot be made here, so tsrun mounts the host's ${this.#device.path}`;
  }
}

export interface LinkOptions extends InDirectory {
  readonly link: LinkPlan;
}

export function linkStep({ context, parentTmpfs, link }: LinkOptions): TargetStep {
  const attempt = `link "${link.path}" to "${link.target}"`;
  const directory = new Directory({ context, parentTmpfs }, link.path, attempt);
  let inTheWay: "nothing" | "stays" | "goes" = "nothing";
  return {
    target: directory.target,
    operations: () => {
      if (inTheWay === "stays") return [];
      return directory.with((at) => [
        ...(inTheWay === "goes" ? [unlinkat(at, nameOf(link.path), 0, attempt)] : []),
        symlinkat(link.target, at, nameOf(link.path), attempt),
      ]);
    },
    recover: (failed, pending) => {
      if (directory.target.recover(failed, pending) || adapt(context, failed)) return;
      if (failed.call !== "symlinkat" || failed.result !== -EEXIST || inTheWay !== "nothing") {
        throw operationError(failed);
      }
      inTheWay = link.replaces ? "goes" : "stays";
    },
  };
}
