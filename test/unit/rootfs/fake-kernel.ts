// A simulated kernel in a hundred lines: files in memory, and the calls that find, make and cover mount
// points, so that the steps can be tested without root, with any failure.

import { textUntilNul, utf8, viewOf } from "../../../src/linux/call/words.ts";
import { EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOTDIR } from "../../../src/linux/numbers/errno.ts";
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../../src/linux/numbers/fcntl.ts";
import type { Argument } from "../../../src/proxy/calls/arguments.ts";
import type { Operation } from "../../../src/proxy/calls/operation.ts";
import { failureOf } from "../../../src/proxy/wire/answer.ts";

export interface Node {
  type: number;
  readonly children: Map<string, Node>;
  target: string;
  /** What is mounted on it. */
  covered?: string;
}

type Failure = (operation: Operation) => number | undefined;

export class FakeKernel {
  readonly root: Node = directory();
  readonly open = new Map<number, Node | string>();
  /** Number of batches. */
  trips = 0;
  readonly calls: Operation[] = [];
  /** Answers an errno for a call that is to fail. */
  fails: Failure = () => undefined;
  /** What a file system context says, one message a read. */
  messages: string[] = [];
  /** `f_flags` of every file system (statfs(2)). */
  statfsFlags = 0;
  #next = 10;

  /** Makes files: `/a/` a directory, `/a -> b` a link, `/a` a file. */
  with(...files: readonly string[]): this {
    for (const file of files) {
      const [path = "", target] = file.split(" -> ");
      const names = path.split("/").filter((name) => name !== "");
      const last = names.pop() ?? "";
      let at = this.root;
      for (const name of names) at = at.children.get(name) ?? add(at, name, directory());
      if (target !== undefined) add(at, last, { type: S_IFLNK, children: new Map(), target });
      else if (last !== "") add(at, last, path.endsWith("/") ? directory() : plain(S_IFREG));
    }
    return this;
  }

  /** The node at a path without links. */
  at(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of path.split("/").filter((part) => part !== "")) node = node?.children.get(name);
    return node;
  }

  /** As an Actor of a conversation, the container's first process. */
  readonly pid = 1;
  readonly control = 3;

  attempt(operations: readonly Operation[]): Operation | undefined {
    this.trips += 1;
    let stopped = false;
    for (const one of operations) {
      one.result = undefined;
      if (stopped) continue;
      const failure = this.fails(one);
      one.result = failure === undefined ? this.#call(one) : -failure;
      this.calls.push(one);
      stopped = one.result < 0 && one.goOn !== true;
    }
    return failureOf(operations);
  }

  #call(of: Operation): number {
    const [a, b] = of.args;
    switch (of.call) {
      case "openat":
        return this.#openIn(number(a), [string(b)], number(of.args[2]));
      case "openat2":
        return this.#openIn(
          number(a),
          names(string(b)),
          Number(viewOf(bytes(of.args[2])).getBigUint64(0, true)),
        );
      case "mkdirat":
        return this.#make(number(a), string(b), directory());
      case "mknodat":
        return this.#make(number(a), string(b), plain(number(of.args[2]) & S_IFMT));
      case "symlinkat":
        return this.#make(number(b), string(of.args[2]), {
          type: S_IFLNK,
          children: new Map(),
          target: string(a),
        });
      case "readlinkat":
        return this.#readLink(of);
      case "statx":
        return this.#stat(of);
      case "read": {
        const message = this.messages.shift();
        return message === undefined ? -EINVAL : fill(of.args[1], utf8(message));
      }
      case "fstatfs": {
        const struct = new Uint8Array(120);
        viewOf(struct).setBigUint64(80, BigInt(this.statfsFlags), true);
        return fill(of.args[1], struct) && 0;
      }
      case "dup3":
        this.open.set(number(b), this.open.get(number(a)) ?? "nothing");
        return number(b);
      case "close":
        return this.open.delete(number(a)) ? 0 : -EBADF;
      case "fsopen":
        return this.#give(string(a));
      case "fsmount":
      case "open_tree":
        return this.#give(of.call === "open_tree" ? string(b) : String(this.open.get(number(a))));
      case "move_mount": {
        const place = this.open.get(number(of.args[2]));
        if (place === undefined || typeof place === "string") return -EBADF;
        place.covered = String(this.open.get(number(a)));
        return 0;
      }
      default:
        return 0;
    }
  }

  #give(what: Node | string): number {
    this.#next += 1;
    this.open.set(this.#next, what);
    return this.#next;
  }

  #node(fd: number): Node | undefined {
    const found = this.open.get(fd);
    return typeof found === "object" ? found : fd === ROOT ? this.root : undefined;
  }

  #openIn(fd: number, path: readonly string[], how: number): number {
    let node = this.#node(fd);
    if (node === undefined) return -EBADF;
    const isOne = (how & O_NOFOLLOW) !== 0;
    for (const [index, name] of path.entries()) {
      if (node.type !== S_IFDIR) return -ENOTDIR;
      const next: Node | undefined = node.children.get(name);
      if (next === undefined) return -ENOENT;
      if (next.type === S_IFLNK && !(isOne && index === path.length - 1)) return -ELOOP;
      node = next;
    }
    return (how & O_DIRECTORY) !== 0 && node.type !== S_IFDIR ? -ENOTDIR : this.#give(node);
  }

  #make(fd: number, name: string, node: Node): number {
    const parent = this.#node(fd);
    if (parent === undefined) return -EBADF;
    if (parent.type !== S_IFDIR) return -ENOTDIR;
    if (parent.children.has(name)) return -EEXIST;
    parent.children.set(name, node);
    return 0;
  }

  #readLink(of: Operation): number {
    const node = this.#node(number(of.args[0]));
    if (node === undefined) return -EBADF;
    return node.type === S_IFLNK ? fill(of.args[2], utf8(node.target)) : -EINVAL;
  }

  /** Of a path of the host only its last letter counts: a directory ends in a slash. */
  #stat(of: Operation): number {
    const [fd, path] = [number(of.args[0]), string(of.args[1])];
    const node = path === "" ? this.#node(fd) : path.endsWith("/") ? directory() : plain(S_IFREG);
    if (node === undefined) return -EBADF;
    const status = new Uint8Array(256);
    viewOf(status).setUint16(28, node.type | 0o711, true);
    fill(of.args[4], status);
    return 0;
  }
}

/** The descriptor of the container's root. */
export const ROOT = 9;

function directory(): Node {
  return { type: S_IFDIR, children: new Map(), target: "" };
}

function plain(type: number): Node {
  return { type, children: new Map(), target: "" };
}

function add(parent: Node, name: string, node: Node): Node {
  parent.children.set(name, node);
  return node;
}

function names(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function number(argument: Argument | undefined): number {
  if (typeof argument === "number") return argument;
  if (typeof argument !== "object") return Number(argument);
  if (argument.kind === "shown") return Number(argument.value);
  return argument.kind === "operation" ? (argument.result ?? -1) : -1;
}

function bytes(argument: Argument | undefined): Uint8Array {
  return typeof argument === "object" && argument.kind === "data" ? argument.bytes : new Uint8Array(64);
}

function string(argument: Argument | undefined): string {
  return typeof argument === "string" ? argument : textUntilNul(bytes(argument));
}

function fill(argument: Argument | undefined, content: Uint8Array): number {
  if (typeof argument !== "object" || argument.kind !== "out") return -EINVAL;
  argument.bytes = new Uint8Array(argument.size);
  argument.bytes.set(content.subarray(0, argument.size));
  return Math.min(content.length, argument.size);
}
