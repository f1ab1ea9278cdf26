// The words of seccomp profiles.

import t from "tap";
import * as tables from "../../../src/seccomp/tables.ts";

t.test("the lists that features prints are sorted", async (t) => {
  for (const list of [
    tables.SECCOMP_ACTIONS,
    tables.SECCOMP_OPERATORS,
    tables.SECCOMP_ARCHITECTURES,
  ] as readonly (readonly string[])[]) {
    t.same(list, [...list].sort());
  }
  t.equal(tables.SECCOMP_ACTIONS.length, 9);
  t.equal(tables.SECCOMP_OPERATORS.length, 7);
  t.equal(tables.SECCOMP_ARCHITECTURES.length, 23);
});

t.test("TSYNC is known and changes nothing", async (t) => {
  t.equal(tables.flagBit("SECCOMP_FILTER_FLAG_TSYNC"), 0);
  t.equal(tables.flagBit("SECCOMP_FILTER_FLAG_LOG"), 2);
  t.equal(tables.flagBit("SECCOMP_FILTER_FLAG_SPEC_ALLOW"), 4);
  t.equal(tables.flagBit("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"), 32);
});

t.test("the flag that needs a listener is no unconditional one", async (t) => {
  t.same(tables.SECCOMP_UNCONDITIONAL_FLAGS, [
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_LOG",
  ]);
});

t.test("x32 has a token of its own, since its AUDIT_ARCH is that of x86-64", async (t) => {
  t.equal(tables.architectureToken("SCMP_ARCH_X32"), 0x4000003e);
  t.equal(tables.architectureName(0x4000003e), "SCMP_ARCH_X32");
  t.equal(tables.architectureName(0x1234), "architecture 0x1234");
});

t.test("words that every object answers to are no words of a profile", async (t) => {
  for (const word of ["constructor", "__proto__", "toString", ""]) {
    t.equal(tables.actionToken(word), undefined);
    t.equal(tables.operatorToken(word), undefined);
    t.equal(tables.architectureToken(word), undefined);
    t.equal(tables.flagBit(word), undefined);
  }
});

t.test("actions are SECCOMP_RET_* of <linux/seccomp.h>, operators libseccomp's", async (t) => {
  const actions: Readonly<Record<string, number>> = {
    SCMP_ACT_KILL: 0,
    SCMP_ACT_KILL_THREAD: 0,
    SCMP_ACT_KILL_PROCESS: 0x80000000,
    SCMP_ACT_TRAP: 0x30000,
    SCMP_ACT_ERRNO: 0x50000,
    SCMP_ACT_NOTIFY: 0x7fc00000,
    SCMP_ACT_TRACE: 0x7ff00000,
    SCMP_ACT_LOG: 0x7ffc0000,
    SCMP_ACT_ALLOW: 0x7fff0000,
  };
  for (const name of tables.SECCOMP_ACTIONS) t.equal(tables.actionToken(name), actions[name], name);
  const operators = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
  operators.forEach((name, index) => {
    t.equal(tables.operatorToken(`SCMP_CMP_${name}`), index + 1, name);
  });
});

t.test("architectures are EM_* of <linux/elf-em.h> with the bits of <linux/audit.h>", async (t) => {
  const [is64, isLittle, hasN32] = [2 ** 31, 2 ** 30, 2 ** 29];
  const tokens: Readonly<Record<string, number>> = {
    X86: 3 + isLittle,
    X86_64: 62 + is64 + isLittle,
    // Of libseccomp: the machine of x86-64 without 64 bits.
    X32: 62 + isLittle,
    ARM: 40 + isLittle,
    AARCH64: 183 + is64 + isLittle,
    LOONGARCH64: 258 + is64 + isLittle,
    M68K: 4,
    MIPS: 8,
    MIPS64: 8 + is64,
    MIPS64N32: 8 + is64 + hasN32,
    MIPSEL: 8 + isLittle,
    MIPSEL64: 8 + is64 + isLittle,
    MIPSEL64N32: 8 + is64 + isLittle + hasN32,
    PARISC: 15,
    PARISC64: 15 + is64,
    PPC: 20,
    PPC64: 21 + is64,
    PPC64LE: 21 + is64 + isLittle,
    RISCV64: 243 + is64 + isLittle,
    S390: 22,
    S390X: 22 + is64,
    SH: 42 + isLittle,
    SHEB: 42,
  };
  const names = Object.keys(tokens).map((name) => `SCMP_ARCH_${name}`);
  t.strictSame(names.sort(), [...tables.SECCOMP_ARCHITECTURES]);
  for (const [name, token] of Object.entries(tokens)) {
    t.equal(tables.architectureToken(`SCMP_ARCH_${name}`), token, name);
  }
});

t.test("the numbers of seccomp(2)", async (t) => {
  t.equal(tables.SECCOMP_FILTER_FLAG_NEW_LISTENER, 8);
  t.equal(tables.SECCOMP_SET_MODE_FILTER, 1);
  t.equal(tables.MAX_INSTRUCTIONS, 4096);
  t.strictSame(tables.SECCOMP_FLAGS.length, 4);
});
