// Builds the container's root file system in three stages: makes the mounts, changes the root, seals it.
// Between them create runs hooks, sets limits and attaches the terminal. The order is runc's (prepareRootfs,
// pivotRoot, finalizeRootfs). See docs/adr/0007-rootfs.md.

import { TsrunError } from "../errors.ts";
import { parseStatx } from "../linux/files/statx.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_DIRECTORY, O_PATH, O_RDWR, S_IFCHR } from "../linux/numbers/fcntl.ts";
import { octal } from "../proxy/calls/arguments.ts";
import { chdir, close, dup3, openat, type Reading, statx } from "../proxy/calls/calls.ts";
import { mount } from "../proxy/calls/mount-calls.ts";
import { type Operation, operation, operationError, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { held, inWords } from "../proxy/step.ts";
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
import type { HostView } from "./host/view.ts";
import { type Helper, RootContext } from "./place/context.ts";
import { PathLooks, type SealedKind } from "./place/looks.ts";
import { openFollowing } from "./place/open.ts";
import { planLinks } from "./plan/devices.ts";
import { isInside } from "./plan/paths.ts";
import type { RootfsPlan } from "./plan/plan.ts";

/** A root that is being built, and what each stage passes on to the next. */
export interface Rootfs {
  readonly plan: RootfsPlan;
  readonly context: RootContext;
  /** The mounts that become read-only when everything is in place. */
  readonly readonlyLater: () => number[];
  /** What statx(2) returned for the descriptors 0 to 2. */
  readonly stdio: readonly Reading[];
  /** The paths to be masked or made read-only, without those that do not exist: known once it is entered. */
  kinds: ReadonlyMap<string, SealedKind>;
}

/** What building a root takes besides the first process. */
export interface Builders {
  readonly helper: Helper;
  readonly host: HostView;
  /** How many descriptors from 3 on the container inherits; none if absent. */
  readonly inherited?: number;
}

/**
 * Builds the container's tree of mounts at the root's path on the host. World: the container's namespaces,
 * all privileges in them, and every path of the host still in reach.
 */
export function buildRootfs(proxy: Conversation, plan: RootfsPlan, builders: Builders): Rootfs {
  const { helper, host, inherited = 0 } = builders;
  const { rootfs } = plan;
  const kindOf = (path: string) => host.kindOf(path);
  const context = new RootContext({
    proxy,
    helper,
    rootfs,
    kindOf,
    openFilesLimit: () => host.openFilesLimit(),
    inherited,
  });
  const links = plan.setsUpDev ? planLinks({ kcore: host.kindOf("/proc/kcore") !== undefined }) : [];
  const inDev: string[] = [];
  for (const { path } of plan.devices) inDev.push(path);
  for (const { path } of links) inDev.push(path);
  const mounts = mountSteps(context, plan, { further: inDev, host });
  // In a joined mount namespace it may be another mount.
  const above = plan.joinsMounts || plan.onHost ? undefined : host.mountPoint();
  separateParent(proxy, plan, above);
  proxy.say(rootStep(context, plan, above));
  proxy.sayAll(mounts.steps);
  for (const device of plan.devices) {
    const parentTmpfs = mounts.tmpfsFor(device.path);
    proxy.say(deviceStep({ context, parentTmpfs, device, bind: plan.bindDevices }));
  }
  for (const link of links) proxy.say(linkStep({ context, parentTmpfs: mounts.tmpfsFor(link.path), link }));
  proxy.say({ operations: mounts.letGo });
  const stdio = stdioLooks();
  proxy.say(stdio);
  proxy.say(operation("umask", [octal(0o022)], "set the file mode creation mask"));
  proxy.say(() => openProcDirectory(context, plan));
  return { plan, context, stdio, readonlyLater: mounts.readonlyLater, kinds: new Map() };
}

/** What the descriptors 0 to 2 are; one may be closed. */
function stdioLooks(): Reading[] {
  const looks: Reading[] = [];
  for (let number = 0; number <= 2; number++) {
    looks.push({ ...statx(number, "", AT_EMPTY_PATH), goOn: true });
  }
  return looks;
}

/**
 * Keeps a directory of the host's procfs open if descriptors have to be reached by path: no other procfs can
 * be trusted.
 */
function openProcDirectory(context: RootContext, { onHost, readonlyRoot }: RootfsPlan): void {
  const { features } = context;
  // Without a mount namespace, nothing may have needed mount_setattr(2) so far; it may still turn out to be
  // missing.
  const isUntried = onHost && readonlyRoot;
  if (features.mountApi && features.mountSetattr && !isUntried) return;
  const opened = openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY, "open the directory of open files");
  context.proxy.ask(opened);
  context.procDirectory = resultOf(opened);
}

