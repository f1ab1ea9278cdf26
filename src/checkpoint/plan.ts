// Turns a configuration and flags into criu's options (criu(8), criu.org/RPC). The names of external mounts,
// namespaces and files are runc's (runc: criu_linux.go), so that each can restore the other's images. Pure;
// called by dump.ts and revive.ts.

import { TsrunError } from "../errors.ts";
import { CLONE_NEWNET } from "../linux/numbers/sched.ts";
import { type Join, NAMESPACES, type NamespacePlan } from "../namespaces/plan.ts";
import type { BindMount } from "../rootfs/plan/mounts.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import type { CgroupRoot, CriuOptions, ExternalMount, InheritedFile } from "./messages.ts";
import type { DumpOptions, ImageOptions, RevivalOptions } from "./options.ts";

/** The file in the images' directory with the descriptors 0 to 2 of the dumped container. */
export const DESCRIPTORS_FILE = "descriptors.json";
export const DUMP_LOG = "dump.log";
export const RESTORE_LOG = "restore.log";

/** The version of criu that brought a feature: 3.11 is 31100. */
export const SINCE = {
  /** criu can report its version. */
  version: 30000,
  externalNetwork: 31100,
  freezerV2: 31400,
  externalPid: 31500,
  statusNotice: 31500,
  lsm: 31600,
} as const;

/** Errors, warnings, information and debug messages. */
const LOG_LEVEL = 4;

/** A name that is valid on the machine of the dump and on that of the restore. */
const NULL_DEVICE = "/dev/null";

/** Open directories, as numbers in tsrun itself: criu opens them through /proc. */
export interface Directories {
  readonly images: number;
  readonly work: number | undefined;
}

/**
 * The path in the container, with links followed, of a path in the configuration; `undefined` if it does not
 * exist.
 */
export type Locate = (path: string) => string | undefined;

function imageOptions(options: ImageOptions, { images, work }: Directories): CriuOptions {
  return {
    imagesDirFd: images,
    workDirFd: work,
    logLevel: LOG_LEVEL,
    notifyScripts: true,
    // Obsolete, but criu before 3.0 reads it.
    manageCgroups: true,
    manageCgroupsMode: options.manageCgroupsMode,
    tcpEstablished: options.tcpEstablished,
    extUnixSk: options.extUnixSk,
    shellJob: options.shellJob,
    fileLocks: options.fileLocks,
    autoDedup: options.autoDedup,
    lazyPages: options.lazyPages,
    networkLock: options.networkLock,
    orphanPtsMaster: true,
    // The caller sets up devices and addresses of a network namespace, as at creation; --empty-ns network
    // means the same.
    emptyNs: CLONE_NEWNET,
  };
}

export interface DumpRequest {
  readonly options: DumpOptions;
  readonly directories: Directories;
  readonly rootfs: RootfsPlan;
  /** The first process. */
  readonly pid: number;
  readonly configFile: string | undefined;
  /** Namespaces that the container has joined, by the names of `externalNamespace`. */
  readonly external: readonly string[];
  readonly freezer: string | undefined;
  readonly statusFd: number | undefined;
  readonly locate: Locate;
  /** Whether a path in the container exists and is not a directory. */
  readonly isFile: (path: string) => boolean;
}

export function dumpOptions(request: DumpRequest): CriuOptions {
  const { options, rootfs, directories } = request;
  const { parentPath } = options;
  return {
    ...imageOptions(options, directories),
    logFile: DUMP_LOG,
    pid: request.pid,
    root: rootfs.rootfs,
    configFile: request.configFile,
    leaveRunning: options.leaveRunning,
    tcpSkipInFlight: options.tcpSkipInFlight,
    linkRemap: options.linkRemap,
    external: request.external,
    freezeCgroup: request.freezer,
    statusFd: request.statusFd,
    ps: options.pageServer,
    ...(parentPath === undefined ? {} : { parentImg: parentPath, trackMem: true }),
    // A pre-dump saves only memory.
    ...(options.preDump ? {} : { extMnt: dumpedMounts(request) }),
  };
}

/** Mounts that come from outside: criu only records that they existed. */
function dumpedMounts({ rootfs, locate, isFile }: DumpRequest): ExternalMount[] {
  const mounts = bindsOf(rootfs).map(({ destination }) => sameName(locate(destination) ?? destination));
  for (const path of rootfs.maskedPaths) {
    const place = locate(path);
    if (place !== undefined && isFile(path)) mounts.push({ key: place, val: NULL_DEVICE });
  }
  return [...mounts, ...deviceMounts(rootfs)];
}

