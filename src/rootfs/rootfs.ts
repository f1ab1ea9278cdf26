// The container's file system, from the host's tree of mounts to a closed root of its own. Three acts,
// between which create runs hooks, sets limits and attaches the terminal; the order is runc's (prepareRootfs,
// pivotRoot, finalizeRootfs). Every act sends what it has to do in very few messages; see
// docs/adr/0007-rootfs.md.

import { planLinks } from "../devices/plan.ts";
import { deviceStep, linkStep } from "../devices/steps.ts";
import { TsrunError } from "../errors.ts";
import { ENOENT } from "../linux/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_DIRECTORY, O_PATH, O_RDWR, S_IFCHR, S_IFDIR } from "../linux/fcntl.ts";
import { status } from "../linux/files.ts";
import { parseStatx } from "../linux/statx.ts";
import { octal } from "../proxy/arguments.ts";
import { chdir, close, dup3, mount, openat, type Reading, statx } from "../proxy/calls.ts";
import { type Operation, operation, orGoOn, resultOf } from "../proxy/operation.ts";
import type { SyscallProxy } from "../proxy/proxy.ts";
import { type FileKind, RootContext } from "./context.ts";
import { operationFailure } from "./failure.ts";
import { HostHelper } from "./helper.ts";
import { mountSteps } from "./mount-steps.ts";
import { openFollowing } from "./open.ts";
import type { RootfsPlan } from "./plan.ts";
import { changeRoot, makeParentPrivate, rootStep } from "./root.ts";
import {
  type EmptyDirectory,
  maskDirectoryStep,
  maskFileStep,
  NullDevice,
  readonlyMountStep,
  readonlyPathStep,
  verifyNull,
} from "./seal.ts";
import { type Batches, runSteps, type Step } from "./steps.ts";

/** What the acts hand on: descriptors in the container's first process, and what was found out. */
export interface RootfsHandles {
  readonly context: RootContext;
  /** Mounts that are still to become read-only. */
  readonly readonlyLater: readonly number[];
  /** Which of the descriptors 0 to 2 are a /dev/null: the host's. */
  readonly nulls: readonly number[];
  /** The paths to be masked or made read-only, without those that do not exist. */
  kinds: ReadonlyMap<string, FileKind>;
}

/**
 * Builds the container's tree of mounts at the root's path on the host. World: the container's namespaces,
 * all privileges in them, and every path of the host still in reach.
 */
export function prepareRootfs(proxy: SyscallProxy, plan: RootfsPlan): RootfsHandles {
  using helper = new HostHelper({ pid: proxy.pid, rootfs: plan.rootfs });
  const context = new RootContext({ proxy, rootfs: plan.rootfs, kindOf, helper });
  const links = plan.setsUpDev ? planLinks({ kcore: kindOf("/proc/kcore") !== undefined }) : [];
  const inDev = [...plan.devices, ...links].map(({ path }) => path);
  const mounts = mountSteps(context, plan, inDev);
  const stdio = [0, 1, 2].map((number) => ({
    number,
    status: { ...statx(number, "", AT_EMPTY_PATH), goOn: true as const },
  }));
  const provided = (path: string) => ({ context, provider: mounts.providerFor(path) });
  makeParentPrivate(proxy, plan);
  runSteps(context, [
    rootStep(context, plan),
    ...mounts.steps,
    ...plan.devices.map((device) => deviceStep({ ...provided(device.path), device, bind: plan.bindDevices })),
    ...links.map((link) => linkStep({ ...provided(link.path), link })),
    plainStep(stdio.map((one) => one.status)),
    plainStep([operation("umask", [octal(0o022)], "set the file mode creation mask")]),
  ]);
  openProcDirectory(context);
  const nulls = plan.setsUpDev ? stdio.filter((one) => isNull(one.status)).map((one) => one.number) : [];
  return { context, readonlyLater: mounts.readonlyLater(), nulls, kinds: new Map() };
}

