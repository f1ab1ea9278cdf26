// Operations that are copied from others: the proxy must get the same as if each were encoded separately, and
// its answer must reach the one that failed.

import t from "tap";
import { type Argument, data, out, shown } from "../../../src/proxy/calls/arguments.ts";
import { close, openat } from "../../../src/proxy/calls/calls.ts";
import { type Operation, operation, orGoOn } from "../../../src/proxy/calls/operation.ts";
import { decode, failureOf } from "../../../src/proxy/wire/answer.ts";
import { complete, type EncodedBatch, type EncodeOptions, encode } from "../../../src/proxy/wire/batch.ts";
import { BUFFER, LARGE } from "../../../src/proxy/wire/protocol.ts";
import {
  countOf,
  type Entry,
  operationsOf,
  type Pattern,
  patternOf,
  repeat,
} from "../../../src/proxy/wire/repeat.ts";
import { randomFrom } from "../../support/random.ts";

const machine = "x86-64";
const HEADER = 16;
const SIZE = 64;

/** A kind of steps: what it makes of two texts, after an operation that all of them refer to. */
type Kind = (root: Operation, first: string, second: string) => Operation[];

const bind: Kind = (root, first, second) => {
  const target = openat(root, first, 0x200000);
  const tree = operation("open_tree", [-100, second, 0x89001], "clone");
  const change = data(Buffer.from("attributes of it"), () => "{…}");
  return [
    target,
    tree,
    orGoOn(operation("mount_setattr", [tree, "", 0x1000, change, 32], "change")),
    operation("move_mount", [tree, "", target, "", shown(0x44, "…")], "move"),
    close(tree),
    close(target),
  ];
};

function patternFor(operations: readonly Operation[], ...texts: string[]): Pattern {
  const pattern = patternOf(operations, texts);
  if (pattern === undefined) throw new Error("no pattern");
  return pattern;
}

t.test("the arguments that differ are found by their texts, in order", async (t) => {
  const root = operation("getpid", [], "root");
  const pattern = patternFor(bind(root, "/a", "/b"), "/a", "/b");
  // Operation 0, argument 1; operation 1, argument 1. An operation has 16 words, two before its arguments.
  t.same(pattern.texts, [4, 16 + 4]);
  t.same(
    pattern.others.map(({ at, of }) => [at, of.call]),
    [[2, "getpid"]],
  );
  t.equal(pattern.results.length, 5);
  t.same(patternFor(bind(root, "/same", "/same"), "/same", "/same").texts, [4, 20]);
});

t.test("where it cannot be told which arguments differ there is no pattern", async (t) => {
  const root = operation("getpid", [], "root");
  t.equal(patternOf(bind(root, "/a", "/b"), ["/b", "/a"]), undefined, "another order");
  t.equal(patternOf(bind(root, "/a", "/a"), ["/a"]), undefined, "one is there for another reason");
  t.equal(patternOf(bind(root, "/a", "/b"), ["/a", "/b", "/c"]), undefined, "one is missing");
  t.equal(patternOf([operation("statx", [3, "/a", out(8)], "look")], ["/a"]), undefined, "it fills memory");
  t.equal(patternOf([{ ...operation("clone3", ["/a"], "clone"), clones: true }], ["/a"]), undefined);
});

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The content of a batch without addresses: calls with texts, data, and the operations whose results they
 * use.
 */
function read(batch: EncodedBatch, operations: readonly Operation[]): unknown[] {
  const view = viewOf(batch.message);
  const memory = (address: number, length: number) => {
    const [start, bytes] = address >= LARGE ? [LARGE, batch.preload] : [BUFFER, batch.message];
    return Buffer.from(bytes.subarray(address - start, address - start + length));
  };
  return operations.map(({ args }, index) => {
    const at = HEADER + index * SIZE;
    const flags = view.getUint32(at + 4, true);
    const shownArgs = [0, 1, 2, 3, 4, 5].map((position) => {
      const word = view.getBigInt64(at + 8 + position * 8, true);
      if (((flags >> position) & 1) === 1) return `result of ${(Number(word) - BUFFER - HEADER - 56) / SIZE}`;
      const argument: Argument | undefined = args[position];
      if (typeof argument === "string")
        return memory(Number(word), Buffer.byteLength(argument) + 1).toString();
      if (typeof argument === "object" && argument.kind === "data") {
        return memory(Number(word), argument.bytes.length).toString();
      }
      return word;
    });
    return [view.getUint32(at, true), flags, shownArgs, view.getBigUint64(at + 56, true)];
  });
}

/** A kind with arguments of all sorts, the two texts somewhere among them. */
function randomKind(random: (limit: number) => number): Kind {
  const count = 2 + random(6);
  const [at, and] = [random(count), random(count)].sort((a, b) => a - b) as [number, number];
  const bytes = data(Buffer.from(`shared ${random(1000)}`), () => "…");
  const choices = Array.from({ length: count * 4 }, () => random(7));
  return (root, first, second) => {
    const made: Operation[] = [];
    for (let index = 0; index < count; index++) {
      const args: Argument[] = index === 0 ? [root] : [];
      for (let position = 0; position < 3; position++) {
        const choice = choices[index * 4 + position] ?? 0;
        const earlier = made[choice % Math.max(made.length, 1)];
        const options: Argument[] = [choice - 3, "constant", bytes, earlier ?? 7, root, 2 ** 33 + choice, ""];
        args.push(options[choice] ?? 0);
      }
      if (index === at) args.push(first);
      if (index === and) args.push(second);
      const one = operation("mmap", args, "a");
      made.push(choices[index * 4 + 3] === 0 ? orGoOn(one) : one);
    }
    return made;
  };
}

