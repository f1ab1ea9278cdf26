// `start`: starts the shim of a container, or finds the shim of its pod, and prints where it listens.

import { TsrunError } from "../errors.ts";
import { mustCall, syscallError, tryCall } from "../linux/call/call.ts";
import { utf8 } from "../linux/call/words.ts";
import {
  type Descriptor,
  makeDirectories,
  open,
  readAll,
  readText,
  remove,
  writeAll,
  writeFile,
} from "../linux/files/files.ts";
import { lock } from "../linux/files/lock.ts";
import { connectUnix, listenUnix } from "../linux/files/unix-sockets.ts";
import { EADDRINUSE, EAGAIN, ECONNREFUSED, ENOENT } from "../linux/numbers/errno.ts";
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from "../linux/numbers/fcntl.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { SOCK_STREAM } from "../linux/numbers/socket-numbers.ts";
import { signalChild } from "../linux/process/process-handle.ts";
import { spawn } from "../linux/process/spawn.ts";
import { decode } from "../protobuf/protobuf.ts";
import { joinShimCgroup } from "./cgroup.ts";
import type { ShimOptions } from "./command-line.ts";
import { readRuntimeOptions } from "./messages/options.ts";
import { ANY } from "./messages/well-known.ts";
import { sha256 } from "./sha256.ts";

/** Where shims listen if the name of containerd's own folder is too long. */
const SOCKETS = "/run/containerd/s";
/** Bytes of a socket's path with its NUL (unix(7)), and of a name in a folder: a slash and 64 digits. */
const LONGEST_PATH = 108;
const NAME = 65;
/**
 * Containers with the same value of such an annotation share a shim. The first annotation that is set
 * counts.
 */
const GROUPS = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"] as const;
/** The file in each bundle by which containerd 1.6 finds the shim again after its own restart. */
const ADDRESS = "address";
/** How many connections may wait to be accepted. */
const BACKLOG = 128;

/** Returns what containerd reads: the address, in the form of its version. */
export function startShim(options: ShimOptions): string {
  const socket = socketOf(options, groupOf("config.json") ?? options.id);
  const address = `unix://${socket}`;
  const listener = listen(socket);
  if (listener === undefined) {
    write(ADDRESS, address);
    return answer(address);
  }
  using held = listener;
  let pid: number | undefined;
  try {
    const { shimCgroup } = optionsFromStdin();
    pid = startServing(options, held);
    adjustOomScore(pid);
    if (shimCgroup) joinShimCgroup(shimCgroup, pid);
    write("shim.pid", String(pid));
    write(ADDRESS, address);
  } catch (error) {
    remove(socket);
    if (pid !== undefined) signalChild(pid, SIGKILL);
    throw error;
  }
  return answer(address);
}

/** Where the shim of a group listens: in the folder of containerd's own socket. */
export function socketOf({ address, namespace }: ShimOptions, group: string): string {
  const beside = `${address.slice(0, Math.max(address.lastIndexOf("/"), 0))}/s`;
  const fits = address.startsWith("/") && utf8(beside).length + NAME < LONGEST_PATH;
  return `${fits ? beside : SOCKETS}/${sha256(`${address}/${namespace}/${group}`)}`;
}

/** The group of containers that share a shim; `undefined` if the container has a shim of its own. */
export function groupOf(config: string): string | undefined {
  const annotations = parseBundle(config)?.annotations;
  return GROUPS.map((name) => annotations?.[name]).find((group) => group !== undefined);
}

function parseBundle(config: string): { annotations?: Record<string, string> } | null {
  const json = readText(config);
  try {
    return JSON.parse(json) as { annotations?: Record<string, string> } | null;
  } catch (error) {
    throw new TsrunError("E_CONFIG", `cannot parse "${config}": ${String(error)}`);
  }
}

/** `undefined` when a shim listens there already. */
function listen(socket: string): Descriptor | undefined {
  makeDirectories(folderOf(socket), 0o711);
  using _alone = lockSockets(socket);
  let listener = listenUnix(socket, SOCK_STREAM, BACKLOG);
  if (listener === -EADDRINUSE) {
    if (hasListener(socket)) return undefined;
    remove(socket);
    listener = listenUnix(socket, SOCK_STREAM, BACKLOG);
  }
  if (typeof listener === "number") throw syscallError(`listen on "${socket}"`, -listener);
  return listener;
}

function folderOf(socket: string): string {
  return socket.slice(0, socket.lastIndexOf("/"));
}

/**
 * Lets only one of several that look at sockets do so at a time. Otherwise of two that find the socket of a
 * dead shim, the second would remove the new one of the first, and a pod would have two shims.
 */
export function lockSockets(socket: string): Descriptor {
  const folder = open(folderOf(socket), O_RDONLY | O_DIRECTORY);
  lock(folder, "the folder of sockets");
  return folder;
}

/** Whether a shim listens there; no longer if it has died. One that is busy may have no room (EAGAIN). */
export function hasListener(socket: string): boolean {
  const other = connectUnix(socket, SOCK_STREAM, { waits: false });
  if (typeof other !== "number") other.close();
  else if (other === -ECONNREFUSED || other === -ENOENT) return false;
  else if (other !== -EAGAIN) throw syscallError(`connect to "${socket}"`, -other);
  return true;
}

/** MAX_SHIM_VERSION in containerd 1.7 and 2. containerd 1.6 does not set it, and wants the address alone. */
function answer(address: string): string {
  const newest = Number(process.env.MAX_SHIM_VERSION ?? 0);
  if (newest < 2) return address;
  return JSON.stringify({ version: Math.min(newest, 3), address, protocol: "ttrpc" });
}

function startServing({ id, namespace, address, debug }: ShimOptions, listener: Descriptor): number {
  using nothing = open("/dev/null", O_RDWR);
  const words = ["-namespace", namespace, "-id", id, "-address", address, ...(debug ? ["-debug"] : [])];
  const streams = [nothing, nothing, nothing, listener];
  return spawn({
    path: "/proc/self/exe",
    args: [process.argv0, ...words],
    descriptors: streams.map(({ number }, to) => ({ from: number, to })),
  });
}

/** One more than containerd's own, so that the kernel kills the shim before containerd. */
function adjustOomScore(pid: number): void {
  const parent = mustCall("find containerd", "getppid");
  const score = Number(readText(`/proc/${parent}/oom_score_adj`)) + 1;
  if (score <= 1000) writeFile(`/proc/${pid}/oom_score_adj`, String(score));
}

/** The options that containerd sends on stdin, if there is anything to read. */
function optionsFromStdin(): ReturnType<typeof readRuntimeOptions> {
  const bytes = tryCall("read", 0, new Uint8Array(0), 0) < 0 ? new Uint8Array(0) : readAll(0, "stdin");
  return readRuntimeOptions(decode(ANY, bytes), {
    unknown: (name) => new TsrunError("E_CONFIG", `unknown runtime options "${name}"`),
    readFile: readText,
  });
}

function write(path: string, content: string): void {
  using file = open(path, O_WRONLY | O_CREAT | O_TRUNC, { mode: 0o644 });
  writeAll(file.number, content, `"${path}"`);
}
