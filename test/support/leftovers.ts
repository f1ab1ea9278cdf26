// Finds what a container may leave behind: state directories, cgroups, mounts and processes. It searches for
// names and paths that belong to one test, so that tests can run side by side, even on a busy host.

import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { cgroupHierarchies, hostMounts } from "./host.ts";
import { allPids, readProc } from "./proc.ts";

export interface Traces {
  /** Text in the cgroup path and in the arguments of everything that belongs to the test. */
  readonly mark: string;
  /** The directory with bundle, rootfs and state root. */
  readonly folder: string;
  readonly stateRoot: string;
  /** Sessions of the runtime's calls: a process that a call started is in one, unless it made its own. */
  readonly sessions: ReadonlySet<number>;
  /**
   * File systems that the test itself has mounted on the host, as `major:minor`: other processes that make a
   * mount namespace at that time have them in it too.
   */
  readonly ownDevices: ReadonlySet<string>;
}

/** One line per thing found; empty when nothing is left. */
export function findLeftovers(traces: Traces): string[] {
  return [...stateLeft(traces), ...cgroupsLeft(traces.mark), ...mountsLeft(traces), ...processesLeft(traces)];
}

function stateLeft({ stateRoot, mark }: Traces): string[] {
  if (!existsSync(stateRoot)) return [];
  const entries = readdirSync(stateRoot).filter((name) => name.includes(mark));
  return entries.map((name) => `state: ${join(stateRoot, name)}`);
}

function cgroupsLeft(mark: string): string[] {
  return cgroupHierarchies().flatMap(({ mountpoint }) =>
    findFolders(mountpoint, mark).map((path) => `cgroup: ${path}`),
  );
}

/** Three levels are enough: tests put their cgroups below the root or below one parent of their own. */
function findFolders(folder: string, mark: string, depth = 3): string[] {
  const found: string[] = [];
  for (const entry of readFolder(folder)) {
    const path = join(folder, entry);
    if (entry.includes(mark)) found.push(path);
    if (depth > 1) found.push(...findFolders(path, mark, depth - 1));
  }
  return found;
}

function readFolder(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

function mountsLeft({ folder, mark }: Traces): string[] {
  const mounts = hostMounts().filter(
    (mount) => mount.target.startsWith(`${folder}/`) || mount.target.includes(mark),
  );
  return mounts.map((mount) => `mount: ${mount.type} on ${mount.target}`);
}

export function processesLeft(traces: Traces): string[] {
  const pids = allPids().filter((pid) => pid !== process.pid);
  return pids.flatMap((pid) => {
    const reason = belongsTo(pid, traces);
    return reason === undefined ? [] : [`process: ${pid} (${reason})`];
  });
}

function belongsTo(pid: number, traces: Traces): string | undefined {
  const { mark, folder, sessions } = traces;
  const stat = readProc(pid, "stat");
  const [state, , , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || state === "" || state === "Z" || state === "X") return undefined;
  const command = readProc(pid, "cmdline").replaceAll("\0", " ").slice(0, 120);
  if (sessions.has(Number(session)) && isWithoutLeader(session)) return `in a call's session: ${command}`;
  if (command.includes(mark)) return `command: ${command}`;
  if (readProc(pid, "cgroup").includes(mark)) return `in the cgroup: ${command}`;
  if (readLink(pid, "cwd").startsWith(`${folder}/`)) return `working directory: ${command}`;
  if (readLink(pid, "ns/mnt") !== readLink("self", "ns/mnt") && seesMounts(pid, traces)) {
    return `in the mount namespace: ${command}`;
  }
  return undefined;
}

/** The call that had the session's number has ended. A process that has it now got it anew. */
function isWithoutLeader(session: string | undefined): boolean {
  return !existsSync(`/proc/${session}`);
}

/**
 * Whether a mount of the test is in the mount namespace of a process. Somebody else who makes a namespace
 * while a runtime has mounted something on the host gets a copy of it, and may change his root afterwards. A
 * container has its root in the test's folder. A first process may have the host's still, and has the state
 * directory open.
 */
function seesMounts(pid: number, { folder, ownDevices }: Traces): boolean {
  const lines = readProc(pid, "mountinfo").split("\n");
  const sees = lines.some((line) => line.includes(folder) && !ownDevices.has(line.split(" ")[2] ?? ""));
  if (!sees) return false;
  return lines.some((line) => isRootIn(line, folder)) || hasOpen(pid, folder);
}

/** Whether this is the mount at `/`, of a directory in the folder or with one in its options. */
function isRootIn(line: string, folder: string): boolean {
  // The folder may be in a file system of its own, such as /tmp, which the path of the directory leaves out.
  const tail = `/${folder.split("/").slice(-2).join("/")}/`;
  return line.split(" ")[4] === "/" && line.includes(tail);
}

function hasOpen(pid: number, folder: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readLink(pid, `fd/${fd}`).startsWith(`${folder}/`));
  } catch {
    return false;
  }
}

function readLink(pid: number | "self", name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return "";
  }
}