interface Batch {
  readonly entries: Entry[];
  /** The same, each by itself. */
  readonly plain: Operation[];
}

/** Steps of some kinds in any order, the first of each kind by itself. */
function randomBatch(seed: number, root: Operation, withRoot: boolean): Batch {
  const random = randomFrom(seed);
  const kinds = Array.from({ length: 1 + random(4) }, () => randomKind(random));
  const patterns = new Map<Kind, Pattern>();
  const entries: Entry[] = withRoot ? [root] : [];
  for (let step = 0; step < 1 + random(40); step++) {
    const kind = kinds[random(kinds.length)] as Kind;
    const texts = [`/first/${random(1e6)}`, `/zweite/größe/${"x".repeat(random(300))}/${random(1e6)}`];
    const operations = kind(root, texts[0] ?? "", texts[1] ?? "");
    const pattern = patterns.get(kind);
    if (pattern !== undefined) entries.push(repeat(pattern, texts, { operations: () => operations }));
    else {
      patterns.set(kind, patternFor(operations, ...texts));
      entries.push(...operations);
    }
  }
  return { entries, plain: operationsOf(entries) };
}

const say = (entries: readonly Entry[], plain: readonly Operation[], options: EncodeOptions = {}) =>
  read(encode(entries, { machine, ...options }), plain);

t.test("200 batches at random say the same as each operation by itself", async (t) => {
  const wrong: number[] = [];
  let repeats = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const { entries, plain } = randomBatch(seed, operation("getpid", [], "root"), true);
    repeats += entries.filter(({ kind }) => kind === "repeat").length;
    t.equal(countOf(entries), plain.length);
    const copied = JSON.stringify(say(entries, plain), showBig);
    if (copied !== JSON.stringify(say(plain, plain), showBig)) wrong.push(seed);
  }
  t.same(wrong, []);
  t.ok(repeats > 1000, `there are enough of them: ${repeats}`);
});

t.test("what is encoded before the batch before it is answered is completed then", async (t) => {
  const wrong: number[] = [];
  for (let seed = 1; seed <= 100; seed++) {
    const root = operation("getpid", [], "root");
    const { entries, plain } = randomBatch(seed, root, false);
    encode([root], { machine });
    const early = encode(entries, { machine, keeps: true });
    encode([operation("getppid", [], "another")], { machine });
    t.throws(() => complete(early), { code: "E_INTERNAL", message: /does not stand earlier/ });
    root.result = 4711;
    complete(early);
    const before = JSON.stringify(read(early, plain), showBig);
    if (before !== JSON.stringify(say(plain, plain), showBig)) wrong.push(seed);
  }
  t.same(wrong, []);
});

function showBig(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

t.test("a pattern that is not in the batch is a mistake of ours", async (t) => {
  const root = operation("getpid", [], "root");
  const first = bind(root, "/a", "/b");
  const like = repeat(patternFor(first, "/a", "/b"), ["/c", "/d"], { operations: () => [] });
  t.throws(() => encode([root, like], { machine }), {
    code: "E_INTERNAL",
    message: /does not stand earlier/,
  });
  encode([root, ...first, like], { machine });
  t.throws(() => encode([root, like, ...first], { machine }), { code: "E_INTERNAL" });
});

/** Three binds, two of them repeats, and the answer in which the operation at `failing` fails. */
function threeBinds(failing: number, errno: number) {
  const root = operation("getpid", [], "root");
  const first = bind(root, "/a", "/b");
  const pattern = patternFor(first, "/a", "/b");
  const made: string[] = [];
  const like = (name: string) =>
    repeat(pattern, [`/${name}`, "/source"], {
      operations: () => {
        made.push(name);
        return bind(root, `/${name}`, "/source");
      },
    });
  const entries: Entry[] = [root, ...first, like("second"), like("third")];
  const batch = encode(entries, { machine });
  const reply = batch.message.slice(0, batch.replyLength);
  for (let index = 0; index <= Math.min(failing, batch.count - 1); index++) {
    const result = index === failing ? -errno : 10 + index;
    viewOf(reply).setBigInt64(HEADER + index * SIZE + 56, BigInt(result), true);
  }
  decode(entries, batch, reply);
  return { entries, made, failed: failureOf(entries) };
}

t.test("the operation of a repeat that failed is made, with its results, and no other", async (t) => {
  const { entries, made, failed } = threeBinds(1 + 6 + 1, 2);
  t.equal(failed?.call, "open_tree");
  t.equal(failed?.result, -2);
  t.same(made, ["second"]);
  const second = entries[7];
  t.ok(second?.kind === "repeat" && second.made?.includes(failed as Operation));
  const results = second?.kind === "repeat" ? second.made?.map(({ result }) => result) : [];
  t.same(results, [17, -2, undefined, undefined, undefined, undefined]);
});

t.test("nothing is made when all goes well, or when somebody else failed", async (t) => {
  const well = threeBinds(19, 0);
  t.same([well.made, well.failed], [[], undefined]);
  const before = threeBinds(3, 22);
  t.equal(before.failed?.result, undefined, "mount_setattr may fail here");
  t.same(before.made, []);
  const first = threeBinds(2, 13);
  t.equal(first.failed?.call, "open_tree");
  t.same(first.made, []);
});

t.test("what may fail in a repeat is no failure", async (t) => {
  const { failed, made } = threeBinds(1 + 6 + 2, 38);
  t.equal(failed, undefined);
  t.same(made, []);
});
