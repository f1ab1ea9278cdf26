// The system calls that make a container, as operations: with the kernel's names and order of arguments,
// descriptors shown by number, flags by name. `attempt` always says what a failure prevents, in words that
// follow "cannot". mount-calls.ts has the calls that mount.

import { u64Struct, utf8, type Word } from "../../linux/call/words.ts";
import { knowsStatx, STAT_SIZE, STATX_BASIC, STATX_SIZE } from "../../linux/files/statx.ts";
import {
  O_CLOEXEC,
  OPEN_FLAGS,
  RESOLVE_FLAGS,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from "../../linux/numbers/fcntl.ts";
import { showFlags } from "../../linux/numbers/flags.ts";
import { CLONE_FLAGS } from "../../linux/numbers/sched.ts";
import {
  type Data,
  data,
  type Fd,
  flags,
  type Out,
  octal,
  out,
  quote,
  type Shown,
  shown,
  textArray,
} from "./arguments.ts";
import { type Operation, operation } from "./operation.ts";

/** An operation whose call fills memory: read `out.bytes` after the batch. */
export type Reading = Operation & { readonly out: Out };

export function openat(dir: Fd, path: string, how: number, attempt = `open "${path}"`, mode = 0): Operation {
  return operation("openat", [dir, path, flags(how | O_CLOEXEC, OPEN_FLAGS), octal(mode)], attempt);
}

/** openat2(2) below `root`: no symbolic link, `..` or magic link leads out. */
export function openInRoot(root: Fd, path: string, how: number, attempt = `open "${path}"`): Operation {
  return openat2(root, path, openHow(how | O_CLOEXEC, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), attempt);
}

/** Like `openInRoot`, but fails with ELOOP if there is a symbolic link on the way. */
export function openPlainInRoot(root: Fd, path: string, how: number, attempt = `open "${path}"`): Operation {
  return openat2(root, path, openHow(how | O_CLOEXEC, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS), attempt);
}

/**
 * If a path contains ".." and any process on the machine mounts or renames meanwhile, the kernel cannot tell
 * whether the path stays inside; it returns EAGAIN and the caller must try again.
 */
function openat2(root: Fd, path: string, how: Data, attempt: string): Operation {
  return { ...operation("openat2", [root, path, how, 24], attempt), retries: true };
}

/**
 * Made once, since hundreds of calls have the same few structures, which are then also in a message only
 * once.
 */
const openHows = new Map<number, Data>();

function openHow(opened: number, resolve: number): Data {
  const key = resolve * 2 ** 32 + opened;
  let struct = openHows.get(key);
  if (struct === undefined) {
    struct = data(
      u64Struct(opened, 0, resolve),
      () => `{flags=${showFlags(opened, OPEN_FLAGS)}, resolve=${showFlags(resolve, RESOLVE_FLAGS)}}`,
    );
    openHows.set(key, struct);
  }
  return struct;
}

export function close(of: Fd): Operation {
  return operation("close", [of], "close a descriptor");
}

export function dup3(from: Fd, to: number, how: number, attempt = "duplicate a descriptor"): Operation {
  return operation("dup3", [from, to, flags(how, OPEN_FLAGS)], attempt);
}

export function read(from: Fd, size: number, attempt: string): Reading {
  const memory = out(size);
  return { ...operation("read", [from, memory, size], attempt), out: memory };
}

export function write(to: Fd, content: string, attempt: string): Operation {
  const bytes = utf8(content);
  return operation("write", [to, data(bytes, () => quote(content)), bytes.length], attempt);
}

export function statx(dir: Fd, path: string, how: number, attempt = `stat "${path}"`): Reading {
  const memory = out(knowsStatx() ? STATX_SIZE : STAT_SIZE);
  if (!knowsStatx()) {
    return { ...operation("newfstatat", [dir, path, memory, how], attempt), out: memory };
  }
  return { ...operation("statx", [dir, path, how, STATX_BASIC, memory], attempt), out: memory };
}

/** Sets an extended attribute; security modules accept no NUL at the end of a label. */
export function fsetxattr(
  of: Fd,
  { name, value }: { name: string; value: string },
  attempt: string,
): Operation {
  const bytes = utf8(value);
  return operation("fsetxattr", [of, name, data(bytes, () => quote(value)), bytes.length, 0], attempt);
}

/** `struct statfs`, whose first word is the file system's magic. */
export function fstatfs(of: Fd, attempt: string): Reading {
  const memory = out(120);
  return { ...operation("fstatfs", [of, memory], attempt), out: memory };
}

export function readlinkat(dir: Fd, path: string, attempt = `read the link "${path}"`, size = 4096): Reading {
  const memory = out(size);
  return { ...operation("readlinkat", [dir, path, memory, size], attempt), out: memory };
}

export function mkdirat(
  dir: Fd,
  path: string,
  mode: number,
  attempt = `create directory "${path}"`,
): Operation {
  return operation("mkdirat", [dir, path, octal(mode)], attempt);
}

export interface Node {
  /** File type and permission bits. */
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

export function mknodat(dir: Fd, path: string, node: Node, attempt: string): Operation {
  const device = makeDevice(node.major, node.minor);
  const shownDevice = shown(device, `makedev(${node.major}, ${node.minor})`);
  return operation("mknodat", [dir, path, octal(node.mode), shownDevice], attempt);
}

export function symlinkat(target: string, dir: Fd, path: string, attempt: string): Operation {
  return operation("symlinkat", [target, dir, path], attempt);
}

export function unlinkat(dir: Fd, path: string, how: number, attempt = `remove "${path}"`): Operation {
  return operation("unlinkat", [dir, path, how], attempt);
}

export function fchown(of: Fd, owner: { uid: number; gid: number }, attempt: string): Operation {
  return operation("fchown", [of, owner.uid, owner.gid], attempt);
}

export function fchownat(
  dir: Fd,
  path: string,
  owner: { uid: number; gid: number },
  attempt: string,
): Operation {
  return operation("fchownat", [dir, path, owner.uid, owner.gid, 0x100], attempt);
}

export function fchmod(of: Fd, mode: number, attempt: string): Operation {
  return operation("fchmod", [of, octal(mode)], attempt);
}

export function pivotRoot(newRoot: string, putOld: string, attempt: string): Operation {
  return operation("pivot_root", [newRoot, putOld], attempt);
}

export function fchdir(to: Fd, attempt: string): Operation {
  return operation("fchdir", [to], attempt);
}

export function chdir(path: string, attempt: string): Operation {
  return operation("chdir", [path], attempt);
}

export function chroot(path: string, attempt: string): Operation {
  return operation("chroot", [path], attempt);
}

export function setns(namespace: Fd, kind: number, attempt: string): Operation {
  return operation("setns", [namespace, flags(kind, CLONE_FLAGS)], attempt);
}

export function unshare(kinds: number, attempt: string): Operation {
  return operation("unshare", [flags(kinds, CLONE_FLAGS)], attempt);
}

/**
 * clone3(2) without shared memory. The child continues the same batch; CLONE_PARENT makes it our child.
 * @param cgroup descriptor of the v2 cgroup in which it starts, with CLONE_INTO_CGROUP
 */
export function clone3(kinds: number, attempt: string, cgroup = 0): Operation {
  const struct = data(u64Struct(kinds, 0, 0, 0, 0, 0, 0, 0, 0, 0, cgroup), () => {
    return `{flags=${showFlags(kinds, CLONE_FLAGS)}${cgroup === 0 ? "" : `, cgroup=${cgroup}`}}`;
  });
  return { ...operation("clone3", [struct, 88], attempt), clones: true };
}

/** clone(2), which cannot start the child in a cgroup; only clone3 has the upper half of the flags. */
export function clone(kinds: number, attempt: string): Operation {
  return { ...operation("clone", [flags(kinds % 2 ** 32, CLONE_FLAGS), 0, 0, 0, 0], attempt), clones: true };
}

/** prctl(2) with numbers; `shownAs` is the option's name. */
export function prctl(
  option: number,
  args: readonly (Word | Shown)[],
  shownAs: string,
  attempt: string,
): Operation {
  return operation("prctl", [shown(option, shownAs), ...args], attempt);
}

export function execve(path: string, args: readonly string[], environment: readonly string[]): Operation {
  return operation("execve", [path, textArray(args), textArray(environment)], `execute "${path}"`);
}

/** The device number as mknod(2) takes it (gnu_dev_makedev). */
function makeDevice(major: number, minor: number): bigint {
  const high = BigInt(major);
  const low = BigInt(minor);
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n);
}

/** The path by which the kernel reaches an open file of the caller, for calls that only take paths. */
export function procPath(of: number): string {
  return `/proc/self/fd/${of}`;
}
