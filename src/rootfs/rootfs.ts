// The container's file system, from the host's tree of mounts to a closed root of its own. Three acts,
// between which create runs hooks, sets limits and attaches the terminal; the order is runc's (prepareRootfs,
// pivotRoot, finalizeRootfs). Every act sends what it has to do in very few messages; see
// docs/adr/0007-rootfs.md.

import { TsrunError } from "../errors.ts";
import { parseStatx } from "../linux/files/statx.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_DIRECTORY, O_PATH, O_RDWR, S_IFCHR } from "../linux/numbers/fcntl.ts";
import { octal } from "../proxy/calls/arguments.ts";
import { chdir, close, dup3, openat, type Reading, statx } from "../proxy/calls/calls.ts";
import { mount } from "../proxy/calls/mount-calls.ts";
import { type Checked, type Operation, operation, resultOf } from "../proxy/calls/operation.ts";
import type { SyscallProxy } from "../proxy/proxy.ts";
import { type Batches, type FirstBatch, held, layOutFirst, runSteps, type Step } from "../proxy/steps.ts";
import { deviceStep, linkStep } from "./build/devices.ts";
import { mountSteps } from "./build/mount-steps.ts";
import { changeRoot, rootStep, separateParent } from "./build/root.ts";
import {
  type EmptyDirectory,
  maskDirectoryStep,
  maskFileStep,
  NullDevice,
  readonlyMountStep,
  readonlyPathStep,
  verifyNull,
} from "./build/seal.ts";
import { HostHelper } from "./host/helper.ts";
import { Host, type HostView } from "./host/view.ts";
import { type Hands, RootContext } from "./place/context.ts";
import { PathLooks, type SealedKind } from "./place/looks.ts";
import { openFollowing } from "./place/open.ts";
import { planLinks } from "./plan/devices.ts";
import { operationFailure } from "./plan/failure.ts";
import type { RootfsPlan } from "./plan/plan.ts";

/** What the acts hand on: descriptors in the container's first process, and what was found out. */
export interface RootfsHandles {
  readonly context: RootContext;
  /** Mounts that are still to become read-only. */
  readonly readonlyLater: readonly number[];
  /** Which of the descriptors 0 to 2 are a /dev/null: the host's. */
  readonly nulls: readonly number[];
  /** The paths to be masked or made read-only, without those that do not exist. */
  kinds: ReadonlyMap<string, SealedKind>;
}

/** The steps of building the root, up to the first message. */
export interface RootfsLayout {
  readonly context: RootContext;
  readonly steps: readonly Step[];
  readonly first: FirstBatch;
  readonly stdio: readonly Reading[];
  readonly readonlyLater: () => number[];
  /** The mount point that the root lies below, where it is known. */
  readonly above: string | undefined;
}

/**
 * Lays out what `prepareRootfs` does; for this no process is needed yet.
 * @param before comes first, in the same message
 */
export function layOutRootfs(plan: RootfsPlan, before?: Checked): RootfsLayout {
  using host = new Host(plan.rootfs);
  return layOutFor(plan, host, before);
}

/** The same, by what somebody else sees of the host. */
export function layOutFor(plan: RootfsPlan, host: HostView, before?: Checked): RootfsLayout {
  const context = new RootContext({ rootfs: plan.rootfs, kindOf: (path) => host.kindOf(path) });
  const links = plan.setsUpDev ? planLinks({ kcore: host.kindOf("/proc/kcore") !== undefined }) : [];
  const inDev: string[] = [];
  for (const { path } of plan.devices) inDev.push(path);
  for (const { path } of links) inDev.push(path);
  const mounts = mountSteps(context, plan, { further: inDev, host });
  const steps = before === undefined ? [] : [plainStep(() => before.operations, before.check)];
  // In a mount namespace that is joined, it may be another.
  const above = plan.joinsMounts || plan.onHost ? undefined : host.mountPoint();
  steps.push(rootStep(context, plan, above));
  for (const step of mounts.steps) steps.push(step);
  for (const device of plan.devices) {
    const provider = mounts.providerFor(device.path);
    steps.push(deviceStep({ context, provider, device, bind: plan.bindDevices }));
  }
  for (const link of links) steps.push(linkStep({ context, provider: mounts.providerFor(link.path), link }));
  steps.push(plainStep(mounts.letGo));
  const stdio = stdioLooks();
  steps.push(plainStep(() => stdio));
  steps.push(plainStep(() => [operation("umask", [octal(0o022)], "set the file mode creation mask")]));
  return { context, steps, first: layOutFirst(steps), stdio, readonlyLater: mounts.readonlyLater, above };
}

