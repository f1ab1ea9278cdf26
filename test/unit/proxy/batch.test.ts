// Batches as bytes. A few by hand, and then many at random: every pointer must lead to what it stands for,
// and no two pieces of memory may share a byte.

import t from "tap";
import { syscallNumber } from "../../../src/linux/numbers/syscalls.ts";
import {
  type Argument,
  type Data,
  data,
  type Out,
  out,
  shown,
  textArray,
} from "../../../src/proxy/calls/arguments.ts";
import { execve } from "../../../src/proxy/calls/calls.ts";
import { inChild, inParent, type Operation, operation, orGoOn } from "../../../src/proxy/calls/operation.ts";
import { failureInReport } from "../../../src/proxy/report.ts";
import { decode, failureOf } from "../../../src/proxy/wire/answer.ts";
import { type EncodedBatch, encode } from "../../../src/proxy/wire/batch.ts";
import {
  BUFFER,
  CAPACITY,
  CHILD_ONLY,
  CLONES,
  GO_ON,
  LARGE,
  MESSAGE_LIMIT,
  PARENT_ONLY,
  RETRIES_SHIFT,
  SEGMENT_SIZE,
} from "../../../src/proxy/wire/protocol.ts";
import { randomFrom } from "../../support/random.ts";

const machine = "x86-64";
const HEADER = 16;
const OPERATION = 64;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What the proxy would see: its memory by address. */
class Memory {
  readonly #batch: EncodedBatch;

  constructor(batch: EncodedBatch) {
    this.#batch = batch;
  }

  at(address: number, length: number): Uint8Array {
    const { message, preload } = this.#batch;
    const [start, bytes] = address >= LARGE ? [LARGE, preload] : [BUFFER, message];
    if (address < start || address + length > start + bytes.length) {
      throw new Error(`nothing lies at 0x${address.toString(16)}`);
    }
    return bytes.subarray(address - start, address - start + length);
  }

