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