/**
 * Builds the container's tree of mounts at the root's path on the host. World: the container's namespaces,
 * all privileges in them, and every path of the host still in reach.
 */
export function prepareRootfs(proxy: SyscallProxy, plan: RootfsPlan, layout: RootfsLayout): RootfsHandles {
  using helper = new HostHelper({ pid: proxy.pid, rootfs: plan.rootfs });
  return buildRootfs(plan, layout, { proxy, helper });
}

/** The same, by any hands. */
export function buildRootfs(plan: RootfsPlan, layout: RootfsLayout, hands: Hands): RootfsHandles {
  const { proxy } = hands;
  const { context, steps, first, stdio } = layout;
  context.handTo(hands);
  separateParent(proxy, plan, layout.above);
  runSteps(context, steps, first);
  context.flush();
  openProcDirectory(context, plan);
  const nulls: number[] = [];
  for (let number = 0; number < stdio.length && plan.setsUpDev; number++) {
    if (isNull(stdio[number])) nulls.push(number);
  }
  return { context, readonlyLater: layout.readonlyLater(), nulls, kinds: new Map() };
}

/** What the descriptors 0 to 2 are; one may be closed. */
function stdioLooks(): Reading[] {
  const looks: Reading[] = [];
  for (let number = 0; number <= 2; number++) {
    looks.push({ ...statx(number, "", AT_EMPTY_PATH), goOn: true });
  }
  return looks;
}

/** Where descriptors have to be reached by path, the host's procfs is held on to; it is the one to trust. */
function openProcDirectory(context: RootContext, { onHost, readonlyRoot }: RootfsPlan): void {
  const { features } = context;
  // Among the host's mounts nothing may have needed mount_setattr(2) so far: it may turn out to be missing.
  const isUntried = onHost && readonlyRoot;
  if (features.mountApi && features.mountSetattr && !isUntried) return;
  const opened = openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY, "open the directory of open files");
  const failed = context.attempt([opened]);
  if (failed !== undefined) throw operationFailure(failed);
  context.procDirectory = resultOf(opened);
}

/**
 * Makes the new root the process' own. Afterwards no path of the host can be reached, and none is to be
 * trusted.
 */
export function enterRootfs(proxy: Batches, plan: RootfsPlan, handles: RootfsHandles): void {
  const { context, nulls } = handles;
  const operations = changeRoot(context, plan);
  if (plan.rootPropagation !== undefined) {
    const attempt = "change the propagation of the root file system";
    operations.push(mount({ target: "/", flags: plan.rootPropagation }, attempt));
  }
  const reopened = nulls.length === 0 ? undefined : reopenNull(context, nulls);
  if (reopened !== undefined) operations.push(...reopened.operations);
  const looks = new PathLooks(context, [...plan.readonlyPaths, ...plan.maskedPaths]);
  for (const look of looks.operations) operations.push(look);
  const failed = proxy.attempt(operations);
  if (failed !== undefined) throw operationFailure(failed, { hint: pivotHint(plan, failed) });
  if (reopened !== undefined) verifyNull(reopened.status);
  handles.kinds = looks.kinds();
  refuseRoot(plan, handles.kinds);
}

