// The step that mounts a new file system: proc, sysfs, tmpfs, devpts, mqueue, cgroup, overlay or any other.
// Called by mount-steps.ts.

import { TsrunError } from "../../errors.ts";
import { text } from "../../linux/call/words.ts";
import { parseStatx } from "../../linux/files/statx.ts";
import { EBUSY, EINVAL, ELOOP, ENOSYS, ENOTDIR, EPERM } from "../../linux/numbers/errno.ts";
import { AT_EMPTY_PATH, O_DIRECTORY, O_PATH, O_RDONLY } from "../../linux/numbers/fcntl.ts";
import { MS_RDONLY } from "../../linux/numbers/mount.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import { close, fsetxattr, openat, type Reading, read, statx } from "../../proxy/calls/calls.ts";
import {
  fsconfigCreate,
  fsconfigFlag,
  fsconfigString,
  fsmount,
  fsopen,
} from "../../proxy/calls/mount-calls.ts";
import { type Operation, operationError, orGoOn, resultOf } from "../../proxy/calls/operation.ts";
import { held, type Step } from "../../proxy/step.ts";
import { adapt } from "../place/adapt.ts";
import type { FreshTmpfs, RootContext } from "../place/context.ts";
import { openPlain } from "../place/open.ts";
import { MADE_MODE } from "../place/resolve.ts";
import { Target, type TargetStep } from "../place/target.ts";
import { adviceForFilesystem } from "../plan/advice.ts";
import { describeMount, type FilesystemMount, nameMount } from "../plan/mounts.ts";
import { attach, mountOn } from "./attach.ts";
import { copyUp } from "./copy-up.ts";
import { bindStep } from "./mount-bind.ts";
import { assertNosymfollow, lookForNosymfollow } from "./nosymfollow.ts";
import { changeBelowIfAsked, changesOneByOne } from "./recursive.ts";

/** A look at what is going to be covered. */
export interface Look {
  operations(): Operation[];
  finish(): void;
}

export interface FilesystemOptions {
  readonly context: RootContext;
  readonly mount: FilesystemMount;
  readonly parentTmpfs: FreshTmpfs | undefined;
  /** Leave the mount's descriptor open: mount points are made in it, or it becomes read-only later. */
  readonly keep: boolean;
}

export class FilesystemStep implements TargetStep, FreshTmpfs {
  readonly #options: FilesystemOptions;
  /** Made when first needed: most steps repeat an earlier one and never need it. */
  #target: Target | undefined;
  #mode: number | undefined;
  /** How many links had been followed when the mode was looked at; `undefined` where that does not matter. */
  #linksThen: number | undefined;
  #context: Operation | undefined;
  #mounted: Operation | undefined;
  #mounting: Operation | undefined;
  #covered: Operation | undefined;
  #instead: Step | undefined;
  #isLast = false;
  #looks: readonly Reading[] = [];

  constructor(options: FilesystemOptions) {
    this.#options = options;
  }

  get target(): Target {
    this.#target ??= this.#makeTarget();
    return this.#target;
  }

