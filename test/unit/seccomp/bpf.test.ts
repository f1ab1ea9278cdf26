// The bytes of BPF instructions.

import t from "tap";
import { decode, encode, JUMP_EQUAL, jump, jumpIf, load, returns } from "../../../src/seccomp/bpf.ts";

t.test("an instruction is a struct sock_filter: u16 code, u8 jt, u8 jf, u32 k", async (t) => {
  t.same([...encode([jumpIf(JUMP_EQUAL, 0xc000003e, { yes: 1, no: 2 })])], [0x15, 0, 1, 2, 0x3e, 0, 0, 0xc0]);
  t.same([...encode([load(4)])], [0x20, 0, 0, 0, 4, 0, 0, 0]);
});

t.test("what was encoded can be decoded", async (t) => {
  const program = [load(4), jumpIf(JUMP_EQUAL, 0xc000003e, { no: 1 }), jump(300), returns(0x80000000)];
  t.same(decode(encode(program)), program);
});
