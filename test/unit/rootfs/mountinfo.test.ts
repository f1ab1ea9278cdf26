// The table of mounts, read piece by piece and taken apart.

import t from "tap";
import { utf8 } from "../../../src/linux/call/words.ts";
import { EBADF, ENOENT } from "../../../src/linux/numbers/errno.ts";
import type { Operation } from "../../../src/proxy/calls/operation.ts";
import { parseMounts, readMounts } from "../../../src/rootfs/host/mountinfo.ts";
import type { Executor } from "../../../src/rootfs/place/context.ts";

const DESCRIPTOR = 7;

/** A file that gives so many bytes at a time, as the kernel's does: whole lines or less. */
class File implements Executor {
  readonly closed: unknown[] = [];
  readonly #bytes: Uint8Array;
  readonly #piece: number;
  #at = 0;

  constructor(text: string, piece: number) {
    this.#bytes = utf8(text);
    this.#piece = piece;
  }

  attempt(operations: readonly Operation[]): Operation | undefined {
    for (const one of operations) {
      one.result = this.#resultOf(one);
      if (one.result < 0) return one;
    }
    return undefined;
  }

  #resultOf(one: Operation): number {
    if (one.call === "openat") return this.#bytes.length === 0 ? -ENOENT : DESCRIPTOR;
    if (one.call === "close") this.closed.push(one.args[0]);
    if (one.call !== "read") return 0;
    if (this.closed.length > 0) return -EBADF;
    const piece = this.#bytes.subarray(this.#at, this.#at + this.#piece);
    if (one.out !== undefined) one.out.bytes = piece;
    this.#at += piece.length;
    return piece.length;
  }
}

const LINES = [
  "21 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw",
  "36 35 98:0 /part\\040of /mnt/ä\\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
  "40 21 0:5 / / rw - tmpfs - rw",
];

const MOUNTS = [
  {
    ...{
      id: 21,
      parent: 1,
      device: "0:20",
      root: "/",
      point: "/proc",
      mountOptions: "rw,nosuid",
      tags: ["shared:5"],
    },
    ...{ type: "proc", source: "proc", superOptions: "rw" },
  },
  {
    ...{
      id: 36,
      parent: 35,
      device: "98:0",
      root: "/part of",
      point: "/mnt/ä b",
      mountOptions: "rw,noatime",
    },
    ...{ tags: ["master:1", "shared:2"] },
    ...{ type: "ext3", source: "/dev/root", superOptions: "rw,errors=continue" },
  },
  {
    ...{ id: 40, parent: 21, device: "0:5", root: "/", point: "/", mountOptions: "rw", tags: [] },
    ...{ type: "tmpfs", source: "-", superOptions: "rw" },
  },
];

t.test("lines come apart, with any number of optional fields", async (t) => {
  t.strictSame(parseMounts(`${LINES.join("\n")}\n`), MOUNTS);
  t.strictSame(parseMounts("\nno line\n1 2 3:4 / / rw shared:1\n"), []);
});

t.test("the table is read to its end, wherever a piece ends", async (t) => {
  for (const piece of [1, 3, 64, 100, 10_000]) {
    const file = new File(`${LINES.join("\n")}\n`, piece);
    t.strictSame(readMounts(file), MOUNTS, `${piece} bytes at a time`);
    t.strictSame(file.closed, [DESCRIPTOR]);
  }
});

t.test("one that cannot be opened is an error", async (t) => {
  t.throws(() => readMounts(new File("", 1)), {
    code: "E_SYSCALL",
    message: /^cannot read the mounts: openat/,
  });
});