/** Nothing can cover the root: the process' own root lies below whatever is mounted on it. */
function refuseRoot({ maskedPaths }: RootfsPlan, kinds: RootfsHandles["kinds"]): void {
  const path = maskedPaths.find((one) => kinds.get(one) === "root");
  if (path === undefined) return;
  throw new TsrunError("E_CONFIG", `cannot mask "${path}": it is the root file system itself`, {
    hint: "remove it from linux.maskedPaths; what is to be hidden there has to be named",
  });
}

/** What was opened before the root was changed leads to the host's node (runc: reOpenDevNull). */
function reopenNull(
  context: RootContext,
  nulls: readonly number[],
): { operations: Operation[]; status: Reading } {
  const attempt = "reopen /dev/null inside the container";
  const opened = openFollowing(context, { path: "/dev/null", how: O_RDWR }, attempt);
  const status = statx(opened, "", AT_EMPTY_PATH, attempt);
  const operations: Operation[] = [opened, status];
  for (const number of nulls) operations.push(dup3(opened, number, 0, attempt));
  operations.push(close(opened));
  return { operations, status };
}

function pivotHint(plan: RootfsPlan, failed: Operation): string | undefined {
  if (failed.call !== "pivot_root" || plan.change !== "pivot_root") return undefined;
  return "the host's root may be one that cannot be left, such as an initramfs: --no-pivot does without";
}

/**
 * Makes read-only what is to be read-only, and covers what is not to be seen: the last changes to the mounts.
 * Returns what is left to be done, along with whatever comes next.
 * @param furnish comes first, while the root is writable
 */
export function sealRootfs(plan: RootfsPlan, handles: RootfsHandles, furnish: Step): Checked {
  const { context, readonlyLater, kinds } = handles;
  const nothing = new NullDevice(context);
  const empty: EmptyDirectory = { inodes: 1 };
  const steps: Step[] = [furnish];
  for (const mounted of readonlyLater) {
    steps.push(readonlyMountStep(context, mounted, "make a mount read-only"));
  }
  if (plan.readonlyRoot) {
    steps.push(readonlyMountStep(context, context.root, "make the root file system read-only"));
  }
  for (const path of plan.readonlyPaths) {
    const kind = kinds.get(path);
    const attempt = `make "${path}" read-only`;
    if (kind === "root") steps.push(readonlyMountStep(context, context.root, attempt));
    else if (kind !== undefined) steps.push(readonlyPathStep(context, path));
  }
  // Before anything is masked, which /dev may be, too.
  if (plan.maskedPaths.some((path) => kinds.get(path) === "file")) steps.push(nothing);
  for (const path of plan.maskedPaths) {
    const kind = kinds.get(path);
    if (kind === "file") steps.push(maskFileStep(context, path, nothing));
    if (kind !== "directory") continue;
    steps.push(
      maskDirectoryStep(context, path, { empty, label: plan.mountLabel, labelOption: plan.mountContext }),
    );
  }
  const isAlone = steps.length === 1 && furnish.pauses !== true && !context.oneByOne;
  if (!isAlone) runSteps(context, steps);
  const operations = isAlone ? furnish.operations() : [];
  operations.push(close(context.root));
  for (const mounted of readonlyLater) operations.push(close(mounted));
  operations.push(...nothing.letGo());
  if (empty.maker !== undefined) operations.push(close(held(empty.maker.mounted)));
  if (context.procDirectory !== undefined) {
    operations.push(chdir("/", "leave /proc"), close(context.procDirectory));
  }
  return { operations, check: () => (isAlone ? furnish.finish?.() : undefined) };
}

/** Operations of which none can be helped when it fails. */
function plainStep(operations: () => readonly Operation[], finish = () => {}): Step {
  return {
    operations: () => [...operations()],
    finish,
    recover: (failed) => {
      throw operationFailure(failed);
    },
  };
}

function isNull(look: Reading | undefined): boolean {
  if (look?.result !== 0) return false;
  const { type, nodeMajor, nodeMinor } = parseStatx(look.out.bytes);
  return type === S_IFCHR && nodeMajor === 1 && nodeMinor === 3;
}