/**
 * Changes the process's root to the new one. Afterwards no path of the host can be reached, and no path can
 * be trusted.
 */
export function enterRootfs(proxy: Conversation, root: Rootfs): void {
  const { context, plan } = root;
  const operations = changeRoot(context, plan);
  if (plan.rootPropagation !== undefined) {
    const attempt = "change the propagation of the root file system";
    operations.push(mount({ target: "/", flags: plan.rootPropagation }, attempt));
  }
  const nulls = plan.setsUpDev ? nullsAmong(root.stdio) : [];
  const reopened = nulls.length === 0 ? undefined : reopenNull(context, nulls);
  if (reopened !== undefined) operations.push(...reopened.operations);
  const looks = new PathLooks(context, [...plan.readonlyPaths, ...plan.maskedPaths]);
  const words = (failed: Operation) => operationError(failed, { hint: pivotHint(plan, failed) });
  const check = () => reopened && verifyNull(reopened.status);
  proxy.say(inWords(operations, words, check));
  proxy.say(looks.operations);
  proxy.say(() => {
    root.kinds = looks.kinds();
    refuseRoot(plan, root.kinds);
  });
}

/** Nothing can cover the root: the process's own root stays below whatever is mounted on it. */
function refuseRoot({ maskedPaths }: RootfsPlan, kinds: Rootfs["kinds"]): void {
  const path = maskedPaths.find((one) => kinds.get(one) === "root");
  if (path === undefined) return;
  throw new TsrunError("E_CONFIG", `cannot mask "${path}": it is the root file system itself`, {
    hint: "remove it from linux.maskedPaths, and name each path that is to be hidden",
  });
}

/**
 * The old descriptors lead to the host's node, since they were opened before the change of root (runc:
 * reOpenDevNull).
 */
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
  return "pivot_root(2) cannot leave every kind of root, such as an initramfs: use --no-pivot there";
}

/**
 * Makes mounts and paths read-only, and masks paths: the last changes to the mounts.
 * @param made a directory that has been made where none was, after the kinds of paths were looked for
 */
export function sealRootfs(proxy: Conversation, root: Rootfs, made: string): void {
  const { plan, context, kinds } = root;
  const kindOf = (path: string) => kinds.get(path) ?? (isInside(path, made) ? "directory" : undefined);
  const nothing = new NullDevice(context);
  const empty: EmptyDirectory = { inodes: 1 };
  const readonlyLater = root.readonlyLater();
  for (const mounted of readonlyLater) {
    proxy.say(readonlyMountStep(context, mounted, "make a mount read-only"));
  }
  if (plan.readonlyRoot) {
    proxy.say(readonlyMountStep(context, context.root, "make the root file system read-only"));
  }
  for (const path of plan.readonlyPaths) {
    const kind = kindOf(path);
    const attempt = `make "${path}" read-only`;
    if (kind === "root") proxy.say(readonlyMountStep(context, context.root, attempt));
    else if (kind !== undefined) proxy.say(readonlyPathStep(context, path));
  }
  // Opened before anything is masked, since /dev may be masked too.
  if (plan.maskedPaths.some((path) => kindOf(path) === "file")) proxy.say(nothing);
  for (const path of plan.maskedPaths) {
    const kind = kindOf(path);
    if (kind === "file") proxy.say(maskFileStep(context, path, nothing));
    if (kind !== "directory") continue;
    proxy.say(
      maskDirectoryStep(context, path, { empty, label: plan.mountLabel, labelOption: plan.mountContext }),
    );
  }
  proxy.say({ operations: () => letGo(context, { readonlyLater, nothing, empty }) });
}

interface Kept {
  readonly readonlyLater: readonly number[];
  readonly nothing: NullDevice;
  readonly empty: EmptyDirectory;
}

/** Closes what only the building of the root needed. */
function letGo(context: RootContext, { readonlyLater, nothing, empty }: Kept): Operation[] {
  const operations = [close(context.root), ...readonlyLater.map(close), ...nothing.letGo()];
  if (empty.maker !== undefined) operations.push(close(held(empty.maker.mounted)));
  if (context.procDirectory !== undefined) {
    operations.push(chdir("/", "leave /proc"), close(context.procDirectory));
  }
  return operations;
}

/** Which of the descriptors 0 to 2 are the host's /dev/null. */
function nullsAmong(stdio: readonly Reading[]): number[] {
  const nulls: number[] = [];
  for (let number = 0; number < stdio.length; number++) if (isNull(stdio[number])) nulls.push(number);
  return nulls;
}

function isNull(look: Reading | undefined): boolean {
  if (look?.result !== 0) return false;
  const { type, nodeMajor, nodeMinor } = parseStatx(look.out.bytes);
  return type === S_IFCHR && nodeMajor === 1 && nodeMinor === 3;
}
