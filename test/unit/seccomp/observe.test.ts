// The filter of a recording: what it tells of, what it leaves to the kernel, and that the answer to what it
// tells is the one of the container's own program.

import t from "tap";
import {
  decode,
  encode,
  type Instruction,
  JUMP_BITS,
  JUMP_EQUAL,
  JUMP_GREATER,
  jump,
  jumpIf,
  load,
  plain,
  returns,
  STORE,
} from "../../../src/seccomp/bpf.ts";
import { enosysStub } from "../../../src/seccomp/enosys.ts";
import { observe, RETURN_NOTIFY } from "../../../src/seccomp/observe.ts";
import { RETURN_ACCUMULATOR, simulate } from "../../../src/seccomp/simulate.ts";
import { ARCHITECTURES } from "../../../src/seccomp/tables.ts";
import { runFilter } from "./bpf-interpreter.ts";

const ALLOW = 0x7fff0000;
const LOG = 0x7ffc0000;
const ERRNO = 0x00050001;
const KILL = 0x80000000;
const TRAP = 0x00030000;
const TRACE = 0x7ff00007;
const ACTIONS = [ALLOW, LOG, ERRNO, 0x00050026, KILL, TRAP, TRACE];
const TOLD = [ALLOW, LOG, ERRNO, 0x00050026];
const EXEMPT = [0x400123, 0x400177];
const X86_64 = ARCHITECTURES.SCMP_ARCH_X86_64;

interface Call {
  readonly number: number;
  readonly architecture?: number;
  readonly pointer?: readonly [low: number, high: number];
  readonly args?: readonly number[];
}

/** The words of `struct seccomp_data`. */
function data({ number, architecture = X86_64, pointer = [0x5000, 0x7f], args = [] }: Call): Uint32Array {
  return Uint32Array.from([number, architecture, ...pointer, ...args.flatMap((one) => [one, 0])]);
}

function watched(own: readonly Instruction[]): readonly Instruction[] {
  const filter = { program: encode(own), flags: 0, notify: false };
  return decode(observe(filter, { exempt: EXEMPT, waitsKillable: false }).filter.program);
}

const OWN = [
  load(0),
  jumpIf(JUMP_EQUAL, 1, { no: 1 }),
  returns(ALLOW),
  jumpIf(JUMP_EQUAL, 2, { no: 1 }),
  returns(ERRNO),
  jumpIf(JUMP_EQUAL, 3, { no: 1 }),
  returns(KILL),
  jumpIf(JUMP_EQUAL, 4, { no: 1 }),
  returns(TRAP),
  jumpIf(JUMP_EQUAL, 5, { no: 1 }),
  returns(TRACE),
  returns(LOG),
];

t.test("what is allowed, logged or failed with an errno is told; all else is as before", (test) => {
  const program = watched(OWN);
  const expected = [RETURN_NOTIFY, RETURN_NOTIFY, KILL, TRAP, TRACE, RETURN_NOTIFY];
  for (const [index, action] of expected.entries()) {
    test.equal(simulate(program, data({ number: index + 1 })).action, action, `call ${index + 1}`);
  }
  test.end();
});

t.test("calls from the interpreter's addresses are under the own filter alone", (test) => {
  const program = watched(OWN);
  for (const address of EXEMPT) {
    for (let number = 1; number <= 6; number++) {
      const call = data({ number, pointer: [address, 0] });
      test.equal(simulate(program, call).action, simulate(OWN, call).action, `call ${number}`);
    }
    test.equal(simulate(program, data({ number: 1, pointer: [address, 1] })).action, RETURN_NOTIFY);
    test.equal(simulate(program, data({ number: 1, pointer: [address + 1, 0] })).action, RETURN_NOTIFY);
  }
  test.end();
});

/** A random program with jumps forward, which the kernel would accept. */
function randomProgram(random: () => number): Instruction[] {
  const pick = (most: number) => Math.floor(random() * most);
  const length = 3 + pick(40);
  return Array.from({ length }, (_, at): Instruction => {
    const left = length - at - 2;
    if (left < 0) return returns(ACTIONS[pick(ACTIONS.length)] ?? KILL);
    switch (pick(6)) {
      case 0:
        return load(pick(12) * 4);
      case 1:
        return returns(ACTIONS[pick(ACTIONS.length)] ?? KILL);
      case 2:
        return jump(pick(left + 1));
      case 3:
        return plain(0x54, pick(8));
      default: {
        const code = [JUMP_EQUAL, JUMP_GREATER, JUMP_BITS][pick(3)] ?? JUMP_EQUAL;
        return jumpIf(code, pick(8), { yes: pick(left + 1), no: pick(left + 1) });
      }
    }
  });
}