export interface RevivalRequest {
  readonly options: RevivalOptions;
  readonly directories: Directories;
  readonly rootfs: RootfsPlan;
  /** Where the root is mounted. */
  readonly root: string;
  readonly configFile: string | undefined;
  readonly namespaces: NamespacePlan;
  /** The number that the first of the namespaces' files has in criu; see `inheritedNamespaces`. */
  readonly firstNamespaceFd: number;
  /** The content of descriptors.json. */
  readonly descriptors: readonly string[];
  readonly cgroups: readonly CgroupRoot[];
  readonly locate: Locate;
}

export function revivalOptions(request: RevivalRequest): CriuOptions {
  const { options, namespaces, directories } = request;
  return {
    ...imageOptions(options, directories),
    logFile: RESTORE_LOG,
    root: request.root,
    configFile: request.configFile,
    evasiveDevices: true,
    // The first process becomes a child of criu's parent, not of criu, which exits.
    rstSibling: true,
    tcpClose: options.tcpClose ? true : undefined,
    lsmProfile: options.lsmProfile,
    lsmMountContext: options.lsmMountContext,
    cgRoot: request.cgroups,
    joinNs: joinedNamespaces(namespaces).map(({ kind, path }) => ({
      ns: NAMESPACES[kind].proc,
      nsFile: path,
    })),
    inheritFd: [
      ...inheritedNamespaces(namespaces).map(({ kind }, index) => ({
        key: namespaceKey(kind),
        fd: request.firstNamespaceFd + index,
      })),
      ...inheritedPipes(request.descriptors),
    ],
    extMnt: revivedMounts(request),
  };
}

function revivedMounts({ rootfs, locate }: RevivalRequest): ExternalMount[] {
  const mounts = bindsOf(rootfs).map(({ destination, source }) => ({
    key: locate(destination) ?? destination,
    val: source,
  }));
  if (rootfs.maskedPaths.length > 0) mounts.push(sameName(NULL_DEVICE));
  return [...mounts, ...deviceMounts(rootfs)];
}

function bindsOf({ mounts }: RootfsPlan): BindMount[] {
  return mounts.filter((mount): mount is BindMount => mount.kind === "bind");
}

function deviceMounts({ bindDevices, devices }: RootfsPlan): ExternalMount[] {
  return bindDevices ? devices.map(({ path }) => sameName(path)) : [];
}

function sameName(path: string): ExternalMount {
  return { key: path, val: path };
}

/** Joined namespaces that criu does not restore: it gets them as open files at restore. */
export function inheritedNamespaces({ joins }: NamespacePlan): Join[] {
  return joins.filter(({ kind }) => kind === "network" || kind === "pid");
}

/** Joined namespaces that criu joins by their path. */
function joinedNamespaces({ joins }: NamespacePlan): Join[] {
  const joined = joins.filter(({ kind }) => kind !== "network" && kind !== "pid");
  const unknown = joined.find(({ kind }) => kind === "cgroup");
  if (unknown === undefined) return joined;
  throw new TsrunError("E_UNSUPPORTED", `Do not know how to handle namespace ${unknown.kind}`, {
    hint: "criu joins no cgroup namespace of others: leave its path out of linux.namespaces",
  });
}

/** The name of a joined namespace in a dump: `net[4026531840]:extRootNetNS`. */
export function externalNamespace(kind: Join["kind"], inode: bigint): string {
  return `${NAMESPACES[kind].proc}[${inode}]:${namespaceKey(kind)}`;
}

function namespaceKey(kind: Join["kind"]): string {
  const { proc } = NAMESPACES[kind];
  return `extRoot${proc.slice(0, 1).toUpperCase()}${proc.slice(1)}NS`;
}

/** Replaces external pipes at 0 to 2 by the descriptors of restore's caller. */
function inheritedPipes(descriptors: readonly string[]): InheritedFile[] {
  return descriptors.map((key, fd) => ({ key, fd })).filter(({ key }) => key.includes("pipe:"));
}

/** The lines of /proc/PID/cgroup, one controller at a time: where the restored processes go. */
export function cgroupRoots(text: string): CgroupRoot[] {
  return text.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    return controllers.split(",").map((ctrl) => ({ ctrl, path }));
  });
}

/** How many errors of a log are quoted. */
const MOST_ERRORS = 5;

/**
 * The last errors in criu's log, each once. The cause is among them, but is not always the first: criu goes
 * on after some errors.
 */
export function errorsIn(log: string): string[] {
  const errors: string[] = [];
  for (const line of log.split("\n")) {
    const [, words = ""] = /\bError \([^)]*\): (.*)$/.exec(line) ?? [];
    // Leave out messages that only follow from another error.
    if (words === "" || /^exited, status=|\bFAILED\.$/.test(words)) continue;
    if (!errors.includes(words)) errors.push(words);
  }
  return errors.slice(-MOST_ERRORS);
}
