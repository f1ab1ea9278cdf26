// What criu is told of a container: config and flags in, its options out (criu(8), criu.org/RPC). The names
// of external mounts, namespaces and files are runc's (runc: criu_linux.go), so that images can be taken from
// one to the other. Pure; called by dump.ts and revive.ts.

import { TsrunError } from "../errors.ts";
import { CLONE_NEWNET } from "../linux/numbers/sched.ts";
import { type Join, NAMESPACES, type NamespacePlan } from "../namespaces/plan.ts";
import type { BindMount } from "../rootfs/plan/mounts.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import type { CgroupRoot, CriuOptions, ExternalMount, InheritedFile } from "./messages.ts";
import type { DumpOptions, ImageOptions, RevivalOptions } from "./options.ts";

/** Of the images' directory: what stood at 0 to 2 when the container was dumped. */
export const DESCRIPTORS_FILE = "descriptors.json";
export const DUMP_LOG = "dump.log";
export const RESTORE_LOG = "restore.log";

/** What criu can do since when: 3.11 is 31100. */
export const SINCE = {
  /** criu must be able to say which version it is. */
  version: 30000,
  externalNetwork: 31100,
  freezerV2: 31400,
  externalPid: 31500,
  statusNotice: 31500,
  lsm: 31600,
} as const;

/** Errors, warnings, what was done, and how. */
const LOG_LEVEL = 4;

/** A name that holds on the machine where a container is dumped and on that where it is restored. */
const NULL_DEVICE = "/dev/null";

/** Open directories, as numbers in tsrun itself: criu opens them through /proc. */
export interface Directories {
  readonly images: number;
  readonly work: number | undefined;
}

/**
 * Where a path of the configuration lies in the container, links followed; `undefined` when it is not there.
 */
export type Locate = (path: string) => string | undefined;

function imageOptions(options: ImageOptions, { images, work }: Directories): CriuOptions {
  return {
    imagesDirFd: images,
    workDirFd: work,
    logLevel: LOG_LEVEL,
    notifyScripts: true,
    // Obsolete, and what criu before 3.0 looks at.
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
    // Devices and addresses of a network namespace are the caller's, as they were at creation: that is what
    // --empty-ns network says, too.
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
  /** Namespaces that are not the container's own, as `externalNamespace` names them. */
  readonly external: readonly string[];
  readonly freezer: string | undefined;
  readonly statusFd: number | undefined;
  readonly locate: Locate;
  /** Whether a path in the container is there and no directory. */
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
    // A pre-dump takes nothing but memory.
    ...(options.preDump ? {} : { extMnt: dumpedMounts(request) }),
  };
}

/** Mounts that come from outside: criu only notes that they were there. */
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
  /** Where the root is a mount of its own. */
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
    // The first process becomes a child of whoever has started criu, not of criu, which leaves.
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

/** Namespaces of others that criu leaves alone: it is handed them, open, when the container is restored. */
export function inheritedNamespaces({ joins }: NamespacePlan): Join[] {
  return joins.filter(({ kind }) => kind === "network" || kind === "pid");
}

/** Namespaces of others that criu joins by their path. */
function joinedNamespaces({ joins }: NamespacePlan): Join[] {
  const joined = joins.filter(({ kind }) => kind !== "network" && kind !== "pid");
  const unknown = joined.find(({ kind }) => kind === "cgroup");
  if (unknown === undefined) return joined;
  throw new TsrunError("E_UNSUPPORTED", `Do not know how to handle namespace ${unknown.kind}`, {
    hint: "criu joins no cgroup namespace of others: leave its path out of linux.namespaces",
  });
}

/** How a namespace of somebody else's is named in a dump: `net[4026531840]:extRootNetNS`. */
export function externalNamespace(kind: Join["kind"], inode: bigint): string {
  return `${NAMESPACES[kind].proc}[${inode}]:${namespaceKey(kind)}`;
}

function namespaceKey(kind: Join["kind"]): string {
  const { proc } = NAMESPACES[kind];
  return `extRoot${proc.slice(0, 1).toUpperCase()}${proc.slice(1)}NS`;
}

/** What was a pipe at 0 to 2 becomes what the restoring caller has there. */
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

/** As many of a log's errors as still make a sentence. */
const MOST_ERRORS = 5;

/**
 * What criu's log calls errors, the last ones, each once. The cause is among them, but not always the first:
 * criu goes on after some.
 */
export function errorsIn(log: string): string[] {
  const errors: string[] = [];
  for (const line of log.split("\n")) {
    const [, words = ""] = /\bError \([^)]*\): (.*)$/.exec(line) ?? [];
    // What follows from another error says nothing by itself.
    if (words === "" || /^exited, status=|\bFAILED\.$/.test(words)) continue;
    if (!errors.includes(words)) errors.push(words);
  }
  return errors.slice(-MOST_ERRORS);
}
