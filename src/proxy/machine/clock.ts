// The interpreter with a clock, for `--trace`: it notes when each call began and ended, by the processor's
// counter, since a system call that asks for the time could be one that the container's profile forbids. The
// times take the place of the last two arguments, which are in registers by then. The code is that of
// interpreter.ts, with a jump where it makes a call, and what is jumped to behind it. Pure. Called by elf.ts.

import type { Machine } from "../../linux/numbers/syscalls.ts";
import { interpreterCode } from "./interpreter.ts";
import type { Listing } from "./listing.ts";

/** As in the other listings; the jumps lead to and from the place of the call. */
export const CLOCK_LISTINGS: Readonly<Record<Machine, Listing>> = {
  "x86-64": [
    ["48 89 d1", "mov rcx, rdx", "rdtsc changes rax and rdx; a system call changes rcx and r11"],
    ["0f 31", "rdtsc", ""],
    ["48 c1 e2 20", "shl rdx, 32", ""],
    ["48 09 d0", "or rax, rdx", ""],
    ["48 89 43 28", "mov [rbx+40], rax", "when it began, in place of the fifth argument"],
    ["48 89 ca", "mov rdx, rcx", ""],
    ["8b 03", "mov eax, [rbx]", "what the jump has replaced"],
    ["0f 05", "syscall", ""],
    ["48 89 43 38", "mov [rbx+56], rax", ""],
    ["48 89 d1", "mov rcx, rdx", "a call that is tried once more finds its arguments in registers"],
    ["49 89 c3", "mov r11, rax", ""],
    ["0f 31", "rdtsc", ""],
    ["48 c1 e2 20", "shl rdx, 32", ""],
    ["48 09 c2", "or rdx, rax", ""],
    ["48 89 53 30", "mov [rbx+48], rdx", "when it ended, in place of the sixth argument"],
    ["48 89 ca", "mov rdx, rcx", ""],
    ["4c 89 d8", "mov rax, r11", ""],
  ],
  arm64: [
    ["49 e0 3b d5", "mrs x9, cntvct_el0", ""],
    ["09 17 00 f9", "str x9, [x24, #40]", "when it began, in place of the fifth argument"],
    ["08 03 40 b9", "ldr w8, [x24]", "what the jump has replaced"],
    ["01 00 00 d4", "svc #0", ""],
    ["00 1f 00 f9", "str x0, [x24, #56]", ""],
    ["49 e0 3b d5", "mrs x9, cntvct_el0", ""],
    ["09 1b 00 f9", "str x9, [x24, #48]", "when it ended, in place of the sixth argument"],
  ],
};

/** The piece of the interpreter that makes the call and stores its result. */
const CALL: Readonly<Record<Machine, readonly number[]>> = {
  "x86-64": [0x8b, 0x03, 0x0f, 0x05, 0x48, 0x89, 0x43, 0x38],
  arm64: [0x08, 0x03, 0x40, 0xb9, 0x01, 0x00, 0x00, 0xd4, 0x00, 0x1f, 0x00, 0xf9],
};

/** The pieces, ready: this takes time that a command need not spend. */
const pieces = { "x86-64": bytesOf("x86-64"), arm64: bytesOf("arm64") };

const places = { "x86-64": placeOfCall("x86-64"), arm64: placeOfCall("arm64") };

function bytesOf(machine: Machine): readonly number[] {
  return CLOCK_LISTINGS[machine].flatMap(([bytes]) =>
    bytes.split(" ").map((byte) => Number.parseInt(byte, 16)),
  );
}

/** Like `interpreterCode`, with the clock. */
export function clockedCode(machine: Machine, control: number): Uint8Array {
  const code = interpreterCode(machine, control);
  const call = places[machine];
  const piece = pieces[machine];
  const jump = machine === "arm64" ? 4 : 5;
  const clocked = new Uint8Array(align(code.length + piece.length + jump));
  clocked.set(code);
  clocked.set(piece, code.length);
  clocked.set(jumpFrom(machine, call, code.length), call);
  const back = code.length + piece.length;
  clocked.set(jumpFrom(machine, back, call + CALL[machine].length), back);
  return clocked;
}

function placeOfCall(machine: Machine): number {
  const code = interpreterCode(machine, 0);
  const wanted = CALL[machine];
  for (let at = 0; at + wanted.length <= code.length; at++) {
    if (wanted.every((byte, index) => code[at + index] === byte)) return at;
  }
  throw new Error("the interpreter makes no call");
}

/** An instruction that jumps: `jmp rel32`, or `b` of arm64, which counts in instructions of four bytes. */
function jumpFrom(machine: Machine, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(machine === "arm64" ? 4 : 5);
  const view = new DataView(bytes.buffer);
  if (machine === "arm64") view.setUint32(0, 0x14000000 | (((to - from) >> 2) & 0x3ffffff), true);
  else {
    view.setUint8(0, 0xe9);
    view.setInt32(1, to - from - 5, true);
  }
  return bytes;
}

function align(size: number): number {
  return (size + 3) & ~3;
}
