// Dumps a running container with criu. Called by the checkpoint story. World: the host's namespaces; the
// container is only examined, and its paths are followed only inside its root.

import { TsrunError } from "../errors.ts";
import { hasErrno, mustCall, tryCall } from "../linux/call/call.ts";
import { u64Struct } from "../linux/call/words.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import {
  Descriptor,
  openDirectory,
  readLink,
  readTextIfThere,
  replaceFile,
  status,
  writeAll,
} from "../linux/files/files.ts";
import {
  F_GETFL,
  O_ACCMODE,
  O_PATH,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFDIR,
} from "../linux/numbers/fcntl.ts";
import { accessOf } from "../linux/process/proc-text.ts";
import type { ProcessHandle } from "../linux/process/process-handle.ts";
import type { NamespacePlan } from "../namespaces/plan.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import { criuConfigFile, WorkingDirectories } from "./images.ts";
import { REQUEST } from "./messages.ts";
import type { DumpOptions } from "./options.ts";
import { externalPipes, type PipeEnd } from "./pipes.ts";
import {
  DESCRIPTORS_FILE,
  DUMP_LOG,
  dumpOptions,
  externalNamespace,
  inheritedNamespaces,
  SINCE,
} from "./plan.ts";
import { ask, type Notice, notDone, requireFeature, startService } from "./service.ts";
import { requireVersion } from "./version.ts";

export interface Dumped {
  /** The program. */
  readonly criu: string;
  readonly version: number;
  readonly options: DumpOptions;
  /** The first process, and its directory of /proc: the pid alone may belong to another process by now. */
  readonly pid: number;
  readonly init: Descriptor;
  /** A handle to it: when it has ended, criu has only a while left. `undefined` if it already has. */
  readonly subject: ProcessHandle | undefined;
  /** All processes at this moment, the first process first. */
  readonly processes: () => readonly number[];
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly rootfs: RootfsPlan;
  readonly namespaces: NamespacePlan;
  /** The freezer cgroup that criu may use. */
  readonly freezer: string | undefined;
  readonly debug: (message: string) => void;
}

/** Writes the images. Afterwards the container's processes are gone, unless they are to keep running. */
export function dump(dumped: Dumped): void {
  const { criu, options, pid, init, version } = dumped;
  using directories = new WorkingDirectories(options, DUMP_LOG);
  using root = openDirectory("root", { at: init.number });
  const statusFd = options.lazyPages ? writable(options.statusFd) : undefined;
  if (options.preDump) requireFeature(criu, "memTrack");
  if (options.lazyPages) requireFeature(criu, "lazyPages");
  const asked = dumpOptions({
    options,
    directories,
    rootfs: dumped.rootfs,
    pid,
    configFile: criuConfigFile(dumped.annotations),
    external: externalNamespaces(dumped),
    freezer: dumped.freezer,
    // Newer versions notify us instead, and we write to the descriptor.
    statusFd: version < SINCE.statusNotice ? statusFd : undefined,
    locate: (path) => locate(root, path),
    isFile: (path) => kindInside(root, path) === "file",
  });
  const type = options.preDump ? REQUEST.PRE_DUMP : REQUEST.DUMP;
  dumped.debug(`criu ${version}: ${JSON.stringify(asked)}`);
  let isComplete = options.preDump;
  directories.explaining(() =>
    ask(startService(criu, { subject: dumped.subject }), { type, opts: asked }, ({ script }: Notice) => {
      dumped.debug(`criu: ${script}`);
      // The images are complete and the processes still stopped, so their open files are those that were
      // dumped.
      if (script === "post-dump") {
        const pipes = JSON.stringify(externalPipes(pipeEnds(dumped.processes())));
        replaceFile(DESCRIPTORS_FILE, pipes, { at: directories.images, mode: 0o600 });
        isComplete = true;
      }
      if (script === "status-ready" && statusFd !== undefined) tellReady(statusFd);
    }),
  );
  if (!isComplete) throw notDone("DUMP", "has not told that the images are complete");
}

/** The caller's descriptor of `--status-fd`, checked before anything is done. */
function writable(fd: number | undefined): number | undefined {
  if (fd === undefined) return undefined;
  const how = mustCall(`use descriptor ${fd} of --status-fd`, "fcntl", fd, F_GETFL);
  if ((how & O_ACCMODE) !== O_RDONLY) return fd;
  throw new TsrunError("E_USAGE", `invalid --status-fd argument ${fd}: not writable`);
}

/** Writes one NUL and closes: the container's pages can be fetched now. */
function tellReady(fd: number): void {
  writeAll(fd, "\0", "to --status-fd");
  tryCall("close", fd);
}

/** AS RUNC: a namespace with a path in the configuration is not dumped; it must exist at restore. */
function externalNamespaces({ namespaces, version }: Dumped): string[] {
  return inheritedNamespaces(namespaces).flatMap(({ kind, path }) => {
    const what = `dump a container in a ${kind} namespace of somebody else's`;
    requireVersion(version, kind === "pid" ? SINCE.externalPid : SINCE.externalNetwork, what);
    const found = status(path);
    if (found !== undefined) return [externalNamespace(kind, found.inode)];
    throw new TsrunError("E_CONFIG", `cannot find the ${kind} namespace "${path}"`);
  });
}

/**
 * Opens a path of the container, following links but never leaving its root; `undefined` if it does not
 * exist.
 */
function openInside(root: Descriptor, path: string): Descriptor | undefined {
  const how = u64Struct(O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  const opened = tryCall("openat2", root.number, path, how, how.length);
  return opened < 0 ? undefined : new Descriptor(opened);
}

/** The path with all links followed, which the kernel shows even for a file of another mount namespace. */
function locate(root: Descriptor, path: string): string | undefined {
  using opened = openInside(root, path);
  return opened === undefined ? undefined : readLink(`/proc/self/fd/${opened.number}`);
}

function kindInside(root: Descriptor, path: string): "directory" | "file" | undefined {
  using opened = openInside(root, path);
  if (opened === undefined) return undefined;
  return status("", { at: opened.number, itself: true })?.type === S_IFDIR ? "directory" : "file";
}

/** All ends of pipes that the processes have open. */
function pipeEnds(processes: readonly number[]): PipeEnd[] {
  return processes.flatMap((pid) =>
    openFiles(pid).flatMap((fd) => {
      const name = readLink(`/proc/${pid}/fd/${fd}`);
      if (name?.startsWith("pipe:") !== true) return [];
      const access = accessOf(readTextIfThere(`/proc/${pid}/fdinfo/${fd}`) ?? "");
      return [{ name, pid, fd: Number(fd), ...access }];
    }),
  );
}

/**
 * The numbers of a process's open files; a zombie has none.
 */
function openFiles(pid: number): string[] {
  try {
    return listDirectoryAt(`/proc/${pid}/fd`).map(({ name }) => name);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return [];
    throw error;
  }
}
