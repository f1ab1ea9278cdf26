// The steps for mounts that make no new file system: bind mounts, remounts, and the links of a cgroup v1
// tree. Called by mount-steps.ts.

import type { TsrunError } from "../../errors.ts";
import { viewOf } from "../../linux/call/words.ts";
import { parseStatx } from "../../linux/files/statx.ts";
import { EACCES, EEXIST, EINVAL, ENOENT, ENOTDIR } from "../../linux/numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  O_PATH,
  S_IFDIR,
} from "../../linux/numbers/fcntl.ts";
import { MOUNT_ATTR_IDMAP, MS_BIND, PROC_SUPER_MAGIC } from "../../linux/numbers/mount.ts";
import { close, fstatfs, type Reading, statx, symlinkat } from "../../proxy/calls/calls.ts";
import { mountSetattr } from "../../proxy/calls/mount-calls.ts";
import { type Operation, operationError, resultOf } from "../../proxy/calls/operation.ts";
import type { Step } from "../../proxy/step.ts";
import { adapt } from "../place/adapt.ts";
import type { Executor, FreshTmpfs, RootContext } from "../place/context.ts";
import { type Opening, openPlain } from "../place/open.ts";
import { Target, type TargetStep } from "../place/target.ts";
import { adviceForBind } from "../plan/advice.ts";
import type { AttributeChange } from "../plan/attributes.ts";
import {
  type BindMount,
  describeMount,
  nameMount,
  type RemountMount,
  type SymlinkInMount,
} from "../plan/mounts.ts";
import { isInside, nameOf } from "../plan/paths.ts";
import { addFurther, bind, changeMount, onScratch, relaxChange } from "./attach.ts";
import { adviceForLocked } from "./locked.ts";
import { assertNosymfollow, lookForNosymfollow } from "./nosymfollow.ts";
import { changeBelowIfAsked, changesOneByOne } from "./recursive.ts";

export interface BindOptions {
  readonly context: RootContext;
  readonly mount: BindMount;
  readonly parentTmpfs: FreshTmpfs | undefined;
}

export function bindStep(options: BindOptions): Step {
  return new BindStep(options);
}

/** How far it has come. */
interface Progress {
  readonly target: Target;
  from: string;
  change: AttributeChange | undefined;
  needsHelp: boolean;
  /** Operations of the last try: the one that failed tells what went wrong. */
  lastTry: LastTry;
}

interface LastTry {
  place?: Operation;
  source?: Operation;
  tree?: Operation;
  flagging?: Operation | undefined;
  mapping?: Operation;
  magic?: Reading;
  looks?: readonly Reading[];
}

class BindStep implements TargetStep {
  readonly #options: BindOptions;
  /** Made when first needed: most steps repeat an earlier one and never need it. */
  #begun: Progress | undefined;

  constructor(options: BindOptions) {
    this.#options = options;
  }

