// The machine code that carries out system calls inside a container, and the protocol it speaks.
//
//   tsrun                                       proxy (a static ELF, one thread, no libc)
//     | -- header | operations | out | data -----> |  read(control, BUFFER)
//     |                                            |  each operation: take earlier results, call, store
//     | <------ header | operations | out -------- |  write(control, BUFFER, reply length)
//
// header:    u32 number of operations, u32 flags (LAST), u64 reply length
// operation: u32 system call, u32 flags, u64 arguments[6], i64 result                        (64 bytes)
//
// The buffer lies at a fixed address, so tsrun knows every pointer before it sends.

import type { Machine } from "../linux/syscalls.ts";
import { ARM64_LISTING } from "./listing-arm64.ts";
import { X86_64_LISTING } from "./listing-x86-64.ts";

/** Bytes, instruction, comment; a label has no bytes. */
export type Listing = readonly (readonly [string, string, string])[];

export const BUFFER = 0x10000000;
/** The longest message, bytes. */
export const CAPACITY = 0x40000;
/** Where data too long for a message is loaded before the batch that needs it. */
export const LARGE = BUFFER + 0x100000;
/** The size of the proxy's whole data segment; untouched pages cost nothing. */
export const SEGMENT_SIZE = 0x2000000;

export const HEADER_SIZE = 16;
export const OPERATION_SIZE = 64;
export const ARGUMENTS_OFFSET = 8;
export const RESULT_OFFSET = 56;

/** Header flag: whatever the results, leave after the answer. */
export const LAST = 1;
/** Operation flags; bits 0 to 5 say which arguments are addresses of earlier results. */
export const CHILD_ONLY = 1 << 8;
export const PARENT_ONLY = 1 << 9;
export const CLONES = 1 << 10;
export const GO_ON = 1 << 11;

/** What a result holds while its operation has not been carried out; no system call returns it. */
export const NOT_DONE_HIGH = 0x80000000;

/** Where the code is entered: behind the handler of signals, which is its very first instruction. */
export const ENTRY_OFFSET: Readonly<Record<Machine, number>> = { "x86-64": 10, arm64: 12 };

export function listingFor(machine: Machine): Listing {
  return machine === "arm64" ? ARM64_LISTING : X86_64_LISTING;
}

/**
 * The interpreter's code for `machine`.
 * @param control the descriptor it reads batches from, below 65,536
 */
export function interpreterCode(machine: Machine, control: number): Uint8Array {
  const code: number[] = [];
  for (const [bytes, instruction] of listingFor(machine)) {
    const at = code.length;
    if (bytes === "") continue;
    for (const byte of bytes.split(" ")) code.push(Number.parseInt(byte, 16));
    if (machine === "x86-64" && instruction === "mov r15d, 3") {
      code[at + 2] = control & 0xff;
      code[at + 3] = control >> 8;
    }
    if (machine === "arm64" && instruction === "mov w22, #3") {
      // movz w22, #control: the immediate stands in bits 5 to 20, the register in bits 0 to 4.
      code[at] = ((control & 0x7) << 5) | 22;
      code[at + 1] = (control >> 3) & 0xff;
      code[at + 2] = 0x80 | ((control >> 11) & 0x1f);
    }
  }
  return Uint8Array.from(code);
}
