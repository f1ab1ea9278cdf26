// The layout of the snapshot: which block gets which place.

import t from "tap";
import { layoutFile, layoutOf, plainest, readBlocks, tableOf } from "../../../scripts/engine/layout.ts";

const READ = 1;
const WRITTEN = 2;

/** What a command tells: size, uses and the time of the first use for each block. */
function told(...blocks: readonly (readonly [number, number, number])[]) {
  return readBlocks(new Uint8Array(Uint32Array.from(blocks.flat()).buffer));
}

function numbers(table: Uint8Array): [number, number][] {
  const words = [...new Uint32Array(table.buffer)];
  return words.flatMap((number, index) => (index % 2 === 0 ? [[number, words[index + 1] ?? 0]] : []));
}

t.test("written blocks come first, in the order of their first use, then those only read", async (t) => {
  const table = layoutOf([
    told([32, READ, 4], [48, WRITTEN, 3], [64, READ | WRITTEN, 1], [80, 0, 0], [96, READ, 2]),
  ]);
  const expected = [
    [2, 64],
    [1, 48],
    [4, 96],
    [0, 32],
  ];
  t.strictSame(numbers(table), expected);
});

t.test("what the first command uses comes first, and nothing has two places", async (t) => {
  const table = layoutOf([
    told([32, READ, 1], [48, WRITTEN, 2], [64, 0, 0]),
    told([32, WRITTEN, 2], [48, WRITTEN, 3], [64, WRITTEN, 1]),
  ]);
  const expected = [
    [1, 48],
    [2, 64],
    [0, 32],
  ];
  t.strictSame(numbers(table), expected);
});

t.test("of several runs of a command that which used least counts", async (t) => {
  const plain = told([32, READ, 1], [48, WRITTEN, 2], [64, 0, 0]);
  const more = told([32, READ, 2], [48, WRITTEN, 3], [64, READ, 1]);
  const wrote = told([32, WRITTEN, 1], [48, WRITTEN, 2], [64, 0, 0]);
  t.equal(plainest([more, plain, wrote]), plain);
  t.equal(plainest([more]), more);
});

t.test("large blocks stay where they are", async (t) => {
  t.strictSame(numbers(layoutOf([told([16384, WRITTEN, 2], [16400, WRITTEN, 1])])), [[0, 16384]]);
  t.strictSame(numbers(layoutOf([])), []);
});

t.test("a layout is known by the program that it was made for", async (t) => {
  const table = layoutOf([told([32, READ, 1], [48, WRITTEN, 2])]);
  const [program, other] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(7)];
  other[31] = 8;
  const file = layoutFile(program, table);
  t.strictSame(tableOf(file, program)?.slice(), table);
  t.equal(tableOf(file, other), undefined, "of another program");
  t.equal(tableOf(table, program), undefined, "a table without a program");
  t.equal(tableOf(new Uint8Array(0), program), undefined);
  t.strictSame(tableOf(layoutFile(program, new Uint8Array(0)), program)?.length, 0, "nothing was watched");
});