/** Where descriptors have to be reached by path, the host's procfs is held on to; it is the one to trust. */
function openProcDirectory(context: RootContext): void {
  const { features } = context;
  if (features.mountApi && features.mountSetattr) return;
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
  const looks = [...new Set([...plan.readonlyPaths, ...plan.maskedPaths])].map((path) => ({
    path,
    // EISDIR and the like cannot come of O_PATH: it is a directory, or ENOTDIR, or missing.
    opened: openFollowing(context, { path, how: O_PATH | O_DIRECTORY, goOn: true }, `look at "${path}"`),
  }));
  const propagation = plan.rootPropagation;
  const opened = nulls.length === 0 ? [] : reopenNull(context, nulls);
  const failed = proxy.attempt([
    ...changeRoot(context, plan),
    ...(propagation === undefined
      ? []
      : [mount({ target: "/", flags: propagation }, "change the propagation of the root file system")]),
    ...opened,
    ...looks.flatMap((look) => [look.opened, orGoOn(close(look.opened))]),
  ]);
  if (failed !== undefined) throw operationFailure(failed, { hint: pivotHint(plan, failed) });
  for (const one of opened) if (one.call === "statx") verifyNull(one as Reading);
  handles.kinds = new Map(
    looks
      .filter((look) => look.opened.result !== -ENOENT)
      .map((look) => [look.path, (look.opened.result ?? -1) < 0 ? "file" : "directory"]),
  );
}

/** What was opened before the root was changed leads to the host's node (runc: reOpenDevNull). */
function reopenNull(context: RootContext, nulls: readonly number[]): Operation[] {
  const attempt = "reopen /dev/null inside the container";
  const opened = openFollowing(context, { path: "/dev/null", how: O_RDWR }, attempt);
  const copies = nulls.map((number) => dup3(opened, number, 0, attempt));
  return [opened, statx(opened, "", AT_EMPTY_PATH, attempt), ...copies, close(opened)];
}

function pivotHint(plan: RootfsPlan, failed: Operation): string | undefined {
  if (failed.call !== "pivot_root" || plan.change !== "pivot_root") return undefined;
  return "the host's root may be one that cannot be left, such as an initramfs: --no-pivot does without";
}

/**
 * Makes read-only what is to be read-only, and covers what is not to be seen: the last changes to the mounts.
 */
export function sealRootfs(_proxy: Batches, plan: RootfsPlan, handles: RootfsHandles): void {
  const { context, readonlyLater, kinds } = handles;
  const nothing = new NullDevice(context);
  const empty: EmptyDirectory = {};
  const masked = plan.maskedPaths.filter((path) => kinds.has(path));
  const steps: Step[] = readonlyLater.map((mounted) =>
    readonlyMountStep(context, mounted, "make a mount read-only"),
  );
  if (plan.readonlyRoot) {
    steps.push(readonlyMountStep(context, context.root, "make the root file system read-only"));
  }
  for (const path of plan.readonlyPaths) if (kinds.has(path)) steps.push(readonlyPathStep(context, path));
  if (masked.some((path) => kinds.get(path) === "file")) steps.push(nothing);
  for (const path of masked) {
    if (kinds.get(path) === "file") steps.push(maskFileStep(context, path, nothing));
    else steps.push(maskDirectoryStep(context, path, { empty, label: plan.mountLabel }));
  }
  const left =
    context.procDirectory === undefined ? [] : [chdir("/", "leave /proc"), close(context.procDirectory)];
  runSteps(context, [...steps, plainStep([...left, close(context.root), ...readonlyLater.map(close)])]);
}

/** Operations of which none can be helped when it fails. */
function plainStep(operations: readonly Operation[]): Step {
  return {
    operations: () => [...operations],
    recover: (failed) => {
      throw operationFailure(failed);
    },
  };
}

function isNull({ result, out }: Reading): boolean {
  if (result !== 0) return false;
  const { type, nodeMajor, nodeMinor } = parseStatx(out.bytes);
  return type === S_IFCHR && nodeMajor === 1 && nodeMinor === 3;
}

/** What tsrun itself sees of the host. */
function kindOf(path: string): FileKind | undefined {
  try {
    const found = status(path);
    return found === undefined ? undefined : found.type === S_IFDIR ? "directory" : "file";
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}
