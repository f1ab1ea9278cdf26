// Adds mounts to an existing container, and removes them: `mounts add` and `mounts remove`. All sources are
// opened before anything is mounted; if one mount fails, the others are undone. Called by the story of
// `mounts`.

import { TsrunError } from "../../errors.ts";
import { type Descriptor, readText } from "../../linux/files/files.ts";
import { mountIdOf, parseStatx } from "../../linux/files/statx.ts";
import { EINVAL, ENOSYS, EPERM } from "../../linux/numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  S_IFDIR,
} from "../../linux/numbers/fcntl.ts";
import {
  MNT_DETACH,
  MOUNT_ATTR_IDMAP,
  MS_REC,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../linux/numbers/mount.ts";
import { openFilesLimit } from "../../linux/process/limits.ts";
import { close, openat, type Reading, statx, unlinkat } from "../../proxy/calls/calls.ts";
import { mountSetattr, openTree, umount2 } from "../../proxy/calls/mount-calls.ts";
import { type Operation, operationError, orGoOn, resultOf } from "../../proxy/calls/operation.ts";
import type { Trace } from "../../proxy/proxy.ts";
import type { Step } from "../../proxy/step.ts";
import type { LiveMount } from "../../spec/types.ts";
import { attach, byScratch, relaxChange } from "../build/attach.ts";
import { adviceForLocked } from "../build/locked.ts";
import { FilesystemStep } from "../build/mount-filesystem.ts";
import { waitedFor } from "../build/mount-steps.ts";
import { readonlyMountStep } from "../build/seal.ts";
import { withUserNamespace } from "../host/helper.ts";
import { parseMounts } from "../host/mountinfo.ts";
import { adapt } from "../place/adapt.ts";
import { type FileKind, type Helper, RootContext } from "../place/context.ts";
import { openPlain } from "../place/open.ts";
import { Target, type TargetStep } from "../place/target.ts";
import { adviceForBind } from "../plan/advice.ts";
import type { AttributeChange } from "../plan/attributes.ts";
import type { LiveMountPlan, LivePlan } from "../plan/live.ts";
import { type BindMount, describeMount, nameMount } from "../plan/mounts.ts";
import { nameOf, parentOf } from "../plan/paths.ts";
import { LiveProcess } from "./process.ts";

/** How many mounts one message looks at. */
const LOOKS = 100;

export interface LiveOptions {
  /** The directory in /proc of the container's first process. */
  readonly init: Descriptor;
  readonly trace: Trace | undefined;
}

/** Mounts that have been added, and can still be undone. */
export class AddedMounts implements Disposable {
  readonly #process: LiveProcess;
  readonly #context: RootContext;
  readonly #steps: LiveStep[] = [];

  private constructor(process: LiveProcess) {
    this.#process = process;
    this.#context = contextOf(process);
  }

  /** Mounts all of them, or none. */
  static make(plan: LivePlan, { init, trace }: LiveOptions): AddedMounts {
    const process = new LiveProcess(init, trace);
    const added = new AddedMounts(process);
    try {
      process.standAmongSources();
      const sources = plan.mounts.map((mount) => openSource(process, plan, mount));
      process.enter();
      for (const [index, mount] of plan.mounts.entries()) {
        added.#steps.push(stepFor(added.#context, mount, sources[index]));
      }
      added.#carryOut();
    } catch (error) {
      added.undo();
      added[Symbol.dispose]();
      throw error;
    }
    return added;
  }

  #carryOut(): void {
    const context = this.#context;
    for (const { before, step } of this.#steps) {
      for (const look of before) context.proxy.say(look);
      context.proxy.say(step);
    }
    context.proxy.settle();
    const sealed = this.#steps.flatMap(({ isReadonly, mounted }) => {
      const descriptor = isReadonly ? mounted() : undefined;
      return descriptor === undefined ? [] : [descriptor];
    });
    for (const descriptor of sealed) {
      context.proxy.say(readonlyMountStep(context, descriptor, "make a mount read-only"));
    }
    context.proxy.settle();
  }

  /** The paths and ids of the mounts, in the order of the plan. */
  places(): Omit<LiveMount, "destination">[] {
    const attempt = "look for the mounts that were made";
    const looks = this.#steps.map(({ mounted }) => statx(mounted() ?? -1, "", AT_EMPTY_PATH, attempt));
    for (let at = 0; at < looks.length; at += LOOKS) this.#context.proxy.ask(looks.slice(at, at + LOOKS));
    return looks.map((look, index) => {
      const id = mountIdOf(look.out.bytes);
      if (id === undefined) throw needsLinux("statx(2) with the ids of mounts", "5.8");
      return { path: this.#steps[index]?.target().path ?? "", id };
    });
  }

  /** Unmounts them again, the last first, and removes the mount points that were made for them. */
  undo(): void {
    for (const { mounted } of this.#steps.toReversed()) {
      const descriptor = mounted();
      // A mount that has not been attached yet gives EINVAL.
      if (descriptor !== undefined)
        this.#context.proxy.attempt(unmount(this.#context, descriptor).map(orGoOn));
    }
    for (const { target } of this.#steps.toReversed()) removeMade(this.#context, target());
  }

  [Symbol.dispose](): void {
    this.#process[Symbol.dispose]();
  }
}

/** Unmounts what `mounts add` has mounted. Returns those that were gone already. */
export function removeLiveMounts(mounts: readonly LiveMount[], { init, trace }: LiveOptions): LiveMount[] {
  const there = liveMountsThere(mounts, init);
  const gone = mounts.filter((mount) => !there.includes(mount));
  using process = new LiveProcess(init, trace);
  process.enter();
  const context = contextOf(process);
  // Check that all can be reached before any is unmounted. None stays open, since there may be many.
  for (const mount of there) context.proxy.ask([close(reach(context, mount))]);
  // The last first: it may lie in an earlier one.
  for (const mount of there.toReversed()) {
    const descriptor = reach(context, mount);
    context.proxy.ask([...unmount(context, descriptor, `unmount "${mount.destination}"`), close(descriptor)]);
  }
  return gone;
}

/** Those that the container has not unmounted itself. */
export function liveMountsThere(mounts: readonly LiveMount[], init: Descriptor): LiveMount[] {
  if (mounts.length === 0) return [];
  const there = new Map(
    parseMounts(readText("mountinfo", { at: init.number })).map((one) => [one.id, one.point]),
  );
  return mounts.filter(({ id, path }) => there.get(id) === path);
}

function contextOf(process: LiveProcess): RootContext {
  const { proxy } = process;
  const context = new RootContext({
    proxy,
    helper: NO_HELPER,
    rootfs: "/",
    kindOf: () => undefined,
    openFilesLimit,
  });
  context.root = process.root;
  context.procDirectory = process.descriptors;
  return context;
}

/** Whatever a helper could do has been done before the container is entered. */
const NO_HELPER: Helper = {
  canHelp: false,
  root: -1,
  attempt: () => undefined,
  userNamespace: () => -1,
};

interface Source {
  /** A copy of the source's mount, detached: nobody can have seen it. */
  readonly tree: number;
  readonly kind: FileKind;
}

/** World: tsrun's own privileges, among the host's mounts. */
function openSource(process: LiveProcess, plan: LivePlan, mount: LiveMountPlan): Source | undefined {
  if (mount.kind !== "bind") return undefined;
  const { parsed, source } = mount;
  const attempt = `mount ${nameMount(mount)}`;
  let how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (parsed.withSubmounts) how |= AT_RECURSIVE;
  if (parsed.sourceLink !== "followed") how |= AT_SYMLINK_NOFOLLOW;
  const tree = openTree(AT_FDCWD, source, how, attempt);
  const look = statx(tree, "", AT_EMPTY_PATH, attempt);
  const operations: Operation[] = [tree, look];
  const { treePropagation } = plan;
  if (treePropagation !== undefined) {
    // What the container mounts on it later must not appear on the host.
    const recursive = (treePropagation & MS_REC) === 0 ? AT_EMPTY_PATH : AT_EMPTY_PATH | AT_RECURSIVE;
    const propagation = treePropagation & ~MS_REC;
    operations.push(mountSetattr(tree, "", recursive, { propagation }, attempt));
  }
  const failed = process.proxy.attempt(operations);
  if (failed !== undefined) throw sourceFailure(failed, tree, mount);
  if (mount.idMap !== undefined) mapIds(process, mount, resultOf(tree));
  return {
    tree: resultOf(tree),
    kind: parseStatx(look.out.bytes).type === S_IFDIR ? "directory" : "file",
  };
}

function sourceFailure(failed: Operation, tree: Operation, mount: BindMount): TsrunError {
  if (failed.result === -ENOSYS) return needsBindCalls();
  const where = describeMount(mount);
  const isRefused = failed === tree && failed.result === -EPERM;
  const advice = isRefused
    ? "an ordinary user cannot copy mounts of the host; "
    : adviceForBind(failed, { source: tree });
  return operationError(failed, { hint: `${advice}${where}` });
}

function mapIds(process: LiveProcess, mount: BindMount, tree: number): void {
  const { idMap } = mount;
  if (idMap === undefined) return;
  if (!process.canMapIds) {
    throw new TsrunError(
      "E_CONFIG",
      `cannot mount ${nameMount(mount)}: id-mapped mounts are not supported for rootless containers`,
      { hint: describeMount(mount) },
    );
  }
  const attempt = `map the ids of the mount of ${nameMount(mount)}`;
  const how = idMap.withSubmounts ? AT_EMPTY_PATH | AT_RECURSIVE : AT_EMPTY_PATH;
  withUserNamespace({ ...idMap, container: process.userNamespacePath }, (path) => {
    const namespace = openat(AT_FDCWD, path, O_RDONLY, attempt);
    const opened = process.proxy.attempt([namespace]);
    if (opened !== undefined) throw operationError(opened);
    const userNamespace = resultOf(namespace);
    const mapping = mountSetattr(tree, "", how, { set: MOUNT_ATTR_IDMAP, userNamespace }, attempt);
    const failed = process.proxy.attempt([mapping, close(userNamespace)]);
    if (failed === undefined) return;
    if (failed.result === -ENOSYS) throw needsBindCalls();
    throw operationError(failed, { hint: `${adviceForBind(failed, { mapping })}${describeMount(mount)}` });
  });
}

interface LiveStep {
  readonly before: readonly Step[];
  readonly step: TargetStep;
  /** It becomes read-only when it is in place. */
  readonly isReadonly: boolean;
  /** The descriptor of the mount, as soon as there is one. */
  readonly mounted: () => number | undefined;
  readonly target: () => Target;
}

function stepFor(context: RootContext, mount: LiveMountPlan, source: Source | undefined): LiveStep {
  if (mount.kind === "filesystem") {
    const step = new FilesystemStep({ context, mount, parentTmpfs: undefined, keep: true });
    return {
      before: mount.inheritsMode ? [waitedFor(step.look())] : [],
      step,
      isReadonly: mount.readonlyLater,
      mounted: () => step.descriptorIfMade,
      target: () => step.target,
    };
  }
  if (source === undefined) throw new Error("a bind mount without a source");
  const step = new AttachStep(context, mount, source);
  return { before: [], step, isReadonly: false, mounted: () => source.tree, target: () => step.target };
}

/** World: the container's root, all privileges in its namespaces; the container's programs are running. */
class AttachStep implements TargetStep {
  readonly target: Target;
  readonly #context: RootContext;
  readonly #mount: BindMount;
  readonly #source: Source;
  #change: AttributeChange | undefined;
  #place: Operation | undefined;
  #flagging: Operation | undefined;

  constructor(context: RootContext, mount: BindMount, source: Source) {
    this.#context = context;
    this.#mount = mount;
    this.#source = source;
    this.#change = mount.parsed.change;
    this.target = new Target(context, {
      path: mount.destination,
      kind: source.kind,
      attempt: this.#attempt,
      mountKind: "other",
      onLink: mount.parsed.onLink,
      parentTmpfs: undefined,
      hint: () => describeMount(mount),
    });
  }

  get #attempt(): string {
    return `mount ${nameMount(this.#mount)}`;
  }

  operations(): Operation[] {
    const { operations, descriptor } = this.target.open();
    const { recursive, propagation } = this.#mount.parsed;
    const attributes = { change: this.#change, recursive, propagation, attempt: this.#attempt };
    this.#place = descriptor;
    const between = { tree: this.#source.tree, target: descriptor };
    this.#flagging = attach(this.#context, between, attributes, operations).flagging;
    operations.push(close(descriptor));
    return operations;
  }

  recover(failed: Operation, pending: readonly TargetStep[]): void {
    if (this.target.recover(failed, pending)) return;
    if (failed.call === "openat2" && adapt(this.#context, failed)) return;
    if (failed.result === -ENOSYS) throw needsBindCalls();
    if (failed === this.#flagging && this.#relax(failed)) return;
    this.#compareKinds(failed);
    const tried = { failed, tree: this.#source.tree, flagging: this.#flagging, asked: this.#mount.parsed };
    const locked = adviceForLocked(this.#context.proxy, tried);
    throw operationError(failed, { hint: `${locked}${describeMount(this.#mount)}` });
  }

  #relax(failed: Operation): boolean {
    const { parsed } = this.#mount;
    const change = this.#change;
    if (change === undefined) return false;
    const refusal = { failed, tree: this.#source.tree, asked: parsed, change, attempt: this.#attempt };
    this.#change = relaxChange(this.#context.proxy, refusal);
    return this.#change !== undefined;
  }

  /** move_mount(2) returns EINVAL if one of the two is a directory and the other is not. */
  #compareKinds(failed: Operation): void {
    if (failed.call !== "move_mount" || failed.result !== -EINVAL || this.#place === undefined) return;
    const look: Reading = statx(resultOf(this.#place), "", AT_EMPTY_PATH, this.#attempt);
    if (this.#context.proxy.attempt([look]) !== undefined) return;
    const target = parseStatx(look.out.bytes).type === S_IFDIR ? "directory" : "file";
    if (target === this.#source.kind) return;
    const [first, second] = target === "file" ? ["", "not "] : ["not ", ""];
    throw this.target.refusal(`the source is ${first}a directory, the mount point is ${second}a directory`);
  }
}

/** Detaches the mount, since programs may have files there open. */
function unmount(context: RootContext, descriptor: number, attempt = "unmount again"): Operation[] {
  return byScratch(context, descriptor, (path) => umount2(path, MNT_DETACH, attempt), attempt);
}

/** Opens the root of a mount by its path, and makes sure that it is this one. */
function reach(context: RootContext, mount: LiveMount): number {
  const { destination, id, path } = mount;
  const attempt = `unmount "${destination}"`;
  const place = openPlain(context, { directory: context.root, path, how: O_PATH }, attempt);
  const look = statx(place.descriptor, "", AT_EMPTY_PATH, attempt);
  const failed = context.proxy.attempt([...place.operations, look]);
  if (failed !== undefined) {
    // Without openat2(2), try one component after the other.
    if (adapt(context, failed)) return reach(context, mount);
    throw operationError(failed);
  }
  if (mountIdOf(look.out.bytes) === id) return resultOf(place.descriptor);
  throw new TsrunError("E_STATE", `cannot ${attempt}: something else is mounted over it`, {
    hint: "the container has mounted it there, and has to unmount it first",
  });
}

/** Removes the mount points that were made; those in use by now stay. */
function removeMade(context: RootContext, target: Target): void {
  for (const path of target.allMade.toReversed()) {
    const parent = parentOf(path);
    const how = O_PATH | O_DIRECTORY;
    const place = { directory: context.root, path: parent === "/" ? "." : parent, how, goOn: true as const };
    const { operations, descriptor } = openPlain(context, place, "remove a mount point");
    const removals = [0, AT_REMOVEDIR].map((flag) => unlinkat(descriptor, nameOf(path), flag));
    context.proxy.attempt([...operations, ...removals.map(orGoOn), orGoOn(close(descriptor))]);
  }
}

/** No other call attaches a mount that was copied in another namespace. */
function needsBindCalls(): TsrunError {
  return needsLinux("open_tree(2), move_mount(2) or mount_setattr(2)", "5.12");
}

function needsLinux(what: string, version: string): TsrunError {
  return new TsrunError("E_UNSUPPORTED", `cannot add a mount: this kernel lacks ${what}`, {
    hint: `it needs Linux ${version}`,
  });
}