  get #context(): RootContext {
    return this.#options.context;
  }

  get #mount(): BindMount {
    return this.#options.mount;
  }

  get #progress(): Progress {
    this.#begun ??= this.#begin();
    return this.#begun;
  }

  get #lastTry(): LastTry {
    return this.#progress.lastTry;
  }

  get target(): Target {
    return this.#progress.target;
  }

  get #attempt(): string {
    return `mount ${nameMount(this.#mount)}`;
  }

  #begin(): Progress {
    const { context, mount, parentTmpfs } = this.#options;
    const { change, onLink } = mount.parsed;
    // A source inside the root may be a mount of the container's, which tsrun itself does not see.
    const guessable = !isInside(context.rootfs, mount.source);
    const target = new Target(context, {
      path: mount.destination,
      kind: undefined,
      source: mount.source,
      attempt: this.#attempt,
      mountKind: "bind",
      onLink,
      parentTmpfs: guessable ? parentTmpfs : undefined,
      hint: () => describeMount({ ...mount, type: "bind" }),
    });
    return { target, from: mount.source, change, needsHelp: this.#needsHelp, lastTry: {} };
  }

  get #needsHelp(): boolean {
    return this.#begun === undefined ? this.#mount.idMap !== undefined : this.#begun.needsHelp;
  }

  /** As long as nothing has failed, mounts with the same options have the same operations. */
  get like(): Step["like"] {
    const { context, mount, parentTmpfs } = this.#options;
    const { parsed, destination, source } = mount;
    if (parentTmpfs !== undefined || !context.isModern) return undefined;
    if (this.#begun === undefined) {
      if (mount.idMap !== undefined || destination === "/proc") return undefined;
      return { kind: parsed, texts: [destination, source] };
    }
    const { target, change, from, needsHelp } = this.#begun;
    if (needsHelp) return undefined;
    if (change !== parsed.change || target.path === "/proc") return undefined;
    return { kind: parsed, texts: [target.path, from] };
  }

  /** If the helper is to mount, these only open the mount point. */
  operations(): Operation[] {
    const opened = this.target.open();
    this.#progress.lastTry = { place: opened.descriptor };
    const { operations } = opened;
    const again = () => this.target.reopen();
    if (!this.#needsHelp) this.#addMount(operations, opened.descriptor, { again });
    operations.push(close(opened.descriptor));
    return operations;
  }

  get next(): (() => void) | undefined {
    const isMore = this.#needsHelp || changesOneByOne(this.#context, this.#mount.parsed);
    return isMore ? () => this.#goOn() : undefined;
  }

  #addMount(operations: Operation[], target: Operation, { again, userNamespace }: Mounting): void {
    const { parsed } = this.#mount;
    const attempt = this.#attempt;
    const isPrepared = userNamespace !== undefined || this.target.path === "/proc";
    const binding = {
      from: this.#progress.from,
      withSubmounts: parsed.withSubmounts,
      nofollow: parsed.sourceLink !== "followed",
      target,
      again,
      prepare: isPrepared ? (tree: Operation) => this.#prepare(tree, userNamespace) : undefined,
      change: this.#progress.change,
      recursive: parsed.recursive,
      propagation: parsed.propagation,
      attempt,
    };
    const bound = bind(this.#context, binding, operations);
    this.#lastTry.source = bound.source;
    this.#lastTry.tree = bound.mounted;
    this.#lastTry.flagging = bound.flagging;
    const flags = this.#context.features.mountSetattr ? 0 : (this.#progress.change?.flags ?? 0);
    this.#lastTry.looks = lookForNosymfollow(bound.mounted, flags, attempt);
    operations.push(...this.#lastTry.looks, close(bound.mounted));
  }

  #prepare(tree: Operation, userNamespace: number | undefined): Operation[] {
    const mount = this.#mount;
    const operations: Operation[] = [];
    if (userNamespace !== undefined) {
      const how = mount.idMap?.withSubmounts === true ? AT_EMPTY_PATH | AT_RECURSIVE : AT_EMPTY_PATH;
      const attempt = `map the ids of the mount of ${nameMount(mount)}`;
      this.#lastTry.mapping = mountSetattr(tree, "", how, { set: MOUNT_ATTR_IDMAP, userNamespace }, attempt);
      operations.push(this.#lastTry.mapping);
    }
    if (this.target.path === "/proc") {
      this.#lastTry.magic = fstatfs(tree, this.#attempt);
      operations.push(this.#lastTry.magic);
    }
    return operations;
  }

  finish(): void {
    if (this.#begun !== undefined && !this.#needsHelp) this.#check();
  }

  #check(): void {
    this.#checkProc();
    assertNosymfollow(this.#lastTry.looks ?? [], describeMount({ ...this.#mount, type: "bind" }));
  }

  #goOn(): void {
    if (this.#needsHelp) {
      this.#mountByHelper();
      this.#check();
    }
    const [asked, where] = [this.#mount.parsed, describeMount({ ...this.#mount, type: "bind" })];
    changeBelowIfAsked(this.#context, { path: this.target.path, asked, attempt: this.#attempt, where });
  }

  /** World: tsrun's own privileges, in the container's mount namespace. The mount point is opened again. */
  #mountByHelper(): void {
    const { helper } = this.#context;
    const { idMap } = this.#mount;
    if (!helper.canHelp) {
      throw this.target.refusal("id-mapped mounts are not supported for rootless containers");
    }
    const userNamespace = idMap === undefined ? undefined : helper.userNamespace(idMap);
    const run = () => {
      const open = () =>
        openPlain(
          this.#context,
          { directory: helper.root, path: this.target.path, how: O_PATH },
          this.#attempt,
        );
      const place = open();
      this.#progress.lastTry = { place: place.descriptor };
      this.#addMount(place.operations, place.descriptor, { again: open, userNamespace });
      return helper.attempt([...place.operations, close(place.descriptor)]);
    };
    let failed = run();
    while (failed !== undefined && this.#canGoOn(failed, helper)) failed = run();
    if (failed !== undefined) throw this.#failure(failed, helper);
  }

  /**
   * AS RUNC: only another procfs may be bound on /proc. Nothing runs in the container yet, so a check
   * afterwards is soon enough.
   */
  #checkProc(): void {
    if (this.#lastTry.magic === undefined || this.#lastTry.magic.result !== 0) return;
    const magic = viewOf(this.#lastTry.magic.out.bytes).getUint32(0, true);
    if (magic === PROC_SUPER_MAGIC) return;
    throw this.target.refusal(`"${this.target.path}" cannot be mounted because it is not of type proc`);
  }

  recover(failed: Operation, pending: readonly Step[]): void {
    if (this.target.recover(failed, pending)) return;
    if (this.#canGoOn(failed, this.#context.proxy)) return;
    if (failed === this.#lastTry.source && failed.result === -EACCES && this.#context.helper.canHelp) {
      this.#progress.needsHelp = true;
      return;
    }
    throw this.#failure(failed, this.#context.proxy);
  }

  /** Whether another try may succeed, with other calls, other flags or the other source. */
  #canGoOn(failed: Operation, proxy: Executor): boolean {
    const progress = this.#progress;
    if (adapt(this.#context, failed)) return true;
    if (failed === progress.lastTry.flagging) return this.#relax(failed, proxy);
    const { otherSource } = this.#mount;
    if (failed !== progress.lastTry.source || failed.result !== -ENOENT) return false;
    if (otherSource === undefined || progress.from === otherSource) return false;
    progress.from = otherSource;
    return true;
  }

  #failure(failed: Operation, proxy: Executor): TsrunError {
    const mismatch = this.#compareKinds(failed, proxy);
    if (mismatch !== undefined) return mismatch;
    const where = describeMount({ ...this.#mount, type: "bind" });
    const locked = adviceForLocked(proxy, { failed, asked: this.#mount.parsed, ...this.#lastTry });
    return operationError(failed, { hint: `${adviceForBind(failed, this.#lastTry)}${locked}${where}` });
  }

  /**
   * If either the source or the mount point is a directory and the other is not, the error says so; the
   * kernel's does not.
   */
  #compareKinds(failed: Operation, proxy: Executor): TsrunError | undefined {
    const look = this.#lookAtSource(failed);
    if (look === undefined || this.#lastTry.place === undefined) return undefined;
    const looks = [look, statx(resultOf(this.#lastTry.place), "", AT_EMPTY_PATH, this.#attempt)];
    if (proxy.attempt(looks) !== undefined) return undefined;
    const [source, target] = looks.map((one) => parseStatx(one.out.bytes).type === S_IFDIR);
    if (source === target) return undefined;
    // Docker looks for "not a directory", and adds its own advice.
    const [first, second] = source ? ["", "not "] : ["not ", ""];
    const words = `the source is ${first}a directory, the mount point is ${second}a directory`;
    return this.target.refusal(words, "both must be folders, or both files; ");
  }

  /** A directory on a file: move_mount(2) returns EINVAL; mount(2) ENOTDIR, as for a source below a file. */
  #lookAtSource(failed: Operation): Reading | undefined {
    if (failed.call === "move_mount" && failed.result === -EINVAL && this.#lastTry.tree !== undefined) {
      return statx(resultOf(this.#lastTry.tree), "", AT_EMPTY_PATH, this.#attempt);
    }
    if (failed !== this.#lastTry.source || failed.call !== "mount" || failed.result !== -ENOTDIR)
      return undefined;
    const how = this.#mount.parsed.sourceLink === "followed" ? 0 : AT_SYMLINK_NOFOLLOW;
    return statx(AT_FDCWD, this.#progress.from, how, this.#attempt);
  }

  #relax(failed: Operation, proxy: Executor): boolean {
    const progress = this.#progress;
    const { change, lastTry } = progress;
    if (change === undefined || lastTry.tree === undefined) return false;
    const refusal = { failed, tree: resultOf(lastTry.tree), asked: this.#mount.parsed, change };
    progress.change = relaxChange(proxy, { ...refusal, attempt: this.#attempt });
    return progress.change !== undefined;
  }
}

interface Mounting {
  /** Opens the mount point again. */
  readonly again: () => Opening;
  readonly userNamespace?: number | undefined;
}

export interface RemountOptions {
  readonly context: RootContext;
  readonly mount: RemountMount;
}

/**
 * Changes the flags of a mount of the container's: with `bind` those of the mount alone, otherwise those of
 * its file system as well.
 */
export function remountStep({ context, mount }: RemountOptions): Step {
  const attempt = `remount ${nameMount(mount)}`;
  const hint = () => describeMount({ ...mount, type: mount.type });
  const target = new Target(context, {
    path: mount.destination,
    kind: "directory",
    attempt,
    mountKind: "bind",
    parentTmpfs: undefined,
    hint,
  });
  let looks: readonly Reading[] = [];
  return {
    operations: () => {
      const { operations, descriptor } = target.open(O_PATH);
      const isBind = (mount.setFlags & MS_BIND) !== 0;
      const call = {
        source: mount.source,
        type: mount.type,
        flags: mount.setFlags,
        data: mount.data.join(","),
      };
      const changes = isBind
        ? changeMount(context, descriptor, mount.change, attempt)
        : onScratch(context, descriptor, call, attempt);
      const further = addFurther(context, descriptor, { ...mount, attempt });
      const byCall = !isBind || !context.features.mountSetattr;
      looks = lookForNosymfollow(descriptor, byCall ? mount.setFlags : 0, attempt);
      return [...operations, ...changes, ...further, ...looks, close(descriptor)];
    },
    finish: () => assertNosymfollow(looks, hint()),
    get next() {
      if (!changesOneByOne(context, mount)) return undefined;
      return () => changeBelowIfAsked(context, { path: target.path, asked: mount, attempt, where: hint() });
    },
    recover: (failed, pending) => {
      if (target.recover(failed, pending) || adapt(context, failed)) return;
      throw operationError(failed, { hint: hint() });
    },
  };
}

export interface SymlinkOptions {
  readonly context: RootContext;
  readonly link: SymlinkInMount;
  readonly parentTmpfs: FreshTmpfs | undefined;
}

/** A link in a tmpfs that tsrun has just mounted. */
export function symlinkStep({ link, parentTmpfs }: SymlinkOptions): Step {
  const attempt = `link "${link.destination}" to "${link.target}"`;
  let exists = false;
  return {
    operations: () => {
      if (parentTmpfs === undefined || exists) return [];
      return [symlinkat(link.target, parentTmpfs.directory, nameOf(link.destination), attempt)];
    },
    recover: (failed) => {
      if (failed.result !== -EEXIST) throw operationError(failed);
      exists = true;
    },
  };
}