t.test("whatever the program is, the own one decides about what is told, and about nothing else", (test) => {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed / 2 ** 32;
  };
  const wrong: string[] = [];
  for (let round = 0; round < 500; round++) {
    const own = randomProgram(random);
    const program = watched(own);
    for (let call = 0; call < 20; call++) {
      const number = Math.floor(random() * 8);
      const args = Array.from({ length: 6 }, () => Math.floor(random() * 8));
      const pointer = random() < 0.3 ? ([EXEMPT[call % 2] ?? 0, 0] as const) : ([1, 2] as const);
      const words = data({ number, args, pointer });
      const { action } = simulate(own, words);
      const isTold = TOLD.includes(action) && pointer[1] !== 0;
      const expected = isTold ? RETURN_NOTIFY : action;
      const got = simulate(program, words).action;
      if (got !== expected) wrong.push(`round ${round}: ${got.toString(16)} is not ${expected.toString(16)}`);
    }
  }
  test.strictSame(wrong, []);
  test.end();
});

t.test("the simulation agrees with the tests' interpreter on the stub for newer calls", (test) => {
  const limits = [
    { architecture: X86_64, highest: 450 },
    { architecture: ARCHITECTURES.SCMP_ARCH_X86, highest: 440 },
  ];
  const program = [...enosysStub(limits), returns(ALLOW)];
  for (const architecture of [X86_64, ARCHITECTURES.SCMP_ARCH_X86, ARCHITECTURES.SCMP_ARCH_ARM]) {
    for (const number of [0, 440, 441, 450, 451, 0x40000000]) {
      const { action } = simulate(program, data({ number, architecture }));
      test.equal(action, runFilter(program, { number, architecture }), `${architecture} ${number}`);
    }
  }
  test.end();
});

t.test("an outcome is fixed unless an argument or the address of the call was looked at", (test) => {
  const program = [
    load(0),
    jumpIf(JUMP_EQUAL, 1, { no: 1 }),
    returns(ALLOW),
    load(16),
    jumpIf(JUMP_EQUAL, 7, { no: 1 }),
    returns(ERRNO),
    returns(ALLOW),
  ];
  test.strictSame(simulate(program, data({ number: 1 })), { action: ALLOW, isFixed: true });
  test.strictSame(simulate(program, data({ number: 2, args: [7] })), { action: ERRNO, isFixed: false });
  test.strictSame(simulate(program, data({ number: 2, args: [8] })), { action: ALLOW, isFixed: false });
  test.end();
});

t.test("arithmetic and memory are the kernel's: 32 bits, without a sign", (test) => {
  const run = (...program: Instruction[]) =>
    simulate([...program, plain(RETURN_ACCUMULATOR, 0)], data({ number: 3, args: [0xfffffff0] })).action;
  test.equal(run(load(16), plain(0x04, 0x20)), 0x10, "add");
  test.equal(run(load(0), plain(0x14, 4)), 0xffffffff, "subtract");
  test.equal(run(load(16), plain(0x24, 2)), 0xffffffe0, "multiply");
  test.equal(run(load(16), plain(0x34, 16)), 0x0fffffff, "divide");
  test.equal(run(load(16), plain(0x74, 4)), 0x0fffffff, "shift to the right");
  test.equal(run(load(0), plain(0x64, 31)), 0x80000000, "shift to the left");
  test.equal(run(load(0), plain(0x84, 0)), 0xfffffffd, "negate");
  test.equal(run(load(0), plain(0xa4, 1)), 2, "exclusive or");
  test.equal(run(load(0), plain(STORE, 5), plain(0x00, 9), plain(0x60, 5)), 3, "memory");
  test.equal(run(load(0), plain(0x07, 0), plain(0x00, 4), plain(0x0c, 0)), 7, "the index register");
  test.equal(run(plain(0x80, 0)), 64, "the length of the data");
  test.throws(() => run(plain(0x30, 0)), /accepts no BPF instruction/);
  test.end();
});

t.test("without a filter all is told, and the flags are those of none", (test) => {
  const { filter, own } = observe(undefined, { exempt: EXEMPT, waitsKillable: true });
  test.equal(simulate(decode(filter.program), data({ number: 1 })).action, RETURN_NOTIFY);
  test.strictSame(own, [returns(ALLOW)]);
  test.equal(filter.flags, (1 << 2) | (1 << 3) | (1 << 5));
  test.ok(filter.notify);
  test.end();
});

t.test("a filter that cannot be watched is refused with the reason", (test) => {
  const refuse = (program: Instruction[], notify: boolean, reason: RegExp) => {
    const filter = { program: encode(program), flags: 0, notify };
    test.throws(() => observe(filter, { exempt: EXEMPT, waitsKillable: false }), reason);
  };
  refuse(OWN, true, /notifies an agent/);
  refuse([load(0), plain(RETURN_ACCUMULATOR, 0)], false, /computes what it returns/);
  refuse([...new Array<Instruction>(4090).fill(load(0)), returns(ALLOW)], false, /too long/);
  const memory = Array.from({ length: 16 }, (_, slot) => plain(STORE, slot));
  refuse([load(0), ...memory, returns(ALLOW)], false, /all of its memory/);
  test.end();
});

t.test("a program that uses memory keeps it", (test) => {
  const own = [load(0), plain(STORE, 15), plain(0x00, 0), plain(0x60, 15), jumpIf(JUMP_EQUAL, 1, { no: 1 })];
  const program = watched([...own, returns(ALLOW), returns(KILL)]);
  test.equal(simulate(program, data({ number: 1 })).action, RETURN_NOTIFY);
  test.equal(simulate(program, data({ number: 2 })).action, KILL);
  test.end();
});
