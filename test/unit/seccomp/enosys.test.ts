// System calls newer than the profile: the verdict of the stub in front of a filter, for each architecture.

import t from "tap";
import { returns } from "../../../src/seccomp/bpf.ts";
import { enosysStub, type Limit } from "../../../src/seccomp/enosys.ts";
import { ARCHITECTURES, type Architecture } from "../../../src/seccomp/tables.ts";
import { runFilter } from "./bpf-interpreter.ts";

const ENOSYS = 0x00050026;
const FILTER = 0x7fff0000;
const X32_BIT = 0x40000000;

/**
 * The verdict of the stub for a limit list: "enosys", or "filter" when it leaves the decision to what
 * follows.
 */
function verdict(limits: readonly Limit[], audit: Architecture, number: number): string {
  const program = [...enosysStub(limits), returns(FILTER)];
  const result = runFilter(program, { number, architecture: ARCHITECTURES[audit] });
  if (result === ENOSYS) return "enosys";
  return result === FILTER ? "filter" : `0x${result.toString(16)}`;
}

function limit(name: Architecture, highest: number): Limit {
  return { architecture: ARCHITECTURES[name], highest };
}

const x86Family = [
  limit("SCMP_ARCH_X86_64", 450),
  limit("SCMP_ARCH_X86", 440),
  limit("SCMP_ARCH_X32", X32_BIT + 547),
];
const x86Only = [limit("SCMP_ARCH_X86_64", 450)];
const manyOthers = [
  limit("SCMP_ARCH_AARCH64", 300),
  limit("SCMP_ARCH_ARM", 310),
  limit("SCMP_ARCH_RISCV64", 320),
  limit("SCMP_ARCH_S390X", 330),
  limit("SCMP_ARCH_PPC64LE", 340),
];

const cases: readonly [string, readonly Limit[], Architecture, number, string][] = [
  ["the highest of x86-64", x86Family, "SCMP_ARCH_X86_64", 450, "filter"],
  ["beyond the highest of x86-64", x86Family, "SCMP_ARCH_X86_64", 451, "enosys"],
  ["number 0", x86Family, "SCMP_ARCH_X86_64", 0, "filter"],
  ["the highest of x32", x86Family, "SCMP_ARCH_X86_64", X32_BIT + 547, "filter"],
  ["beyond the highest of x32", x86Family, "SCMP_ARCH_X86_64", X32_BIT + 548, "enosys"],
  ["-1, which a tracer sets", x86Family, "SCMP_ARCH_X86_64", 0xffffffff, "enosys"],
  ["the highest of x86", x86Family, "SCMP_ARCH_X86", 440, "filter"],
  ["beyond the highest of x86, below that of x86-64", x86Family, "SCMP_ARCH_X86", 441, "enosys"],
  ["an architecture the profile does not name", x86Family, "SCMP_ARCH_AARCH64", 9999, "filter"],
  ["x86-64 alone", x86Only, "SCMP_ARCH_X86_64", 451, "enosys"],
  ["x32 where only x86-64 is named", x86Only, "SCMP_ARCH_X86_64", X32_BIT + 9999, "filter"],
  [
    "x86-64 where only x32 is named",
    [limit("SCMP_ARCH_X32", X32_BIT + 547)],
    "SCMP_ARCH_X86_64",
    999,
    "filter",
  ],
  ["x32 alone", [limit("SCMP_ARCH_X32", X32_BIT + 547)], "SCMP_ARCH_X86_64", X32_BIT + 548, "enosys"],
  ["the first of many", manyOthers, "SCMP_ARCH_AARCH64", 301, "enosys"],
  ["the second of many", manyOthers, "SCMP_ARCH_ARM", 311, "enosys"],
  ["one of many, known", manyOthers, "SCMP_ARCH_RISCV64", 320, "filter"],
  ["s390x, known", manyOthers, "SCMP_ARCH_S390X", 330, "filter"],
  ["s390x, too high", manyOthers, "SCMP_ARCH_S390X", 331, "enosys"],
  ["s390x, 0: how a number unknown to the kernel arrives", manyOthers, "SCMP_ARCH_S390X", 0, "enosys"],
  ["0 elsewhere", manyOthers, "SCMP_ARCH_AARCH64", 0, "filter"],
  ["the last of many", manyOthers, "SCMP_ARCH_PPC64LE", 341, "enosys"],
  ["the last of many, known", manyOthers, "SCMP_ARCH_PPC64LE", 340, "filter"],
];

for (const [title, limits, audit, number, expected] of cases) {
  t.test(`${title}: ${expected}`, async (t) => {
    t.equal(verdict(limits, audit, number), expected);
  });
}

t.test("a profile without limits gets no stub", async (t) => {
  t.same(enosysStub([]), []);
});

t.test("every architecture at once still makes a program whose jumps fit", async (t) => {
  const all = Object.keys(ARCHITECTURES) as Architecture[];
  const limits = all.map((name, index) =>
    limit(name, name === "SCMP_ARCH_X32" ? X32_BIT + 600 : 400 + index),
  );
  for (const [index, name] of all.entries()) {
    if (name === "SCMP_ARCH_X32") continue;
    t.equal(verdict(limits, name, 400 + index), "filter", name);
    t.equal(verdict(limits, name, 401 + index), "enosys", name);
  }
});
