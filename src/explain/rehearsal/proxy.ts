// A process that makes no system calls. It takes the batches that the container's first process would get,
// answers as that process most likely would, and notes the calls. So the calls that are shown come from the
// code that makes them.

import { textUntilNul, utf8, viewOf } from "../../linux/call/words.ts";
import { readFile } from "../../linux/files/files.ts";
import { STATX_SIZE } from "../../linux/files/statx.ts";
import { EACCES, EBADF, EEXIST, ENOENT, ENOTDIR } from "../../linux/numbers/errno.ts";
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from "../../linux/numbers/fcntl.ts";
import { DEVPTS_SUPER_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC, TMPFS_MAGIC } from "../../linux/numbers/mount.ts";
import type { Argument } from "../../proxy/calls/arguments.ts";
import { type Operation, render } from "../../proxy/calls/operation.ts";
import type { Actor } from "../../proxy/line.ts";
import { type PretendedFile, Tree, type TreePath } from "./files.ts";
import { NOBODY, type Rehearsal } from "./rehearsal.ts";

/** The file of a descriptor. A socket, a pipe or a file system that is not mounted yet is nowhere. */
type Opened = TreePath | { readonly in: "nowhere"; readonly type: string };

const NOWHERE: Opened = { in: "nowhere", type: "" };

const MAGIC: Readonly<Record<string, number>> = {
  proc: PROC_SUPER_MAGIC,
  sysfs: SYSFS_MAGIC,
  devpts: DEVPTS_SUPER_MAGIC,
};

export class RehearsedProcess implements Actor {
  readonly pid = NOBODY;
  readonly control: number;
  readonly #rehearsal: Rehearsal;
  readonly #name: string;
  readonly #opened: Map<number, Opened>;
  #child: RehearsedProcess | undefined;
  #world: "host" | "container" = "host";
  #directory = "/";
  #umask = 0o022;

  constructor(
    rehearsal: Rehearsal,
    name: string,
    { control, opened }: { control: number; opened: readonly number[] },
  ) {
    this.control = control;
    this.#rehearsal = rehearsal;
    this.#name = name;
    this.#opened = new Map([0, 1, 2, control, ...opened].map((number) => [number, NOWHERE]));
  }

  attempt(operations: readonly Operation[]): Operation | undefined {
    for (const [index, one] of operations.entries()) {
      this.#carryOut(one);
      if ((one.result ?? 0) < 0 && one.goOn !== true) return one;
      if (one.clones === true) return this.#clone(one, operations.slice(index + 1));
    }
    return undefined;
  }

  /** The last operations. Nobody waits for their answer, so they are noted without results. */
  leave(operations: readonly Operation[]): void {
    for (const one of operations) this.#rehearsal.note(this.#name, one);
  }

  child(): RehearsedProcess {
    if (this.#child === undefined) throw new Error("nobody has been cloned");
    return this.#child;
  }

  enter(stage: string): void {
    this.#rehearsal.enter(stage);
  }

  #clone(clone: Operation, rest: readonly Operation[]): Operation | undefined {
    const name = /(first process|process that executes)$/.test(clone.attempt) ? "init" : "second";
    const opened = [...this.#opened.keys()];
    this.#child = new RehearsedProcess(this.#rehearsal, name, { control: this.control, opened });
    const failed = this.#child.attempt(rest.filter(({ only }) => only !== "parent"));
    return failed ?? this.attempt(rest.filter(({ only }) => only !== "child"));
  }

  /** Gives the process a descriptor that another process has opened. */
  give(place: TreePath): number {
    return this.#open(place);
  }

  #carryOut(one: Operation): void {
    one.result = this.#answer(one);
    this.#rehearsal.note(this.#name, one);
  }