  get #attempt(): string {
    return `mount ${nameMount(this.#options.mount)}`;
  }

  #makeTarget(): Target {
    const { context, mount, parentTmpfs } = this.#options;
    const because = `filesystem "${mount.type}" must be mounted on ordinary directory`;
    return new Target(context, {
      path: mount.destination,
      kind: "directory",
      attempt: this.#attempt,
      mountKind: mount.type === "proc" ? "proc" : "other",
      ...(mount.plainDirectory ? { plain: { because } } : {}),
      parentTmpfs,
      hint: () => describeMount(mount),
    });
  }

  /**
   * As long as nothing has failed, tmpfs mounts with the same options are alike, except those that are needed
   * later.
   */
  get like(): Step["like"] {
    const { context, mount, parentTmpfs, keep } = this.#options;
    if (mount.type !== "tmpfs" || mount.source !== "tmpfs" || keep || mount.copyUp) return undefined;
    if (parentTmpfs !== undefined || this.#instead !== undefined || !context.isModern) return undefined;
    if (this.#mustLookAgain) return undefined;
    if (mount.needsMountCall || mount.context !== undefined || mount.rootLabel !== undefined)
      return undefined;
    const path = this.#target === undefined ? mount.destination : this.#target.path;
    const texts = this.#mode === undefined ? [path] : [path, inOctal(this.#mode)];
    return { kind: mount.parsed, texts };
  }

  /** Mounts below may need the files that are copied. */
  get next(): (() => void) | undefined {
    if (this.#instead !== undefined) return this.#instead.next;
    const { context, mount } = this.#options;
    return mount.copyUp || changesOneByOne(context, mount) ? () => this.#goOn() : undefined;
  }

  /** The mount's own root directory. */
  get directory(): Fd {
    if (this.#mounted === undefined) throw new Error("not mounted yet");
    return held(this.#mounted);
  }

  /** The mount's descriptor, once it is there. */
  get descriptor(): number {
    if (this.#mounted === undefined) throw new Error("not mounted yet");
    return resultOf(this.#mounted);
  }

  /** Like `descriptor`, but `undefined` if the mount has not been made. */
  get descriptorIfMade(): number | undefined {
    const made = this.#mounted?.result;
    return made === undefined || made < 0 ? undefined : made;
  }

  /** Closes what was kept open for others. */
  letGo(): Operation[] {
    const { keep } = this.#options;
    return keep && this.#instead === undefined && this.#mounted !== undefined ? [close(this.directory)] : [];
  }

  /** Takes over the mode of the directory that is going to be covered, if there is one. */
  inherit(mode: number | undefined): void {
    this.#linksThen = 0;
    this.#mode = mode;
  }

  /** Like `inherit`, with a step before all mounts that finds the mode. */
  lookEarly(): Look {
    this.#linksThen = 0;
    return this.look();
  }

  /**
   * If links have been followed since the look, an earlier mount may cover what was looked at; then look
   * again.
   */
  get first(): (() => void) | undefined {
    return this.#mustLookAgain ? () => this.#lookAgain() : undefined;
  }

  get #mustLookAgain(): boolean {
    return this.#linksThen !== undefined && this.#linksThen !== this.#options.context.linksFollowed;
  }

  #lookAgain(): void {
    this.#mode = undefined;
    const look = this.look();
    this.#options.context.proxy.attempt(look.operations());
    look.finish();
    this.#linksThen = this.#options.context.linksFollowed;
  }

  /** A step that finds the mode; it has to come before this one. */
  look(): Look {
    const { context } = this.#options;
    let opened: Operation | undefined;
    let status: Reading | undefined;
    const operations = (): Operation[] => {
      if (!context.features.openat2) this.target.resolve(undefined);
      const how = O_PATH | O_DIRECTORY;
      const place = { directory: context.root, path: this.target.path, how, goOn: true as const };
      const opening = openPlain(context, place, this.#attempt);
      opened = opening.descriptor;
      status = { ...statx(opened, "", AT_EMPTY_PATH), goOn: true };
      return [...opening.operations, status, orGoOn(close(opened))];
    };
    const finish = (): void => {
      if (opened?.result === -ENOSYS) {
        // Of several looks in one message, only the first one notes that the call is missing.
        adapt(context, opened);
        context.proxy.attempt(operations());
      }
      if (opened?.result === -ELOOP) {
        this.target.resolve(opened);
        context.proxy.attempt(operations());
      }
      const mode = status?.result === 0 ? parseStatx(status.out.bytes).mode : undefined;
      // A directory that was made for this mount has no mode to take over.
      this.#mode = this.target.isNew && mode === MADE_MODE ? undefined : mode;
    };
    return { operations, finish };
  }

  operations(): readonly Operation[] {
    if (this.#instead !== undefined) return this.#instead.operations();
    const opened = this.target.open(O_PATH | O_DIRECTORY);
    const { mount } = this.#options;
    const { operations, descriptor } = opened;
    if (mount.needsMountCall || !this.#options.context.features.mountApi) {
      operations.push(...this.#mountByCall(descriptor));
    } else this.#addMount(operations, descriptor);
    return operations;
  }

  #addMount(operations: Operation[], target: Operation): void {
    const { context, mount } = this.#options;
    const attempt = this.#attempt;
    const filesystem = fsopen(mount.type, attempt);
    const mounted = fsmount(filesystem, mount.attributes, attempt);
    this.#context = filesystem;
    this.#mounted = mounted;
    const { propagation, recursive } = mount;
    operations.push(filesystem);
    this.#configure(filesystem, operations);
    operations.push(fsconfigCreate(filesystem, attempt), mounted, close(filesystem));
    if (mount.rootLabel !== undefined) operations.push(...this.#labelRoot(mounted, mount.rootLabel));
    attach(context, { tree: mounted, target }, { recursive, propagation, attempt }, operations);
    for (const closing of this.#closing(target, mounted)) operations.push(closing);
  }

  /** What is still needed to copy up, or by other steps, stays open. */
  #closing(target: Operation, mounted: Operation): Operation[] {
    const { mount, keep } = this.#options;
    if (mount.copyUp) {
      this.#covered = target;
      return [];
    }
    return keep ? [close(target)] : [close(target), close(mounted)];
  }

  finish(): void {
    if (this.#instead !== undefined) {
      this.#instead.finish?.();
      return;
    }
    const { mount } = this.#options;
    if (this.#looks.length > 0) assertNosymfollow(this.#looks, describeMount(mount));
  }

  /**
   * The covered directory can still be reached by its descriptor, and no other process is in the container
   * yet.
   */
  #goOn(): void {
    const { context, mount, keep } = this.#options;
    const [covered, mounted] = [this.#covered, this.#mounted];
    if (mount.copyUp && covered !== undefined && mounted !== undefined) {
      const copy = { from: resultOf(covered), to: resultOf(mounted), attempt: `fill ${nameMount(mount)}` };
      copyUp(context, copy);
      context.proxy.say([close(copy.from), ...(keep ? [] : [close(copy.to)])]);
    }
    const where = describeMount(mount);
    changeBelowIfAsked(context, { path: this.target.path, asked: mount, attempt: this.#attempt, where });
  }

  #configure(filesystem: Operation, operations: Operation[]): void {
    const { mount } = this.#options;
    const attempt = this.#attempt;
    if (mount.source !== "") operations.push(fsconfigString(filesystem, "source", mount.source, attempt));
    for (const key of mount.superblock) operations.push(fsconfigFlag(filesystem, key, attempt));
    for (const option of this.#data()) {
      const equals = option.indexOf("=");
      if (equals < 0) operations.push(fsconfigFlag(filesystem, option, attempt));
      else {
        const key = option.slice(0, equals);
        operations.push(fsconfigString(filesystem, key, option.slice(equals + 1), attempt));
      }
    }
    const { context, contextOption = "context" } = mount;
    if (context !== undefined) operations.push(fsconfigString(filesystem, contextOption, context, attempt));
  }

  #labelRoot(mounted: Operation, rootLabel: string): Operation[] {
    const attempt = `label ${nameMount(this.#options.mount)} "${rootLabel}"`;
    // The descriptor of a mount is O_PATH, by which extended attributes cannot be set.
    const root = openat(mounted, ".", O_RDONLY | O_DIRECTORY, attempt);
    return [root, fsetxattr(root, { name: "security.selinux", value: rootLabel }, attempt), close(root)];
  }

  #data(): readonly string[] {
    const { data } = this.#options.mount;
    return this.#mode === undefined ? data : [`mode=${inOctal(this.#mode)}`, ...data];
  }

  /** Mounts with mount(2), which also takes long or quoted data. The new mount is then opened by its path. */
  #mountByCall(target: Operation): Operation[] {
    const { context, mount } = this.#options;
    const { propagation, recursive } = mount;
    const flags = mount.readonlyLater ? mount.setFlags & ~MS_RDONLY : mount.setFlags;
    const { operations, mounted } = mountOn(context, target, {
      call: {
        source: mount.source === "" ? "none" : mount.source,
        type: mount.type,
        flags,
        // A context may have commas in it.
        data: [...this.#data(), ...contextData(mount)].join(","),
      },
      again: () => this.target.reopen(O_PATH | O_DIRECTORY),
      recursive,
      propagation,
      attempt: this.#attempt,
    });
    this.#mounted = mounted;
    this.#mounting = operations.find(({ call }) => call === "mount");
    this.#looks = lookForNosymfollow(mounted, flags, this.#attempt);
    const labels = mount.rootLabel === undefined ? [] : this.#labelRoot(mounted, mount.rootLabel);
    return [...operations, ...this.#looks, ...labels, ...this.#closing(target, mounted)];
  }

  recover(failed: Operation, pending: readonly Step[]): void {
    if (this.#instead !== undefined) {
      this.#recoverInstead(this.#instead, failed, pending);
      return;
    }
    const { context, mount } = this.#options;
    if (this.target.recover(failed, pending)) return;
    if (adapt(context, failed)) return;
    if (mount.otherwise !== undefined && (failed.result === -EPERM || failed.result === -EBUSY)) {
      this.#instead = bindStep({
        context,
        mount: mount.otherwise,
        parentTmpfs: this.target.options.parentTmpfs,
      });
      return;
    }
    const { plain } = this.target.options;
    if (plain !== undefined && failed.result === -ENOTDIR) throw this.target.refusal(plain.because);
    throw this.#failure(failed);
  }

  #failure(failed: Operation): TsrunError {
    const { mount } = this.#options;
    const refused = failed === this.#mounting && failed.result === -EINVAL;
    const log = refused && !mount.needsMountCall ? this.#askAgain() : this.#kernelLog(failed);
    const advice = adviceForFilesystem(mount, { failed, refused, log });
    return operationError(failed, { log, hint: `${advice}${describeMount(mount)}` });
  }

  #recoverInstead(instead: Step, failed: Operation, pending: readonly Step[]): void {
    const { context, mount } = this.#options;
    const { lastResort } = mount;
    try {
      instead.recover?.(failed, pending);
    } catch (error) {
      const missing = error instanceof TsrunError && error.errno === "ENOENT";
      if (!missing || lastResort === undefined || this.#isLast) throw error;
      this.#isLast = true;
      const { parentTmpfs } = this.target.options;
      this.#instead = new FilesystemStep({ context, mount: lastResort, parentTmpfs, keep: false });
    }
  }

  /**
   * mount(2) does not say what it refuses. A file system context with the same configuration may say it,
   * unless fsopen(2) is missing.
   */
  #askAgain(): string {
    const filesystem = fsopen(this.#options.mount.type, this.#attempt);
    this.#context = filesystem;
    const operations = [filesystem];
    this.#configure(filesystem, operations);
    operations.push(fsconfigCreate(filesystem, this.#attempt));
    const failed = this.#options.context.proxy.attempt(operations);
    return failed === undefined ? "" : this.#kernelLog(failed);
  }

  /** What the kernel says about a bad parameter (fsconfig(2)): one message a read. */
  #kernelLog(failed: Operation): string {
    const filesystem = this.#context?.result;
    if (filesystem === undefined || filesystem < 0) return "";
    if (failed.call !== "fsconfig" && failed.call !== "fsmount") return "";
    const reads = [0, 1, 2].map(() => {
      const reading = read(filesystem, 1024, "read the kernel's messages");
      return { ...reading, goOn: true as const };
    });
    this.#options.context.proxy.attempt(reads);
    const messages = reads
      .filter((one) => (one.result ?? 0) > 0)
      .map((one) => text(one.out.bytes.subarray(0, one.result)).trim());
    // Each begins with its kind: "e " for an error.
    return messages.map((message) => message.replace(/^[ewi] /, "")).join(", ");
  }
}

function inOctal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function contextData({ context, contextOption = "context" }: FilesystemMount): string[] {
  return context === undefined ? [] : [`${contextOption}="${context}"`];
}
