// The machine code that carries out system calls inside a container; protocol.ts describes its input and
// output. Pure.

import type { Machine } from "../../linux/numbers/syscalls.ts";

/** The entry point: after the signal handler, with which the code begins. */
export const ENTRY_OFFSET: Readonly<Record<Machine, number>> = { "x86-64": 10, arm64: 12 };

/**
 * The code as little-endian words. A test checks that they are the bytes of listing-x86-64.ts and
 * listing-arm64.ts, which are separate because only the bytes are needed at run time.
 */
// biome-ignore format: eight words a line
const X86_64_CODE = [
  0x0000e7b8, 0x80ef8300, 0xbe41050f, 0x10000000, 0x0001bd41, 0xbf410000, 0x00000003, 0x8944c031,
  0xf68944ff, 0x040000ba, 0x48050f00, 0x8e0fc085, 0x000000d3, 0x49268b45, 0x41105e8d, 0x0f01ec83,
  0x0000a182, 0x046b8b00, 0x08e5ba0f, 0x854d0973, 0x86850fed, 0x0f000000, 0x7309e5ba, 0xed854d05,
  0x8b487b74, 0xf640087b, 0x037401c5, 0x483f8b48, 0x4010738b, 0x7402c5f6, 0x368b4803, 0x18538b48,
  0x04c5f640, 0x8b480374, 0x538b4c12, 0xc5f64020, 0x4d037408, 0x8b4c128b, 0xf6402843, 0x037410c5,
  0x4c008b4d, 0x40304b8b, 0x7420c5f6, 0x098b4d03, 0x050f038b, 0x38438948, 0x0ae5ba0f, 0xe8420f4c,
  0xf0013d48, 0x1572ffff, 0xf5f88348, 0x6b810975, 0x01000004, 0x0fd97300, 0x730be5ba, 0xc3834809,
  0xff55e940, 0x01b8ffff, 0x44000000, 0x8944ff89, 0x568b41f6, 0x48050f08, 0x0b78c085, 0x0446f641,
  0x15840f01, 0xb8ffffff, 0x000000e7, 0x0000ffbf, 0x00050f00,
];

// biome-ignore format: eight words a line
const ARM64_CODE = [
  0xd2800bc8, 0x11020000, 0xd4000001, 0xd2a20014, 0xd2800035, 0x52800076, 0xd28007e8, 0x2a1603e0,
  0xaa1403e1, 0xd2a00082, 0xd4000001, 0xf100001f, 0x5400062d, 0xb9400297, 0x91004298, 0x710006f7,
  0x540004a3, 0xb9400719, 0x36400059, 0xb5000415, 0x36480059, 0xb40003d5, 0xa9408700, 0xa9418f02,
  0xa9429704, 0x36000059, 0xf9400000, 0x36080059, 0xf9400021, 0x36100059, 0xf9400042, 0x36180059,
  0xf9400063, 0x36200059, 0xf9400084, 0x36280059, 0xf94000a5, 0xb9400308, 0xd4000001, 0xf9001f00,
  0x36500059, 0xaa0003f5, 0xb13ffc1f, 0x54000103, 0xb1002c1f, 0x540000a1, 0xb9400709, 0x71404129,
  0xb9000709, 0x54fffca2, 0x36580079, 0x91010318, 0x17ffffdb, 0xd2800808, 0x2a1603e0, 0xaa1403e1,
  0xb9400a82, 0xd4000001, 0xb7f80060, 0xb9400689, 0x3607f949, 0xd2800bc8, 0xd2801fe0, 0xd4000001,
];

/**
 * The interpreter's code for `machine`.
 * @param control the descriptor it reads batches from, below 65,536
 */
export function interpreterCode(machine: Machine, control: number): Uint8Array {
  const words = new Uint32Array(machine === "arm64" ? ARM64_CODE : X86_64_CODE);
  const code = new Uint8Array(words.buffer);
  setControl(code, { machine, control, code: 0 });
  return code;
}

interface Entry {
  readonly machine: Machine;
  readonly control: number;
  /** Where the code begins. */
  readonly code: number;
}

/** Sets the descriptor from which the code reads batches. Its third instruction loads the number. */
export function setControl(bytes: Uint8Array, { machine, control, code }: Entry): void {
  const at = code + ENTRY_OFFSET[machine];
  if (machine === "arm64") {
    // movz w22, #control: the immediate is in bits 5 to 20, the register in bits 0 to 4.
    const word = 0x52800000 | (control << 5) | 22;
    for (let byte = 0; byte < 4; byte++) bytes[at + 8 + byte] = word >> (8 * byte);
  } else {
    // mov r15d, control: the number follows two instructions of six bytes in total, and two opcode bytes.
    bytes[at + 14] = control;
    bytes[at + 15] = control >> 8;
  }
}