  argument(index: number, position: number): bigint {
    return viewOf(this.#batch.message).getBigInt64(HEADER + index * OPERATION + 8 + position * 8, true);
  }

  flags(index: number): number {
    return viewOf(this.#batch.message).getUint32(HEADER + index * OPERATION + 4, true);
  }
}

t.test(
  "the header says how many operations, whether it is the last batch, and how long the answer is",
  async (t) => {
    const batch = encode([operation("getpid", [], "a"), operation("getppid", [], "b")], {
      machine,
      last: true,
    });
    const view = viewOf(batch.message);
    t.strictSame([view.getUint32(0, true), view.getUint32(4, true)], [2, 1]);
    t.equal(Number(view.getBigUint64(8, true)), batch.replyLength);
    t.equal(batch.message.length, HEADER + 2 * OPERATION);
    t.equal(viewOf(encode([], { machine }).message).getUint32(4, true), 0);
  },
);

t.test("system call numbers are those of the machine the batch is for", async (t) => {
  for (const target of ["x86-64", "arm64"] as const) {
    const { message } = encode([operation("openat", [], "a")], { machine: target });
    t.equal(viewOf(message).getUint32(HEADER, true), syscallNumber("openat", target));
  }
});

t.test("modes are flags, beside the arguments that are earlier results", async (t) => {
  const first = operation("getpid", [], "a");
  const operations = [
    first,
    inChild(operation("close", [first], "b")),
    inParent(operation("dup3", [1, first, 2], "c")),
    orGoOn(operation("mmap", [1, 2, 3, 4, first, first], "d")),
    { ...operation("clone3", [], "e"), clones: true as const },
  ];
  const memory = new Memory(encode(operations, { machine }));
  t.strictSame(
    operations.map((_, index) => memory.flags(index)),
    [0, CHILD_ONLY | 1, PARENT_ONLY | 2, GO_ON | 0x30, CLONES],
  );
  t.equal(memory.argument(1, 0), BigInt(BUFFER + HEADER + 56), "the address of the first result");
});

t.test("what may have to be tried again is, so many times", async (t) => {
  const again = { ...operation("openat2", [], "a"), retries: true as const };
  const memory = new Memory(encode([again, orGoOn(again), operation("openat2", [], "b")], { machine }));
  const retries = memory.flags(0) >>> RETRIES_SHIFT;
  t.ok(retries > 100 && retries < 1 << 15, String(retries));
  t.strictSame(
    [0, 1, 2].map((index) => memory.flags(index)),
    [retries << RETRIES_SHIFT, (retries << RETRIES_SHIFT) | GO_ON, 0],
  );
});

t.test("arguments are sign-extended to 64 bits, and bits beyond 2^53 survive", async (t) => {
  const words = [-100, 0xffffffff, 2 ** 33 + 5, -(2 ** 40), 0xffff_ffff_ffff_fffen, -5n];
  const memory = new Memory(encode([operation("mmap", words, "a")], { machine }));
  const seen = words.map((_, position) => memory.argument(0, position));
  t.strictSame(seen, [-100n, 0xffffffffn, 2n ** 33n + 5n, -(2n ** 40n), -2n, -5n]);
});

t.test("what is no machine word is refused, not turned into 0", async (t) => {
  for (const word of [Number.NaN, 1.5, 2 ** 53, Number.POSITIVE_INFINITY, 1n << 64n, -(1n << 63n) - 1n]) {
    const bad = [operation("close", [word], "a")];
    t.throws(() => encode(bad, { machine }), { code: "E_INTERNAL" }, String(word));
  }
});

t.test("a result that does not stand earlier is refused", async (t) => {
  const later = operation("getpid", [], "later");
  const early = operation("close", [later], "early");
  for (const order of [[early, later], [early]]) {
    t.throws(() => encode(order, { machine }), { code: "E_INTERNAL", message: /does not stand earlier/ });
  }
});

t.test("one piece of memory that is used twice lies in one place", async (t) => {
  const name = data(Buffer.from("name\0"), () => "name");
  const memory = out(8);
  const batch = encode(
    [operation("statx", [1, name, 0, 0, memory], "a"), operation("write", [memory, name], "b")],
    {
      machine,
    },
  );
  const seen = new Memory(batch);
  t.equal(seen.argument(0, 1), seen.argument(1, 1));
  t.equal(seen.argument(0, 4), seen.argument(1, 0));
  t.equal(batch.outs.length, 1);
});

t.test("texts lie behind what calls fill, and so outside of the answer", async (t) => {
  const memory = out(64);
  const one = { ...operation("readlinkat", [0, "/a/link", memory, 64], "a"), out: memory };
  const { message, replyLength } = encode([one], { machine });
  t.equal(message.length - replyLength, "/a/link\0".length);
});

t.test("a piece of some KiB goes in the message while there is room", async (t) => {
  const profile = data(new Uint8Array(20_000).fill(7), () => "{…}");
  t.equal(encode([operation("write", [1, profile], "a")], { machine }).preload.length, 0);
  const two = [1, 2, 3, 4, 5].map(() => data(new Uint8Array(20_000).fill(7), () => "{…}"));
  const crowded = encode([operation("write", [...two], "a")], { machine });
  t.equal(crowded.preload.length, 60_000, "and ahead of it when there is none");
  t.ok(crowded.message.length <= MESSAGE_LIMIT);
});

t.test("a text is a C string; half of a pair of surrogates and a NUL are none", async (t) => {
  const two = [operation("mkdirat", [5, "dé", 0], "a"), operation("chdir", [""], "b")];
  const batch = encode(two, { machine });
  const memory = new Memory(batch);
  t.equal(Buffer.from(memory.at(Number(memory.argument(0, 1)), 4)).toString(), "dé\0");
  t.equal(memory.at(Number(memory.argument(1, 0)), 1)[0], 0);
  const lone = new Memory(encode([operation("chdir", ["\ud800"], "a")], { machine }));
  t.equal(Buffer.from(lone.at(Number(lone.argument(0, 0)), 4)).toString(), "\ufffd\0");
  const cut = [operation("chdir", ["a\0b"], "a")];
  t.throws(() => encode(cut, { machine }), { code: "E_CONFIG", message: /holds a NUL/ });
});

t.test("an environment of 1 MiB lies outside of the message, its pointers within", async (t) => {
  const environment = Array.from({ length: 20_000 }, (_, index) => `NAME_${index}=${"x".repeat(40)}`);
  const batch = encode([execve("/bin/sh", ["sh"], environment)], { machine });
  t.ok(batch.message.length <= MESSAGE_LIMIT);
  t.ok(batch.preload.length > 1 << 20);
  const memory = new Memory(batch);
  const pointers = viewOf(memory.at(Number(memory.argument(0, 2)), (environment.length + 1) * 8));
  for (const index of [0, 1, 777, 19_999]) {
    const expected = `${environment[index]}\0`;
    const bytes = memory.at(Number(pointers.getBigUint64(index * 8, true)), expected.length);
    t.equal(Buffer.from(bytes).toString(), expected);
  }
  t.equal(pointers.getBigUint64(environment.length * 8, true), 0n, "NULL ends it");
});

t.test("what the proxy's memory cannot hold is an error of the configuration", async (t) => {
  const huge = [execve("/bin/sh", ["sh"], ["x".repeat(SEGMENT_SIZE)])];
  t.throws(() => encode(huge, { machine }), { code: "E_CONFIG", message: /too long for a process/ });
});

t.test("more operations than a message holds are a mistake of ours", async (t) => {
  const many = Array.from({ length: 2000 }, () => operation("getpid", [], "a"));
  t.throws(() => encode(many, { machine }), { code: "E_INTERNAL", message: /does not fit a message/ });
});

/** An answer to a batch, with these results; `undefined` is left as it was sent. */
function answer(batch: EncodedBatch, results: readonly (bigint | undefined)[]): Uint8Array {
  const reply = batch.message.slice(0, batch.replyLength);
  results.forEach((result, index) => {
    if (result === undefined) return;
    viewOf(reply).setBigInt64(HEADER + index * OPERATION + 56, result, true);
  });
  return reply;
}

t.test("results of any size come back, and those that were not made as undefined", async (t) => {
  const operations = [0, 1, 2, 3, 4].map((n) => operation("lseek", [n], "a"));
  const batch = encode(operations, { machine });
  decode(operations, batch, answer(batch, [0n, -9n, 2n ** 40n + 3n, -4095n, undefined]));
  t.strictSame(
    operations.map(({ result }) => result),
    [0, -9, 2 ** 40 + 3, -4095, undefined],
  );
  t.equal(failureOf(operations), operations[1]);
});

t.test("a failure that may be is none, and neither is an address", async (t) => {
  const operations = [orGoOn(operation("close", [9], "a")), operation("mmap", [0], "b")];
  const batch = encode(operations, { machine });
  const reply = answer(batch, [-9n, -4096n]);
  decode(operations, batch, reply);
  t.equal(failureOf(operations), undefined);
});

t.test("who did not send a batch can read from its bytes which call failed last", async (t) => {
  const operations = [
    orGoOn(operation("close", [9], "a")),
    operation("getpid", [], "b"),
    orGoOn(operation("execve", [], "c")),
    operation("write", [], "d"),
  ];
  const batch = encode(operations, { machine });
  t.strictSame(failureInReport(answer(batch, [-9n, 7n, -8n, undefined])), { number: 59, errno: 8 });
  t.equal(failureInReport(answer(batch, [0n, 7n, -4096n, undefined])), undefined);
  t.equal(failureInReport(new Uint8Array(3)), undefined);
});

// ---- at random

function randomBatch(seed: number): Operation[] {
  const random = randomFrom(seed);
  const sizes = [1, 7, 8, 9, 300, 2047, 2048, 5000, random(60_000)];
  const bytes = () => Uint8Array.from({ length: sizes[random(sizes.length)] ?? 1 }, () => random(256));
  const made: (Data | Out)[] = [];
  const operations: Operation[] = [];
  const keep = <Kind extends Data | Out>(memory: Kind): Kind => {
    made.push(memory);
    return memory;
  };
  const argument = (): Argument => {
    const again = made[random(made.length + 1)];
    const earlier = operations[random(operations.length + 1)];
    switch (random(8)) {
      case 0:
        return random(1000) - 500;
      case 1:
        return shown(BigInt(random(2 ** 31)) << 20n, "…");
      case 2:
        return keep(data(bytes(), () => "…"));
      case 3:
        return keep(out(1 + random(600)));
      case 4:
        return keep(textArray(Array.from({ length: random(20) }, (_, n) => `${n}`.repeat(random(100)))));
      case 5:
        return again ?? 0;
      case 6:
        return "text".repeat(random(30));
      default:
        return earlier === undefined ? 1 : earlier;
    }
  };
  const count = 1 + random(40);
  for (let index = 0; index < count; index++) {
    operations.push(operation("mmap", Array.from({ length: random(7) }, argument), "a"));
  }
  return operations;
}

function pointerAt(memory: Memory, address: number): number {
  return Number(viewOf(memory.at(address, 8)).getBigUint64(0, true));
}

/** Every piece of memory of a batch with the address that the batch uses for it. */
function placesOf(operations: readonly Operation[], memory: Memory): Map<Data | Out, number> {
  const places = new Map<Data | Out, number>();
  const visit = (piece: Data | Out, address: number): void => {
    places.set(piece, address);
    if (piece.kind === "out") return;
    for (const { offset, to } of piece.pointers ?? []) {
      visit(to, pointerAt(memory, address + offset));
    }
    const { pieces } = piece;
    if (pieces !== undefined) visit(pieces.of, pointerAt(memory, address) - (pieces.starts[0] ?? 0));
  };
  operations.forEach(({ args }, index) => {
    args.forEach((argument, position) => {
      if (typeof argument === "string") {
        // Each is a piece of its own, wherever it is said.
        visit(
          data(Buffer.from(`${argument}\0`), () => argument),
          Number(memory.argument(index, position)),
        );
      }
      if (typeof argument !== "object" || (argument.kind !== "data" && argument.kind !== "out")) return;
      visit(argument, Number(memory.argument(index, position)));
    });
  });
  return places;
}

/** What is wrong with an encoded batch; empty when all is well. */
function faultsOf(operations: readonly Operation[], batch: EncodedBatch): string[] {
  const memory = new Memory(batch);
  const faults: string[] = [];
  const spans: { from: number; to: number }[] = [
    { from: BUFFER, to: BUFFER + HEADER + operations.length * OPERATION },
  ];
  for (const [piece, address] of placesOf(operations, memory)) {
    const length = piece.kind === "out" ? piece.size : piece.bytes.length;
    spans.push({ from: address, to: address + length });
    if (address % 8 !== 0) faults.push("a piece is not aligned");
    const bytes = memory.at(address, length);
    if (piece.kind === "out") {
      if (address + length > BUFFER + batch.replyLength)
        faults.push("an out buffer is not part of the answer");
      if (bytes.some((byte) => byte !== 0)) faults.push("an out buffer is not empty");
    } else {
      const starts = piece.pieces?.starts ?? [];
      const offsets = [
        ...(piece.pointers ?? []).map(({ offset }) => offset),
        ...starts.map((_, index) => index * 8),
      ];
      const pointers = new Set(offsets.flatMap((offset) => [...Array(8).keys()].map((n) => offset + n)));
      if (bytes.some((byte, at) => !pointers.has(at) && byte !== piece.bytes[at]))
        faults.push("data differs");
      starts.forEach((start, index) => {
        const base = pointerAt(memory, address) - (starts[0] ?? 0);
        if (pointerAt(memory, address + index * 8) !== base + start) faults.push("a pointer leads elsewhere");
      });
    }
  }
  spans.sort((a, b) => a.from - b.from);
  spans.forEach(({ from }, index) => {
    const before = spans[index - 1];
    if (before !== undefined && before.to > from) faults.push("two pieces overlap");
  });
  if (batch.message.length > Math.min(MESSAGE_LIMIT, CAPACITY)) faults.push("the message is too long");
  if (batch.preload.length > BUFFER + SEGMENT_SIZE - LARGE) faults.push("the preload is too long");
  return faults;
}

t.test("300 batches at random: pointers lead where they should, nothing overlaps", async (t) => {
  const faults: string[] = [];
  let preloaded = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const operations = randomBatch(seed);
    const batch = encode(operations, { machine });
    if (batch.preload.length > 0) preloaded += 1;
    faults.push(...faultsOf(operations, batch).map((fault) => `seed ${seed}: ${fault}`));
  }
  t.strictSame(faults, []);
  t.ok(preloaded > 20 && preloaded < 280, `both areas are in use: ${preloaded} of 300 with a preload`);
});

t.test("300 answers at random: each result and each out buffer comes back", async (t) => {
  const wrong: number[] = [];
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomFrom(seed);
    const operations = randomBatch(seed);
    const batch = encode(operations, { machine });
    const done = random(operations.length + 1);
    const results = operations.map((_, n) => (n < done ? random(2 ** 31) - 4095 : undefined));
    const reply = answer(
      batch,
      results.map((result) => (result === undefined ? undefined : BigInt(result))),
    );
    const fill = (offset: number) => (offset % 255) + 1;
    for (const { offset, out: memory } of batch.outs) reply.fill(fill(offset), offset, offset + memory.size);
    decode(operations, batch, reply);
    const right = operations.every(({ result }, n) => result === results[n]);
    const filled = batch.outs.every(({ out: { bytes, size }, offset }) => {
      return bytes.length === size && bytes.every((byte) => byte === fill(offset));
    });
    if (!right || !filled) wrong.push(seed);
  }
  t.strictSame(wrong, []);
});