  #answer(one: Operation): number {
    const { args } = one;
    fillOuts(args);
    switch (one.call) {
      case "openat":
      case "openat2":
        return this.#openat(one);
      case "open_tree":
        return this.#openTree(args);
      case "socket":
        return this.#open(NOWHERE);
      case "fsopen":
        return this.#open({ in: "nowhere", type: textOf(args[0]) });
      case "fsmount":
        return this.#open({
          in: this.#rehearsal.files.newTree(this.#placeOf(args[0]).type ?? ""),
          path: "/",
        });
      case "move_mount":
        return this.#moveMount(numberOf(args[0]), numberOf(args[2]));
      case "mkdirat":
        return this.#make(args, { ...MADE, mode: S_IFDIR | numberOf(args[2]) });
      case "mknodat":
        return this.#make(args, { ...MADE, ...deviceOf(args), mode: numberOf(args[2]) });
      case "symlinkat":
        return this.#make([args[1], args[2]], { ...MADE, mode: 0o120777, link: textOf(args[0]) });
      case "unlinkat":
        return this.#unlink(args);
      case "statx":
        return this.#statx(args);
      case "faccessat2":
        return this.#mayExecute(textOf(args[1]));
      case "readlinkat":
        return this.#readlink(args);
      case "read":
        return this.#read(args);
      default:
        return this.#answerOther(one);
    }
  }

  #answerOther({ call, args }: Operation): number {
    switch (call) {
      case "close":
        return this.#opened.delete(numberOf(args[0])) ? 0 : -EBADF;
      case "dup3":
        this.#opened.set(numberOf(args[1]), this.#opened.get(numberOf(args[0])) ?? NOWHERE);
        return numberOf(args[1]);
      case "fstatfs":
        return fill(args[1], 0, BigInt(MAGIC[this.#typeOf(numberOf(args[0]))] ?? TMPFS_MAGIC));
      case "chdir":
        return this.#chdir(textOf(args[0]));
      case "pivot_root":
      case "chroot":
        this.#world = "container";
        return 0;
      case "getcwd":
        return fillText(args[0], `${this.#directory}\0`);
      case "umask": {
        const before = this.#umask;
        this.#umask = numberOf(args[0]);
        return before;
      }
      case "write":
        return numberOf(args[2]);
      case "clone3":
        return NOBODY;
      case "setsid":
        return 1;
      case "keyctl":
        // KEYCTL_JOIN_SESSION_KEYRING gives the key's number.
        return numberOf(args[0]) === 1 ? 1 : 0;
      case "ioctl":
        // TIOCGPTPEER opens the other side of a terminal.
        return numberOf(args[1]) === 0x5441 ? this.#open(NOWHERE) : 0;
      default:
        return 0;
    }
  }

  #open(to: Opened): number {
    let number = 0;
    while (this.#opened.has(number)) number += 1;
    this.#opened.set(number, to);
    return number;
  }

  #placeOf(argument: Argument | undefined): { place: TreePath | undefined; type: string | undefined } {
    const number = numberOf(argument);
    if (number === AT_FDCWD) return { place: { in: this.#world, path: this.#directory }, type: undefined };
    const opened = this.#opened.get(number) ?? NOWHERE;
    return opened.in === "nowhere"
      ? { place: undefined, type: opened.type }
      : { place: opened, type: undefined };
  }

  #walk(
    [directory, path]: readonly (Argument | undefined)[],
    follow: "links" | "no last link" | "no links",
  ): TreePath | number {
    const { place } = this.#placeOf(directory);
    if (place === undefined) return -EBADF;
    return this.#rehearsal.files.walk(place, textOf(path), follow);
  }

  #openat({ call, args }: Operation): number {
    const how = call === "openat" ? numberOf(args[2]) : structWord(args[2], 0);
    const resolve = call === "openat" ? 0 : structWord(args[2], 2);
    const noLinks = (resolve & RESOLVE_NO_SYMLINKS) !== 0;
    const noLast = (how & O_NOFOLLOW) !== 0;
    const creates = call === "openat" && (how & O_CREAT) !== 0;
    if (creates) this.#make(args, { ...MADE, mode: S_IFREG | numberOf(args[3]) });
    const found = this.#walk(args, noLinks ? "no links" : noLast ? "no last link" : "links");
    if (typeof found === "number") return found;
    const file = this.#rehearsal.files.find(found);
    if (file === undefined) return -ENOENT;
    if ((how & O_DIRECTORY) !== 0 && !isDirectory(file)) return -ENOTDIR;
    return this.#open(found);
  }

  /** Opens a copy of a mount that is not attached yet. */
  #openTree(args: readonly Argument[]): number {
    const { place } = this.#placeOf(args[0]);
    const found = textOf(args[1]) === "" ? place : this.#walk(args, "links");
    if (found === undefined) return this.#open({ in: this.#rehearsal.files.newTree("devpts"), path: "/" });
    if (typeof found === "number") return found;
    const file = this.#rehearsal.files.find(found);
    if (file === undefined) return -ENOENT;
    const { tree } = this.#rehearsal.files.owner(found);
    return this.#open({ in: this.#rehearsal.files.tree({ type: tree.type, host: file.host }), path: "/" });
  }

  #moveMount(from: number, to: number): number {
    const [moved, target] = [this.#opened.get(from), this.#opened.get(to)];
    if (moved === undefined || target === undefined || !(moved.in instanceof Tree)) return -EBADF;
    if (target.in === "nowhere") return 0;
    // The root file system is mounted on itself, while the host's tree is still there.
    const isRoot = target.in === "host" && target.path === this.#rehearsal.rootfs;
    const point = isRoot ? "/" : target.path;
    this.#rehearsal.files.mount(point, moved.in);
    this.#opened.set(from, { in: "container", path: point });
    return 0;
  }

  #make([directory, path]: readonly (Argument | undefined)[], file: PretendedFile): number {
    const name = textOf(path);
    const parent = this.#walk([directory, name.slice(0, name.lastIndexOf("/") + 1)], "links");
    if (typeof parent === "number") return parent;
    const base = parent.path === "/" ? "" : parent.path;
    const place: TreePath = { in: parent.in, path: `${base}/${name.slice(name.lastIndexOf("/") + 1)}` };
    if (this.#rehearsal.files.find(place) !== undefined) return -EEXIST;
    const owner = this.#rehearsal.files.owner(place);
    owner.tree.make(owner.path, file);
    return 0;
  }

  #unlink(args: readonly Argument[]): number {
    const found = this.#walk(args, "no last link");
    if (typeof found === "number") return found;
    const { tree, path } = this.#rehearsal.files.owner(found);
    tree.remove(path);
    return 0;
  }

  #statx(args: readonly Argument[]): number {
    const path = textOf(args[1]);
    const { place } = this.#placeOf(args[0]);
    if (place === undefined && !this.#opened.has(numberOf(args[0]))) return -EBADF;
    // Standard streams, and other descriptors that lead nowhere, count as pipes of root's.
    if (place === undefined) return fillStatx(args[4], { ...MADE, mode: 0o010600 });
    const found = path === "" ? place : this.#walk(args, "links");
    if (typeof found === "number") return found;
    const file = this.#rehearsal.files.find(found);
    return file === undefined ? -ENOENT : fillStatx(args[4], file);
  }

  #mayExecute(path: string): number {
    const found = this.#walk([AT_FDCWD, path], "links");
    if (typeof found === "number") return found;
    const file = this.#rehearsal.files.find(found);
    if (file === undefined) return -ENOENT;
    return (file.mode & 0o111) === 0 ? -EACCES : 0;
  }

  #readlink(args: readonly Argument[]): number {
    const { place } = this.#placeOf(args[0]);
    if (place === undefined) return -EBADF;
    const link = this.#rehearsal.files.find(place)?.link;
    return link === undefined ? -ENOENT : fillText(args[2], link);
  }

  /** Reads a small file at once; the next read returns end of file. */
  #read(args: readonly Argument[]): number {
    const number = numberOf(args[0]);
    const opened = this.#opened.get(number);
    if (opened === undefined) return -EBADF;
    if (opened.in === "nowhere") return 0;
    const host = this.#rehearsal.files.find(opened)?.host;
    this.#opened.set(number, NOWHERE);
    if (host === undefined) return 0;
    return fillBytes(args[1], readFile(host));
  }

  #chdir(path: string): number {
    const found = this.#walk([AT_FDCWD, path], "links");
    if (typeof found === "number") return found;
    this.#directory = found.path;
    return 0;
  }

  #typeOf(number: number): string {
    const opened = this.#opened.get(number);
    if (opened === undefined || opened.in === "nowhere") return "";
    return this.#rehearsal.files.owner(opened).tree.type;
  }
}

const MADE: PretendedFile = { mode: 0, uid: 0, major: 0, minor: 0, inode: 100n };

/** The text of a call, with its result, if any. */
export function shownCall(of: Operation): string {
  return render(of);
}

function isDirectory({ mode }: PretendedFile): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

function textOf(argument: Argument | undefined): string {
  if (typeof argument === "string") return argument;
  return typeof argument === "object" && argument.kind === "data" ? textUntilNul(argument.bytes) : "";
}

function numberOf(argument: Argument | undefined): number {
  if (argument === undefined) return 0;
  if (typeof argument !== "object") return Number(argument);
  if (argument.kind === "shown") return Number(argument.value);
  return argument.kind === "operation" ? (argument.result ?? -EBADF) : 0;
}

/** A word of a structure of 64-bit words. */
function structWord(argument: Argument | undefined, index: number): number {
  if (typeof argument !== "object" || argument.kind !== "data") return 0;
  return Number(viewOf(argument.bytes).getBigUint64(index * 8, true));
}

/** The inverse of `makeDevice` of src/proxy/calls/calls.ts. */
function deviceOf(args: readonly Argument[]): { major: number; minor: number } {
  const device = BigInt(numberOf(args[3]));
  return {
    major: Number((device >> 8n) & 0xfffn),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xfff00n)),
  };
}

/** Fills memory with zeros, which answers then overwrite. */
function fillOuts(args: readonly Argument[]): void {
  for (const one of args) {
    if (typeof one === "object" && one.kind === "out") one.bytes = new Uint8Array(one.size);
  }
}

function fill(argument: Argument | undefined, at: number, word: bigint): number {
  if (typeof argument === "object" && argument.kind === "out")
    viewOf(argument.bytes).setBigUint64(at, word, true);
  return 0;
}

function fillText(argument: Argument | undefined, content: string): number {
  return fillBytes(argument, utf8(content));
}

function fillBytes(argument: Argument | undefined, content: Uint8Array): number {
  if (typeof argument !== "object" || argument.kind !== "out") return 0;
  const part = content.subarray(0, argument.size);
  argument.bytes.set(part);
  return part.length;
}

/** The fields that src/linux/files/statx.ts reads. */
function fillStatx(
  argument: Argument | undefined,
  { mode, uid, major, minor, inode }: PretendedFile,
): number {
  if (typeof argument !== "object" || argument.kind !== "out" || argument.size < STATX_SIZE) return 0;
  const view = viewOf(argument.bytes);
  view.setUint16(28, mode, true);
  view.setUint32(20, uid, true);
  view.setBigUint64(32, inode, true);
  view.setUint32(128, major, true);
  view.setUint32(132, minor, true);
  return 0;
}
